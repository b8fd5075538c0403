"""RTCP that a peer sends: reports, NACKs, keyframe requests, BYE."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from mediaplane.model cimport plane_t, transport_t

# One SRTCP compound of a connected transport; opened in place.
cdef void rtcp_receive(plane_t *plane, transport_t *transport, uint8_t *data, uint32_t size,
                       int64_t now_us) noexcept nogil
