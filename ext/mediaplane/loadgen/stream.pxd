"""The receiving half: is every packet of a stream there, once, in order, authentic and as it was sent?"""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from mediaplane.loadgen.model cimport peer_t, stream_t
from mediaplane.wire.rtp cimport rtp_header_t

# The stream of a packet whose SSRC the answer did not name; NULL: it is of none. What follows decides whether it is
# authentic: this end has nothing to lose.
cdef stream_t *stream_bind(peer_t *peer, const uint8_t *data, const rtp_header_t *header) noexcept nogil
# A packet as it came, still sealed. False: a duplicate.
cdef bint stream_arrived(stream_t *stream, const rtp_header_t *header, uint32_t size, int64_t now_us) noexcept nogil
# The same, opened: `size` bytes with the header. Returns when it was sent, or -1 if it is not what the source made.
cdef int64_t stream_opened(stream_t *stream, const uint8_t *data, uint32_t size, const rtp_header_t *header,
                           const uint8_t *pattern) noexcept nogil
