"""Packets of one encoding to complete frames, in order: the jitter buffer of video.

It holds no payload. A frame is a run of sequence numbers; whoever takes it reads its packets where they are kept, such
as a retransmission_buffer_t. A frame comes out with the packet that completes it, never ahead of an older one. What is
missing is asked for, and given up after `hole_us`: then one keyframe is asked for, and frames are told to be
undecodable until it comes. If it breaks too, another one is asked for.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.stream.nack_generator cimport nack_generator_t

cdef enum:
    ASSEMBLER_WINDOW = 1024      # packets from the oldest that is waited for to the newest
    ASSEMBLER_HOLE_US = 140000   # two losses of a retransmission at a round trip of 60 ms; longer is seen as a freeze

# Whether a packet is the first of its frame, as far as its payload tells.
cdef enum FrameStart:
    START_UNKNOWN = 0
    START_NO = 1
    START_YES = 2

cdef struct assembler_slot_t:
    int64_t seq64                # -1: empty
    int64_t time_us              # when it came, or was found to be missing
    uint32_t timestamp
    uint8_t present
    uint8_t start                # FrameStart
    uint8_t marker
    uint8_t keyframe

cdef struct video_frame_t:
    int64_t first_seq
    int64_t last_seq
    uint32_t timestamp           # RTP clock
    uint8_t keyframe
    uint8_t decodable            # a keyframe, or nothing was lost since one

cdef struct frame_assembler_t:
    assembler_slot_t slots[1024]
    nack_generator_t nack
    int64_t hole_us
    int64_t next_seq             # first packet of the next frame, or where to look for it; -1: nothing came yet
    int64_t scan_seq             # the next frame's packets below it are there
    int64_t highest
    uint8_t searching            # the first packet of the next frame is not known
    uint8_t at_beginning         # nothing was skipped: a packet that may start a frame does
    uint8_t decodable
    uint8_t markers              # the sender marks the last packets of its frames
    uint8_t keyframe_wanted      # 2: and somebody was told
    int64_t broken_keyframe      # timestamp of the last one that did not get whole; -1: none
    uint64_t frames
    uint64_t keyframe_requests
    uint64_t given_up            # packets that did not come in time
    uint64_t packets_discarded   # that came, but whose frame did not get complete
    uint64_t duplicates
    uint64_t late                # came after they were given up, or again after their frame was out
    uint64_t jumps               # sequence numbers that left the window

cdef void frame_assembler_init(frame_assembler_t *assembler, int64_t hole_us) noexcept nogil
# OK; BAD_STATE for a packet that is there already or too late, which changes nothing.
# `seq64`: unwrapped and not negative.
cdef int frame_assembler_insert(frame_assembler_t *assembler, int64_t seq64, uint32_t timestamp, bint marker,
                                uint8_t start, bint keyframe, int64_t now_us) noexcept nogil
# Takes the next complete frame, after giving up what has been missing for too long. False: there is none now.
cdef bint frame_assembler_next(frame_assembler_t *assembler, int64_t now_us, video_frame_t *frame) noexcept nogil
# When frame_assembler_next gives up what it waits for; INT64_MAX: it waits for nothing that is missing.
cdef int64_t frame_assembler_deadline(const frame_assembler_t *assembler) noexcept nogil
# Sequence numbers to ask the sender for now, as nack_generator_due.
cdef int frame_assembler_missing(frame_assembler_t *assembler, int64_t now_us, int64_t rtt_us, uint16_t *seqs,
                                 uint32_t capacity) noexcept nogil
# True once for each time that a keyframe is needed.
cdef bint frame_assembler_take_keyframe_request(frame_assembler_t *assembler) noexcept nogil
