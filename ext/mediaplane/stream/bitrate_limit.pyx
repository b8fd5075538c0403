"""The token bucket of a track's bit rate: see bitrate_limit.pxd."""
from libc.stdint cimport INT64_MIN

cdef enum:
    # Encoders are above their target for seconds, and pay it back. What goes on above it is past this share.
    TOLERANCE_PERCENT = 112


cdef inline int64_t _cost_ns(const bitrate_limit_t *limit, int64_t size) noexcept nogil:
    """How long it takes to send so many bytes at the bound."""
    return size * 800000000 * 1000 // (limit.bound_bps * <int64_t>TOLERANCE_PERCENT)


cdef void bitrate_limit_set(bitrate_limit_t *limit, uint32_t bound_bps) noexcept nogil:
    limit.bound_bps = bound_bps
    limit.paid_ns = INT64_MIN


cdef bint bitrate_limit_take(bitrate_limit_t *limit, uint32_t size, int64_t now_us) noexcept nogil:
    cdef int64_t now_ns = now_us * 1000
    cdef int64_t burst_ns
    cdef int64_t paid_ns
    if limit.bound_bps == 0:
        return True
    burst_ns = max(<int64_t>BITRATE_LIMIT_BURST_US * 1000, _cost_ns(limit, BITRATE_LIMIT_BURST_BYTES))
    paid_ns = max(limit.paid_ns, now_ns - burst_ns) + _cost_ns(limit, size)
    if paid_ns > now_ns:
        return False
    limit.paid_ns = paid_ns
    return True
