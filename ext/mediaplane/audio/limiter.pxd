"""A limiter that looks ahead: the sum of many voices becomes 16 bits, never wraps and never is cut off audibly.

The gain changes from block to block of 16 frames and within a block in a straight line. It has come down when a peak
begins, because the sound is given out 64 frames later than it came, and it goes up slowly. Where nothing is too loud
every sample leaves as it came. Channels share one gain, so that the picture stays where it is.
"""
from libc.stdint cimport int16_t, int32_t, uint64_t

cdef enum:
    LIMITER_BLOCK = 16           # frames
    LIMITER_AHEAD = 4            # blocks by which the output is later than the input
    LIMITER_DELAY = 64           # frames
    LIMITER_CEILING = 32000      # -0.2 dBFS
    LIMITER_MAX_TICK = 960       # frames

cdef struct limiter_t:
    int channels
    float[5] needed              # gain that each of the last blocks needs, the newest first
    float[4] released            # what the release made of it, the newest first
    float gain                   # at the end of the last block given out
    uint64_t limited             # blocks given out with a gain below 1
    int32_t[2048] line           # what has still to be given out, then the tick: (64 + 960) * 2

cdef void limiter_init(limiter_t *limiter, int channels) noexcept nogil
# `frames`: a multiple of LIMITER_BLOCK up to LIMITER_MAX_TICK, of sums that stay below 2^30.
cdef void limiter_run(limiter_t *limiter, const int32_t *sums, int16_t *out, int frames) noexcept nogil
# Goes on as if it had been the other one so far.
cdef void limiter_follow(limiter_t *limiter, const limiter_t *other) noexcept nogil
