"""Feedback to publishers: keyframe requests, NACKs, transport-wide congestion feedback."""
from libc.stdint cimport int64_t

from mediaplane.model cimport encoding_t, plane_t, transport_t

# A consumer or the NACK generator wants a keyframe of the encoding: sent now, or when the throttle allows it.
cdef void keyframe_wanted(plane_t *plane, encoding_t *encoding, int64_t now_us) noexcept nogil
cdef void keyframe_timeout(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil
cdef void nack_timeout(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil
cdef void congestion_timeout(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil
