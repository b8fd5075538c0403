"""What travels through a pipe. Ids are those of the producer's own worker.

A state or a wish says everything that holds and is said again every second, so one that was lost does no lasting harm.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from mediaplane.pipes.pipe cimport pipe_record_t
from mediaplane.stream.timestamp_map cimport rtp_clock_t

cdef enum PipeRecordKind:
    PIPE_PACKET = 1              # from the producer's worker
    PIPE_STATE = 2               # likewise
    PIPE_WISH = 3                # to the producer's worker
    PIPE_END = 4                 # likewise: no piped producer stands for it there any more

# A packet, and behind it its bytes: decrypted, without padding, header extensions in the two-byte form with their
# ExtensionKind as id. What consumers close the gap of has no payload.
cdef struct pipe_packet_t:
    pipe_record_t record
    uint32_t producer
    uint32_t begun
    int64_t seq64
    uint16_t size
    uint8_t encoding

cdef enum:
    PIPE_STATE_ENCODINGS = 16    # MAX_MIX_ENCODINGS

cdef struct pipe_encoding_state_t:
    rtp_clock_t clock
    uint32_t begun
    uint8_t active

# Only as long as its encodings are many.
cdef struct pipe_state_t:
    pipe_record_t record
    uint32_t producer
    uint8_t open
    uint8_t mixed                # it is a mix: see producer_t
    uint8_t encoding_count
    uint32_t apart[15]
    pipe_encoding_state_t encodings[16]

# PIPE_WISH and PIPE_END.
cdef struct pipe_wish_t:
    pipe_record_t record
    uint32_t producer
    uint16_t encodings           # those to hand over, a bit each
    uint16_t keyframes           # those of which a keyframe is needed


cdef inline uint32_t pipe_state_size(uint32_t encoding_count) noexcept nogil:
    return <uint32_t>(sizeof(pipe_state_t) - (PIPE_STATE_ENCODINGS - encoding_count) * sizeof(pipe_encoding_state_t))
