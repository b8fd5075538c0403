"""From the packets of a batch to the consumers that get them, transport by transport."""
from libc.stdint cimport int64_t

from mediaplane.model cimport plane_t

# Marks, for every packet of the batch that shall be forwarded, the consumers of its producer.
cdef void router_fan_out(plane_t *plane, int64_t now_us) noexcept nogil
# Writes marked packets into the egress, one destination after the other (neighbours become GSO runs). True when all
# are written; False when the egress is full: flush and call again.
cdef bint router_drain(plane_t *plane, int64_t now_us) noexcept nogil
