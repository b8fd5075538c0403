"""Producers of this worker that others have consumers of: what is handed to those, and what they wish."""
from libc.stdint cimport int64_t

from mediaplane.model cimport encoding_t, pipe_end_t, plane_t, producer_t
from mediaplane.pipes.records cimport pipe_wish_t

# Marks the encoding's packets of the batch at hand for every worker that wants them.
cdef void outgoing_mark(plane_t *plane, const encoding_t *encoding) noexcept nogil
# Hands over what was marked, in the order in which it came. A full pipe drops, counted.
cdef void outgoing_packets(plane_t *plane) noexcept nogil
# Tells every worker that has the producer how it stands.
cdef void outgoing_state(plane_t *plane, producer_t *producer) noexcept nogil
# A wish (or the end) came from another worker.
cdef void outgoing_wish(plane_t *plane, const pipe_end_t *end, const pipe_wish_t *wish, int64_t now_us) noexcept nogil
