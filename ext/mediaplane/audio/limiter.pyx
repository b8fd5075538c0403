"""Gain over blocks: see limiter.pxd."""
from libc.string cimport memcpy, memmove, memset

from mediaplane.audio.mix_kernels cimport mix_narrow, mix_peaks, mix_scale
from mediaplane.debug cimport invariant

cdef enum:
    TICK_BLOCKS = 60

cdef float RELEASE = 0.0033      # of what is missing, per block of a third of a millisecond: 63 % in 100 ms
cdef float SETTLED = 0.9999      # from here on the gain is 1


cdef void limiter_init(limiter_t *limiter, int channels) noexcept nogil:
    cdef int i
    memset(limiter, 0, sizeof(limiter_t))
    limiter.channels = channels
    limiter.gain = 1
    for i in range(LIMITER_AHEAD + 1):
        limiter.needed[i] = 1
    for i in range(LIMITER_AHEAD):
        limiter.released[i] = 1


cdef void limiter_follow(limiter_t *limiter, const limiter_t *other) noexcept nogil:
    cdef int delayed = LIMITER_DELAY * other.channels * sizeof(int32_t)
    memcpy(limiter.needed, other.needed, sizeof(limiter.needed))
    memcpy(limiter.released, other.released, sizeof(limiter.released))
    limiter.gain = other.gain
    memcpy(limiter.line, other.line, delayed)


cdef inline bint _is_idle(const limiter_t *limiter) noexcept nogil:
    """Whether the gain is 1 and nothing that waits will change it."""
    cdef int i
    if limiter.gain != 1:
        return False
    for i in range(LIMITER_AHEAD):
        if limiter.needed[i] != 1 or limiter.released[i] != 1:
            return False
    return limiter.needed[<int>LIMITER_AHEAD] == 1


# The gain at the end of the block that came LIMITER_AHEAD ago, now that one with this peak has come: the mean over the
# look-ahead of what is least needed within it. Each of these lies at or below what a peak within needs, from the
# beginning of its block to the end.
cdef inline float _next_gain(limiter_t *limiter, int32_t peak) noexcept nogil:
    cdef float needed = 1 if peak <= LIMITER_CEILING else <float>LIMITER_CEILING / <float>peak
    cdef float released = limiter.released[0]
    cdef float total = 0
    cdef float mean
    cdef int i
    for i in range(LIMITER_AHEAD, 0, -1):
        limiter.needed[i] = limiter.needed[i - 1]
    limiter.needed[0] = needed
    released += (1 - released) * RELEASE
    if released > SETTLED:
        released = 1
    for i in range(LIMITER_AHEAD + 1):
        released = min(released, limiter.needed[i])
    for i in range(LIMITER_AHEAD - 1, 0, -1):
        limiter.released[i] = limiter.released[i - 1]
    limiter.released[0] = released
    for i in range(LIMITER_AHEAD):
        total += limiter.released[i]
    mean = total / LIMITER_AHEAD
    return min(mean, 1)


cdef void limiter_run(limiter_t *limiter, const int32_t *sums, int16_t *out, int frames) noexcept nogil:
    cdef int32_t peaks[TICK_BLOCKS]
    cdef int channels = limiter.channels
    cdef int width = LIMITER_BLOCK * channels
    cdef int delayed = LIMITER_DELAY * channels
    cdef int blocks = frames // LIMITER_BLOCK
    cdef int32_t loudest
    cdef float gain
    cdef int block
    invariant(0 < frames <= LIMITER_MAX_TICK and frames % LIMITER_BLOCK == 0, "a limiter takes whole blocks")
    memcpy(limiter.line + delayed, sums, frames * channels * sizeof(int32_t))
    loudest = mix_peaks(sums, peaks, blocks, width)
    if loudest <= LIMITER_CEILING and _is_idle(limiter):
        mix_narrow(limiter.line, out, frames * channels)
    else:
        for block in range(blocks):
            gain = _next_gain(limiter, peaks[block])
            if gain == 1 and limiter.gain == 1:
                mix_narrow(limiter.line + block * width, out + block * width, width)
            else:
                mix_scale(limiter.line + block * width, out + block * width, LIMITER_BLOCK, channels, limiter.gain,
                          (gain - limiter.gain) / LIMITER_BLOCK)
                limiter.limited += 1
            limiter.gain = gain
    memmove(limiter.line, limiter.line + frames * channels, delayed * sizeof(int32_t))
