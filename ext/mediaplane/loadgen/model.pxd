"""What the load generator holds: peers with the RTP streams that they send and receive. One thread owns all of it.

Python reads the counters while the thread runs: each is one aligned word that only grows.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.deadlines cimport deadline_heap_t, deadline_t
from mediaplane.loadgen.histogram cimport histogram_t
from mediaplane.loadgen.peer_socket cimport incoming_t
from mediaplane.rings cimport ring_t
from mediaplane.secure.dtls cimport dtls_context_t, dtls_fingerprint_t, dtls_session_t
from mediaplane.secure.srtp cimport (
    srtp_engine_t, srtp_protect_job_t, srtp_replay_t, srtp_session_t, srtp_unprotect_job_t,
)
from mediaplane.stream.receive_statistics cimport receive_statistics_t
from mediaplane.wire.rtp cimport rtp_header_t

cdef enum:
    MAX_SOURCES = 4
    MAX_STREAMS = 128            # that one peer receives
    SPARE_REPORTERS = 16         # SSRCs that send one peer RTCP, besides those of its streams
    DATAGRAM_BYTES = 2048
    BURST = 64                   # datagrams sealed and sent at once

cdef enum PeerState:
    PEER_CHECKING = 0            # no connectivity check has succeeded yet
    PEER_HANDSHAKING = 1
    PEER_CONNECTED = 2
    PEER_CLOSED = 3              # by the server's close_notify
    PEER_FAILED = 4

# Places in deadline_t.due_us.
cdef enum PeerDeadline:
    DUE_CHECK = 0
    DUE_DTLS = 1
    DUE_REPORT = 2
    DUE_MEDIA = 3

# An RTP stream that a peer sends.
cdef struct source_t:
    uint32_t id                  # stands in every payload
    uint32_t ssrc
    uint8_t is_video
    uint8_t payload_type
    uint8_t spread               # a frame's packets are sent over its interval, not at once
    uint8_t full_packets         # all packets of a frame but the last are full, else all have about one size
    uint8_t mid_id               # of the header extensions; 0: not negotiated
    uint8_t level_id
    uint8_t transport_cc_id
    uint8_t mid_size
    uint8_t mid[32]
    uint8_t rid_id
    uint8_t rid_size
    uint8_t rid[16]
    uint8_t keyframe_wanted
    uint32_t clock_rate          # Hz
    uint32_t frame_bytes         # mean payload of a frame
    uint32_t packet_bytes        # largest payload of a packet
    uint32_t random              # state of the frame sizes
    uint8_t *recording           # Opus packets that are sent over and over, see source.pxd; NULL: the pattern
    uint32_t recording_size
    uint32_t recording_at        # of the next one
    int64_t interval_us          # from frame to frame
    int64_t frame_due_us
    int64_t packet_due_us        # of the frame at hand
    # The frame at hand.
    uint32_t packets_left
    uint32_t bytes_left
    uint8_t is_first
    uint8_t is_keyframe
    uint8_t tl0picidx
    uint16_t picture_id
    uint32_t timestamp
    # What was sent.
    uint64_t index               # ROC << 16 | sequence number of the next packet
    uint64_t packets
    uint64_t octets
    uint64_t frames
    uint64_t keyframes
    uint64_t keyframe_requests
    uint64_t nacked              # sequence numbers that the server asked for

# An RTP stream that a peer receives.
cdef struct stream_t:
    uint32_t ssrc                # 0: not known yet
    uint32_t source_id           # of the source whose packets it carries; 0: none was opened yet
    uint8_t is_video
    uint8_t is_mixed             # what it carries is not what a source sent
    uint8_t payload_type
    uint8_t mid_id               # of the header extension; 0: not negotiated
    uint8_t mid_size
    uint8_t mid[32]
    srtp_replay_t replay         # of the opened packets
    srtp_replay_t order          # of all, by RTP sequence number
    srtp_replay_t numbers        # of the opened ones, by the number that the source gave them
    receive_statistics_t statistics
    uint64_t first_index
    uint64_t packets             # distinct ones
    uint64_t octets              # of datagrams
    uint64_t duplicates
    uint64_t reordered
    uint64_t wrong_payload_type
    uint64_t unauthentic
    uint64_t corrupt             # authentic, but not the payload that the source made
    uint64_t verified
    uint64_t first_number        # of the present source
    uint64_t distinct_numbers
    uint64_t missing_before      # numbers of earlier sources that never came
    uint64_t misordered          # numbers that went back while the RTP sequence went on
    uint64_t sender_reports
    int64_t first_packet_us
    int64_t last_packet_us
    int64_t latency_sum_us       # of the opened ones
    int64_t latency_max_us

cdef struct reporter_t:
    uint32_t ssrc
    srtp_replay_t replay

cdef struct peer_t:
    uint32_t id
    int fd
    uint8_t state                # PeerState
    uint8_t dtls_role
    uint8_t fingerprint_count
    uint8_t check_pending        # the last check was not answered yet
    uint16_t username_size
    uint16_t remote_pwd_size
    uint16_t local_pwd_size
    uint16_t remote_port
    uint8_t remote_address_size
    uint8_t remote_address[16]
    uint32_t source_count
    uint32_t stream_count
    uint32_t unbound_streams     # whose SSRC is not known yet
    uint32_t reporter_count
    uint32_t reporter_capacity
    uint32_t next_reported       # stream, of those that do not fit into one receiver report
    uint32_t stream_ssrcs[128]   # of `streams`, close together for the search
    deadline_t deadline
    srtp_session_t *srtp_receive
    srtp_session_t *srtp_send
    dtls_session_t *dtls
    uint16_t transport_cc_seq
    uint32_t local_ssrc          # sender of receiver reports
    uint32_t srtcp_index
    int64_t started_us
    int64_t ice_us               # when the first check was answered
    int64_t connected_us
    uint64_t checks_sent
    uint64_t checks_unanswered
    uint64_t late_answers        # to a check that was given up for the next one
    uint64_t bad_datagrams       # STUN, DTLS, RTCP or RTP that was no use, or of an SSRC nobody announced
    int failed_errno             # the socket's, 0: none
    int profile                  # SRTP profile; 0: not connected yet
    uint32_t retry_ms            # of the checks before the first answer
    uint8_t transaction_id[12]
    uint64_t tie_breaker
    uint8_t username[520]        # "remote ufrag:local ufrag"
    uint8_t remote_pwd[256]
    uint8_t local_pwd[256]
    dtls_fingerprint_t fingerprints[4]
    source_t sources[4]
    stream_t *streams            # MAX_STREAMS at most
    reporter_t *reporters

# A packet that waits to be opened with its batch.
cdef struct sealed_t:
    stream_t *stream
    rtp_header_t header

# All that the peers of one thread share.
cdef struct generator_t:
    srtp_engine_t *srtp
    dtls_context_t *dtls
    incoming_t *incoming
    deadline_heap_t deadlines
    ring_t joining               # peer_t *: from Python to the thread
    uint32_t open_every          # one packet in so many is opened and checked
    uint32_t peer_count          # those that the thread has taken
    peer_t **peers
    uint32_t max_peers
    int epoll_fd
    int wake_fd
    int stopping
    int sending                  # media is sent
    uint8_t gro                  # peers take runs of datagrams in one piece
    int failed_errno             # what ended the thread, 0: nothing
    uint64_t messages            # taken from the kernel: runs or single datagrams
    uint64_t datagrams
    uint64_t late_frames         # sent more than LATE_US after their time
    uint64_t send_errors
    histogram_t audio_gap        # from a packet of a stream to its next one
    histogram_t audio_latency
    histogram_t video_latency
    uint32_t sealed_count
    sealed_t sealed[64]
    srtp_unprotect_job_t opening[64]
    srtp_protect_job_t sealing[64]
    uint32_t sizes[64]
    uint8_t outgoing[64 * 2048]
    uint8_t pattern[4096]
