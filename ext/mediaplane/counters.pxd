"""What a worker counts: one 64-bit number each, written by its thread, read by anyone."""
from libc.stdint cimport uint64_t

cdef enum Counter:
    COUNT_DATAGRAMS_RECEIVED
    COUNT_BYTES_RECEIVED
    COUNT_DATAGRAMS_SENT
    COUNT_BYTES_SENT
    COUNT_SEND_CALLS
    COUNT_SEND_RUNS                 # messages given to the kernel; datagrams / runs is the mean GSO run
    COUNT_RTP_RECEIVED
    COUNT_RTP_FORWARDED
    COUNT_RTCP_RECEIVED
    COUNT_RTCP_SENT
    COUNT_RTX_RECEIVED              # packets that came back by RTX
    COUNT_RTX_SENT                  # packets resent to consumers
    COUNT_NACK_SENT                 # sequence numbers asked from publishers
    COUNT_NACK_RECEIVED             # sequence numbers consumers asked for
    COUNT_NACK_UNANSWERED           # of those: no longer cached, or asked again too soon
    COUNT_PLI_SENT                  # asking publishers for keyframes
    COUNT_FIR_SENT
    COUNT_PLI_RECEIVED              # of consumers
    COUNT_FIR_RECEIVED              # likewise: each number once, however often it is repeated
    COUNT_ENCODING_SWITCHES
    COUNT_STUN_REQUESTS
    COUNT_DTLS_HANDSHAKES
    COUNT_TUPLE_SWITCHES
    COUNT_PIPE_PACKETS_SENT         # handed to other workers, once for each
    COUNT_PIPE_PACKETS_RECEIVED
    # Dropped, by reason.
    COUNT_DROP_OVERSIZED            # longer than the receive buffer
    COUNT_DROP_UNKNOWN_PROTOCOL     # RFC 7983 knows no such first byte
    COUNT_DROP_UNKNOWN_TUPLE        # no transport has authenticated this source
    COUNT_DROP_STUN_MALFORMED
    COUNT_DROP_STUN_UNAUTHENTICATED
    COUNT_DROP_STUN_REFUSED         # authentic, answered with an error
    COUNT_DROP_DTLS                 # no session takes it
    COUNT_DROP_DATA_FLOOD           # application data beyond what a peer may send
    COUNT_DROP_HANDSHAKE_FULL       # too many handshakes wait
    COUNT_DROP_NOT_CONNECTED        # media before the DTLS handshake
    COUNT_DROP_RTP_MALFORMED
    COUNT_DROP_RTCP_MALFORMED
    COUNT_DROP_UNKNOWN_SSRC
    COUNT_DROP_UNKNOWN_PAYLOAD_TYPE
    COUNT_DROP_SSRC_LIMIT           # more sources than a transport may have
    COUNT_DROP_SRTP_AUTH
    COUNT_DROP_SRTP_REPLAYED
    COUNT_DROP_DUPLICATE            # came by RTX and by itself
    COUNT_DROP_GATED                # muted or not permitted
    COUNT_DROP_OVER_BITRATE         # more than the track may send
    COUNT_DROP_NOT_CACHED           # larger than a cache takes
    COUNT_DROP_PADDING              # padding only: a probe, not forwarded
    COUNT_DROP_SEAL                 # a cryptographic library refused
    COUNT_DROP_PIPE_FULL            # packets that another worker did not take in time
    COUNT_DROP_EGRESS_FULL
    COUNT_DROP_SEND_BLOCKED         # the socket's buffer stayed full
    COUNT_DROP_SEND_ERROR
    COUNT_COMMANDS
    COUNT_COMMANDS_STALE            # for an object that has gone
    COUNT_COMMANDS_REFUSED          # a table is full, an id is taken
    COUNT_EVENTS_LOST               # the event ring was full
    COUNT_LOOPS
    COUNTER_COUNT

cdef struct counters_t:
    uint64_t values[COUNTER_COUNT]

cdef dict counters_to_python(const counters_t *counters)
