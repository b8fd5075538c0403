"""Datagrams on their way out: written, sealed together, and joined to runs that the kernel takes in one call."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from mediaplane.address cimport transport_tuple_t
from mediaplane.counters cimport counters_t
from mediaplane.model cimport egress_t, transport_t
from mediaplane.secure.srtp cimport srtp_engine_t, srtp_session_t

cdef enum:
    EGRESS_RESERVE = 2048        # bytes a reservation holds: the largest datagram this server sends
    GSO_MAX_SEGMENTS = 64        # the kernel's UDP_MAX_SEGMENTS
    GSO_MAX_BYTES = 65000        # below the largest UDP payload

cdef int egress_init(egress_t *egress) noexcept nogil            # OK or NO_MEMORY
cdef void egress_free(egress_t *egress) noexcept nogil
# Room for one datagram of at most EGRESS_RESERVE bytes; NULL: full until the next flush.
cdef uint8_t *egress_reserve(egress_t *egress) noexcept nogil
cdef bint egress_full(const egress_t *egress) noexcept nogil
# The reserved datagram is ready as it stands. `destination` must live until the flush.
cdef void egress_commit(egress_t *egress, uint32_t size, const transport_tuple_t *destination) noexcept nogil
# The same to a source that is no transport's selected tuple; NO_SPACE when too many such replies wait.
cdef int egress_commit_reply(egress_t *egress, uint32_t size, const transport_tuple_t *destination) noexcept nogil
# The reserved datagram is an RTP packet to seal: header in place, `payload` in place or elsewhere (then it must live
# until the flush).
cdef void egress_commit_rtp(egress_t *egress, transport_t *transport, uint32_t header_size, const uint8_t *payload,
                            uint32_t payload_size, uint32_t ssrc, uint64_t index) noexcept nogil
# Seals what waits and fills `egress.sends`; returns how many there are. They hold until the next write to the egress.
cdef uint32_t egress_flush(egress_t *egress, srtp_engine_t *engine, counters_t *counters) noexcept nogil
