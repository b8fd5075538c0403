"""SRTCP on the way out: one counter of packets a transport."""
from mediaplane.counters cimport COUNT_DROP_SEAL, COUNT_RTCP_SENT
from mediaplane.egress cimport EGRESS_RESERVE, egress_commit
from mediaplane.secure.srtp cimport srtcp_protect


cdef void rtcp_send(plane_t *plane, transport_t *transport, uint8_t *data, uint32_t size) noexcept nogil:
    cdef int sealed = srtcp_protect(plane.srtp, transport.srtp_send, data, size, EGRESS_RESERVE, transport.srtcp_index)
    transport.srtcp_index = (transport.srtcp_index + 1) & 0x7FFFFFFF
    if sealed < 0:
        plane.counters.values[<int>COUNT_DROP_SEAL] += 1
        return
    egress_commit(&plane.egress, sealed, &transport.tuples[transport.selected].address)
    plane.counters.values[<int>COUNT_RTCP_SENT] += 1
