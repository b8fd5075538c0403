"""What the media plane holds: transports, producers with their encodings, consumers, and the batch at hand.

Only shapes; each module that acts on one of them says what it may change. Everything is owned by one worker thread.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.address cimport transport_tuple_t
from mediaplane.audio.active_speaker cimport speaker_t
from mediaplane.congestion.transport_cc cimport transport_cc_receiver_t
from mediaplane.counters cimport counters_t
from mediaplane.deadlines cimport deadline_heap_t, deadline_t
from mediaplane.distributions cimport distributions_t
from mediaplane.handshakes cimport handshake_queue_t
from mediaplane.pipes.pipe cimport pipe_t
from mediaplane.rings cimport ring_t
from mediaplane.secure.dtls cimport dtls_context_t, dtls_fingerprint_t, dtls_session_t
from mediaplane.secure.ice_lite cimport ice_credentials_t
from mediaplane.secure.srtp cimport (
    srtp_engine_t, srtp_protect_job_t, srtp_replay_t, srtp_session_t, srtp_unprotect_job_t,
)
from mediaplane.stream.bitrate_limit cimport bitrate_limit_t
from mediaplane.stream.keyframe_request cimport keyframe_request_t
from mediaplane.stream.nack_generator cimport nack_generator_t
from mediaplane.stream.receive_statistics cimport receive_statistics_t
from mediaplane.stream.resend_guard cimport resend_guard_t
from mediaplane.stream.retransmission_buffer cimport cached_packet_t, retransmission_buffer_t
from mediaplane.stream.seq_map cimport seq_map_t
from mediaplane.stream.timestamp_map cimport rtp_clock_t
from mediaplane.tables cimport id_table_t, tuple_table_t
from mediaplane.wire.rtp cimport rtp_header_t
from mediaplane.wire.rtp_extensions cimport extension_element_t
from mediaplane.wire.vp8 cimport vp8_descriptor_t

cdef enum:
    BATCH_SIZE = 64              # datagrams received at once
    MAX_TUPLES = 4               # validated 5-tuples a transport keeps
    MAX_RECEIVE_STREAMS = 32     # SSRCs that a transport may receive
    MAX_ENCODINGS = 4            # of what a peer sends
    MAX_MIX_ENCODINGS = 16       # the whole mix, and one without each talker
    MAX_WORKERS = 64             # that pipes join: a bit each in a mask
    MIXER_WORKER = 63            # the number under which workers know the mixing thread
    MAX_APART = 15               # MAX_MIX_ENCODINGS - 1
    MID_CAPACITY = 32
    RID_CAPACITY = 16
    CNAME_CAPACITY = 64
    NO_ENCODING = 255
    EGRESS_DATAGRAMS = 512       # sealed and sent together
    EGRESS_BYTES = 1 << 20
    DATAGRAM_CAPACITY = 2048     # receive buffer of one datagram

cdef enum MediaKind:
    KIND_AUDIO = 1
    KIND_VIDEO = 2

cdef enum TransportState:
    TRANSPORT_NEW = 0            # waits for ICE and DTLS
    TRANSPORT_CONNECTED = 1
    TRANSPORT_CLOSED = 2         # waits for its event to be taken

cdef enum CloseReason:
    CLOSE_NONE = 0
    CLOSE_BY_US = 1
    CLOSE_BY_PEER = 2
    CLOSE_CONSENT = 3
    CLOSE_FINGERPRINT = 4
    CLOSE_DTLS = 5
    CLOSE_CONNECT_TIMEOUT = 6
    CLOSE_NO_MEMORY = 7

# One SSRC that a transport receives.
cdef struct receive_stream_t:
    uint32_t ssrc
    uint8_t is_rtx
    encoding_t *encoding         # NULL: its producer was closed
    srtp_replay_t replay

# One SSRC that sends a transport RTCP.
cdef struct rtcp_source_t:
    uint32_t ssrc
    srtp_replay_t replay

cdef struct tuple_slot_t:
    transport_tuple_t address
    int64_t valid_us             # last authenticated check; 0: free

# One peer connection.
cdef struct transport_t:
    uint32_t id
    uint8_t state                # TransportState
    uint8_t close_reason         # CloseReason
    uint8_t dtls_role
    uint8_t keep_dtls            # data channels use it
    int64_t data_due_us          # up to when its peer's allowance of application data is used up
    uint8_t has_selected
    uint8_t has_previous_ice
    uint8_t fingerprint_count
    uint8_t selected             # index in `tuples`
    uint8_t sent_first_report
    tuple_slot_t tuples[4]
    ice_credentials_t ice
    ice_credentials_t previous_ice   # hold until the first check with the new ones
    dtls_fingerprint_t fingerprints[4]
    dtls_session_t *dtls
    srtp_session_t *srtp_receive
    srtp_session_t *srtp_send
    uint16_t srtp_overhead
    uint32_t srtcp_index
    uint32_t local_ssrc          # sender of receiver reports and feedback
    uint32_t feedback_ssrc       # media source named in congestion feedback
    int64_t rtt_us               # of the last report block, 0: unknown
    uint8_t kind_by_id[256]      # header extensions the peer sends
    uint32_t stream_count
    uint32_t stream_ssrcs[32]    # of `streams`, close together for the search
    receive_stream_t streams[32]
    uint32_t rtcp_source_count
    rtcp_source_t rtcp_sources[32]
    transport_cc_receiver_t *transport_cc    # NULL until a producer needs it
    deadline_t deadline
    producer_t *producers        # list
    consumer_t *consumers        # list
    int64_t extensions_us        # when `kind_by_id` changed last
    consumer_t *pending          # consumers with packets of this batch
    transport_t *next_pending
    uint8_t is_pending
    transport_t *next_closed
    pipe_end_t *pipe             # NULL: a peer connection; else it stands for another worker
    int64_t created_us
    int64_t dtls_us              # of the first authentic check, when DTLS began

# One quality of a producer.
cdef struct encoding_t:
    producer_t *producer
    uint8_t index
    uint8_t active               # packets came lately
    uint8_t rid_size
    uint8_t rid[16]
    uint32_t ssrc                # 0: not known yet
    uint32_t rtx_ssrc
    uint8_t fir_seq
    uint8_t payload_type         # of the last packet
    int64_t highest_seq
    int64_t last_packet_us
    uint64_t batch_mask          # packets of the batch at hand
    uint64_t wanted_by           # other workers that its packets are handed to, a bit each
    uint32_t begun               # how often its numbers began anew
    encoding_t *next_touched
    rtp_clock_t clock
    receive_statistics_t statistics
    nack_generator_t nack
    keyframe_request_t keyframe_request
    retransmission_buffer_t cache

# One incoming source.
cdef struct producer_t:
    uint32_t id
    uint8_t kind
    uint8_t open                 # its gate
    uint8_t nack
    uint8_t pli
    uint8_t fir
    uint8_t transport_cc         # its packets are told of in congestion feedback
    uint8_t mid_size
    uint8_t encoding_count       # of a mix up to MAX_MIX_ENCODINGS
    uint8_t mid[32]
    uint8_t codec_by_pt[128]     # Codec + 1; 0: not negotiated
    uint8_t apt_by_pt[128]       # of an RTX payload type: what it repairs + 1; 0: not RTX
    uint32_t clock_by_pt[128]    # Hz
    int64_t level_event_us       # when the last audio level was told
    uint8_t level_peak           # the loudest since then, -dBov; 127: silence
    uint8_t level_voice
    uint8_t speaks               # its speaker is in a group
    speaker_t *speaker           # NULL: it is not among those of whom some speak
    bitrate_limit_t limit        # over all its encodings
    encoding_t *encodings        # `encoding_count` of them
    transport_cc_receiver_t *transport_cc_receiver   # for the transport, if it has none yet
    transport_t *transport
    producer_t *next
    consumer_t **consumers
    uint32_t consumer_count
    uint32_t consumer_capacity
    uint64_t piped_to            # other workers where a piped producer stands for it, a bit each
    # Of a piped producer: what its own worker is told.
    uint32_t source_id           # the producer it stands for; 0: it is none
    uint32_t wished_encodings    # those it was last told are wanted, a bit each
    uint16_t wished_keyframes    # to tell
    uint8_t is_wishing
    producer_t *next_wishing
    # Of a mix: encoding 0 is for everybody but the transports named here. Their consumers get encoding n + 1, in which
    # they do not hear themselves.
    uint8_t mixed
    uint32_t apart[15]           # 0: nobody

# One outgoing copy of a producer, or an empty receive slot.
cdef struct consumer_t:
    # What every packet touches.
    producer_t *producer         # NULL: an empty slot
    transport_t *transport
    uint64_t pending_mask        # packets of the batch at hand that it shall get
    consumer_t *next_pending
    uint8_t open
    uint8_t current              # encoding, NO_ENCODING: none yet
    uint8_t target               # encoding it shall have
    uint8_t in_sync              # False: the next packet (audio) or keyframe (video) starts a new epoch
    uint8_t kind
    uint8_t two_byte             # the peer takes two-byte header extensions
    uint8_t mid_id               # of the MID extension, 0: not negotiated
    uint8_t mid_size
    uint8_t generation           # of the source, so that numbers of an old source are never answered from a new one
    uint8_t synced_generation    # of the last epoch
    uint8_t wide_ids             # an extension id that the one-byte form cannot carry
    uint8_t preferred            # encoding asked for; NO_ENCODING: the highest
    uint32_t ssrc
    uint32_t last_timestamp
    uint32_t packets
    uint32_t octets
    int64_t last_packet_us
    seq_map_t seq
    uint8_t payload_type_map[128]   # producer's payload type -> ours; 255: not shared
    uint8_t id_by_kind[32]
    uint8_t mid[32]
    # What RTCP and commands touch.
    uint8_t rtx_type_map[128]    # our payload type -> our RTX payload type; 0: none
    uint32_t id
    uint32_t rtx_ssrc
    int64_t rtx_seq
    uint32_t rtx_packets
    uint32_t rtx_octets
    uint8_t has_picture_id
    uint8_t last_tl0
    uint16_t last_picture_id
    uint32_t timestamp_offset    # of the last epoch
    uint32_t picture_offset      # likewise
    uint32_t last_sr_middle      # middle 32 bits of the NTP time of our last report
    int64_t last_sr_us
    uint8_t fraction_lost        # as the consumer reports it
    uint8_t has_fir_seq
    uint8_t last_fir_seq
    resend_guard_t resend
    uint8_t cname_size
    uint8_t cname[64]
    consumer_t *next             # in its transport
    uint32_t producer_index      # in the producer's list

# A received datagram.
cdef struct datagram_t:
    uint8_t *data                # writable, opened in place
    uint32_t size
    int64_t arrival_us           # when the kernel had it, on the worker's clock; not after the batch's time
    transport_tuple_t source

# An RTP packet of the batch at hand.
cdef struct ingress_t:
    transport_t *transport
    receive_stream_t *stream
    encoding_t *encoding
    const uint8_t *data          # in the encoding's cache once it was stored
    cached_packet_t *cached      # its entry there
    const uint8_t *payload
    uint8_t *datagram
    uint32_t datagram_size
    uint16_t payload_size
    uint8_t padding              # bytes to send behind the payload
    uint8_t element_count
    uint8_t opened               # decrypted already
    uint8_t starts_keyframe
    uint8_t codec
    uint8_t has_vp8
    uint8_t wide                 # an extension element that the one-byte form cannot carry
    uint8_t primary_type         # payload type of the newest block of a redundant packet
    uint16_t primary_offset      # where that begins; 0: it is not redundant
    int64_t seq64
    int64_t arrival_us           # of the datagram: for what is measured of the way here
    rtp_header_t header
    extension_element_t elements[16]
    vp8_descriptor_t vp8

# One datagram to send: sealed by a job, or ready.
cdef struct out_datagram_t:
    uint8_t *data
    uint32_t size                # as sent; 0: dropped
    const transport_tuple_t *destination
    int32_t job                  # index of its job, -1: none

# What goes to the kernel: a datagram, or a run of equal ones (the last may be shorter).
cdef struct send_t:
    uint8_t *data
    uint32_t size
    uint16_t segment_size        # 0: one datagram
    uint16_t segments
    const transport_tuple_t *destination

cdef struct egress_t:
    uint8_t *arena
    uint32_t used
    uint32_t count
    uint32_t job_count
    uint32_t send_count
    uint32_t reply_count
    uint8_t flushed              # what is there was given out: the next write starts anew
    out_datagram_t datagrams[512]
    srtp_protect_job_t jobs[512]
    send_t sends[512]
    transport_tuple_t replies[128]   # destinations that are no transport's selected tuple

# This worker's end of the two pipes between it and another one.
cdef struct pipe_end_t:
    uint8_t worker               # the other one
    pipe_t *incoming
    pipe_t *outgoing
    uint64_t pending_mask        # packets of the batch at hand that the other one shall get
    producer_t *wishing          # piped producers whose wishes may have changed
    transport_t transport        # has the piped producers of that worker

# All of one worker.
cdef struct plane_t:
    srtp_engine_t *srtp
    dtls_context_t *dtls
    uint16_t mtu
    id_table_t transports        # by id
    id_table_t producers
    id_table_t consumers
    id_table_t speaker_groups    # by id
    id_table_t ufrags            # local ufrag -> transport
    id_table_t consumer_ssrcs    # transport id << 32 | SSRC -> consumer
    tuple_table_t tuples
    deadline_heap_t deadlines
    handshake_queue_t handshakes  # wait until media has gone
    transport_t *closed          # wait for room in the event ring
    transport_t *pending         # transports with packets of this batch, in order
    transport_t *last_pending
    encoding_t *touched          # encodings with packets in this batch
    uint64_t piped_workers       # those that pipes lead to, a bit each
    pipe_end_t *pipes[64]        # by worker
    uint8_t next_pipe            # whose turn it is to be read
    id_table_t piped_producers   # worker << 32 | source id -> piped producer
    uint32_t ingress_count
    ingress_t ingress[64]
    srtp_unprotect_job_t jobs[64]
    uint64_t events_lost_told
    uint64_t levels_emitted      # events of audio levels
    counters_t counters
    distributions_t distributions
    egress_t egress
    ring_t *events
