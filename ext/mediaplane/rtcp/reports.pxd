"""Periodic reports: receiver reports to publishers, sender reports to subscribers (RFC 3550 section 6.4)."""
from libc.stdint cimport int64_t

from mediaplane.model cimport encoding_t, plane_t, transport_t

cdef enum:
    REPORT_INTERVAL_US = 1000000     # the mean; each is 0.75 to 1.25 of it (RFC 3550 section 6.3.1 spreads too)

# Subscribers learn of the publisher's clock at once: until then they can't synchronise audio and video.
cdef void report_soon(plane_t *plane, encoding_t *encoding, int64_t now_us) noexcept nogil
cdef void report_timeout(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil
