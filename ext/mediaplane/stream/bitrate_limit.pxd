"""How much a publisher may send on a track: a token bucket, as the time up to which what was sent is paid."""
from libc.stdint cimport int64_t, uint32_t

cdef enum:
    BITRATE_LIMIT_BURST_US = 2000000       # of the bound that may come at once: keyframes, what queued up on the way
    BITRATE_LIMIT_BURST_BYTES = 65536      # at least so much: a keyframe, where the bound is low

cdef struct bitrate_limit_t:
    int64_t bound_bps            # of payload; 0: there is none
    int64_t paid_ns              # how far the time is used up

# `bound_bps` 0: no bound. Whether it is a new one or another, a burst is free again.
cdef void bitrate_limit_set(bitrate_limit_t *limit, uint32_t bound_bps) noexcept nogil
# Whether so many bytes of payload are within the bound; if so they are counted.
cdef bint bitrate_limit_take(bitrate_limit_t *limit, uint32_t size, int64_t now_us) noexcept nogil
