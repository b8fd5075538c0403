"""The last step of every RTCP compound."""
from libc.stdint cimport uint8_t, uint32_t

from mediaplane.model cimport plane_t, transport_t

# Seals an unprotected compound that stands in the egress reservation `data` and puts it on its way.
cdef void rtcp_send(plane_t *plane, transport_t *transport, uint8_t *data, uint32_t size) noexcept nogil
