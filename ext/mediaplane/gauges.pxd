"""What a worker holds at this moment, for whoever watches it."""
from libc.stdint cimport int64_t

from mediaplane.model cimport plane_t
from mediaplane.rings cimport ring_t

cdef dict gauges_to_python(plane_t *plane, ring_t *commands, ring_t *events, int64_t cpu_us)
