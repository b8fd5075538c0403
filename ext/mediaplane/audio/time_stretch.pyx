"""The search for periods, and the blending: see time_stretch.pxd."""
from libc.math cimport cosf, sqrtf
from libc.string cimport memmove

cdef enum:
    COARSE = 6                   # the search begins at 8 kHz

cdef float PI = 3.14159265


cdef extern from *:
    """
    /* Four lanes, which every target has or is given by the compiler. Left to itself it adds floats one by one, since
       another order is another sum. */
    typedef float mp_lanes __attribute__((vector_size(16), aligned(4), may_alias));

    static inline void mp_correlate(const float *a, const float *b, int count, float *product, float *energy)
    {
        mp_lanes products = {0}, energies = {0};
        int i = 0;
        for (; i + 4 <= count; i += 4) {
            mp_lanes x = *(const mp_lanes *)(a + i), y = *(const mp_lanes *)(b + i);
            products += x * y;
            energies += y * y;
        }
        *product = products[0] + products[1] + products[2] + products[3];
        *energy = energies[0] + energies[1] + energies[2] + energies[3];
        for (; i < count; i++) {
            *product += a[i] * b[i];
            *energy += b[i] * b[i];
        }
    }
    """
    # The sum of a * b, and the energy of b, over `count` samples.
    void correlate "mp_correlate"(const float *a, const float *b, int count, float *product,
                                  float *energy) noexcept nogil


# The normalised correlation; `energy_a` of the first is known already.
cdef inline float similarity(const float *a, const float *b, int count, float energy_a) noexcept nogil:
    cdef float product, energy_b
    correlate(a, b, count, &product, &energy_b)
    return product / sqrtf((energy_a + 1.0) * (energy_b + 1.0))


cdef inline float mono(const int16_t *pcm, int at, int channels) noexcept nogil:
    return pcm[at] if channels == 1 else 0.5 * (pcm[2 * at] + pcm[2 * at + 1])


# The lag at which pcm[at ..] is most like pcm[at + sign * lag ..], over `window` samples. Everything between is there.
cdef uint32_t find_lag(const int16_t *pcm, int sign, uint32_t least, uint32_t most, uint32_t window, int channels,
                       float *similar) noexcept nogil:
    cdef float coarse[200]     # (STRETCH_MOST + STRETCH_WINDOW) / COARSE
    cdef float fine[1200]
    cdef int low = -<int>most if sign < 0 else 0
    cdef int high = <int>window if sign < 0 else <int>(most + window)
    cdef int coarse_size = (high - low) // COARSE
    cdef int head, i, k, lag, from_lag, to_lag
    cdef int best = 0
    cdef float value, energy, product
    cdef float found = -2.0
    for i in range(high - low):
        fine[i] = mono(pcm, low + i, channels)
    for i in range(coarse_size):
        value = 0.0
        for k in range(COARSE):
            value += fine[COARSE * i + k]
        coarse[i] = value
    head = -low // COARSE
    correlate(&coarse[head], &coarse[head], window // COARSE, &product, &energy)
    for lag in range(least // COARSE, most // COARSE + 1):
        if head + sign * lag < 0 or head + sign * lag + <int>window // COARSE > coarse_size:
            continue
        value = similarity(&coarse[head], &coarse[head + sign * lag], window // COARSE, energy)
        if value > found:
            found = value
            best = lag
    from_lag = max(<int>least, (best - 1) * COARSE)
    to_lag = min(<int>most, (best + 1) * COARSE)
    found = -2.0
    head = -low
    best = from_lag
    correlate(&fine[head], &fine[head], window, &product, &energy)
    for lag in range(from_lag, to_lag + 1):
        value = similarity(&fine[head], &fine[head + sign * lag], window, energy)
        if value > found:
            found = value
            best = lag
    similar[0] = found
    return <uint32_t>best


cdef inline int16_t saturated(float value) noexcept nogil:
    return <int16_t>max(min(value, 32767.0), -32768.0)


# out = a blend from `old` to `new` over `count`; `out` may be either of them. Unlike parts lose energy when they are
# added with weights that sum up to 1, so the sum is scaled by what it would lose.
cdef void blend(int16_t *out, const int16_t *old, const int16_t *new, uint32_t count, int channels,
                float similar) noexcept nogil:
    cdef uint32_t i
    cdef int channel
    cdef float rising, falling, scale
    cdef float alike = max(min(similar, 1.0), 0.0)
    for i in range(count):
        rising = 0.5 - 0.5 * cosf(PI * (i + 0.5) / count)
        falling = 1.0 - rising
        scale = 1.0 / sqrtf(rising * rising + falling * falling + 2.0 * alike * rising * falling)
        for channel in range(channels):
            out[i * channels + channel] = saturated(
                scale * (falling * old[i * channels + channel] + rising * new[i * channels + channel]))


cdef uint32_t stretch_shorter(int16_t *pcm, uint32_t count, int channels, uint32_t least, uint32_t most,
                              float similar) noexcept nogil:
    cdef uint32_t lag, length
    cdef float found = 0.0
    most = min(most, <uint32_t>STRETCH_MOST)
    if count < STRETCH_LEAST + STRETCH_BLEND:
        return 0
    most = min(most, count - STRETCH_BLEND)
    least = max(least, <uint32_t>STRETCH_LEAST)
    if most < least:
        return 0
    lag = find_lag(pcm, 1, least, most, min(count - most, <uint32_t>STRETCH_WINDOW), channels, &found)
    if found < similar:
        return 0
    length = min(<uint32_t>STRETCH_BLEND, count - lag)
    blend(pcm, pcm, pcm + lag * channels, length, channels, found)
    memmove(pcm + length * channels, pcm + (lag + length) * channels,
            (count - lag - length) * channels * sizeof(int16_t))
    return lag


cdef uint32_t stretch_longer(int16_t *pcm, uint32_t count, int channels, uint32_t most, float similar) noexcept nogil:
    cdef uint32_t lag, length
    cdef float found = 0.0
    most = min(most, <uint32_t>STRETCH_MOST)
    if count < STRETCH_LEAST or most < STRETCH_LEAST:
        return 0
    lag = find_lag(pcm, -1, STRETCH_LEAST, most, min(count, <uint32_t>STRETCH_WINDOW), channels, &found)
    if found < similar:
        return 0
    length = min(min(count, lag), <uint32_t>STRETCH_BLEND)
    memmove(pcm + lag * channels, pcm, count * channels * sizeof(int16_t))
    # From what comes next to what came one period before it; the rest of that period, and then what comes next.
    blend(pcm, pcm + lag * channels, pcm - <int>lag * channels, length, channels, found)
    memmove(pcm + length * channels, pcm - <int>(lag - length) * channels, (lag - length) * channels * sizeof(int16_t))
    return lag


cdef float stretch_energy(const int16_t *pcm, uint32_t count, int channels) noexcept nogil:
    cdef float energy = 0.0
    cdef uint32_t i
    if count == 0:
        return 0.0
    for i in range(count * channels):
        energy += <float>pcm[i] * pcm[i]
    return energy / (count * channels)
