"""The loops themselves: see mix_kernels.pxd. In C, for the attribute that has them compiled several times."""

cdef extern from *:
    """
    #include <stdint.h>

    /* AddressSanitizer is not there yet when the loader chooses among versions. */
    #if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_ADDRESS__)
    #define MP_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), noinline))
    #else
    #define MP_WIDE __attribute__((noinline))
    #endif

    MP_WIDE static void mp_mix_take(const int16_t *restrict pcm, int32_t *restrict own, int32_t *restrict sum,
                                    int count) {
        for (int i = 0; i < count; i++) {
            own[i] = pcm[i];
            sum[i] += pcm[i];
        }
    }

    MP_WIDE static void mp_mix_ramp(const int16_t *restrict pcm, int32_t *restrict own, int32_t *restrict sum,
                                    int frames, int channels, int32_t begin, int32_t rise, int32_t length) {
        for (int i = 0; i < frames; i++) {
            int32_t gain = begin + rise * i / length;
            for (int c = 0; c < channels; c++) {
                int32_t sample = (pcm[i * channels + c] * gain) >> 15;
                own[i * channels + c] = sample;
                sum[i * channels + c] += sample;
            }
        }
    }

    MP_WIDE static void mp_mix_gain(const int16_t *restrict pcm, int32_t *restrict own, int32_t *restrict sum,
                                    int count, int32_t gain) {
        for (int i = 0; i < count; i++) {
            int32_t sample = (pcm[i] * gain) >> 15;
            own[i] = sample;
            sum[i] += sample;
        }
    }

    MP_WIDE static void mp_mix_without(const int32_t *restrict sum, const int32_t *restrict own,
                                       int32_t *restrict out, int count) {
        for (int i = 0; i < count; i++) out[i] = sum[i] - own[i];
    }

    MP_WIDE static int32_t mp_mix_peaks(const int32_t *restrict line, int32_t *restrict peaks, int blocks,
                                        int width) {
        int32_t all = 0;
        for (int b = 0; b < blocks; b++) {
            int32_t peak = 0;
            for (int i = 0; i < width; i++) {
                int32_t sample = line[b * width + i];
                int32_t magnitude = sample < 0 ? -sample : sample;
                peak = magnitude > peak ? magnitude : peak;
            }
            peaks[b] = peak;
            all = peak > all ? peak : all;
        }
        return all;
    }

    MP_WIDE static void mp_mix_narrow(const int32_t *restrict line, int16_t *restrict out, int count) {
        for (int i = 0; i < count; i++) {
            int32_t sample = line[i] > 32767 ? 32767 : line[i];
            out[i] = (int16_t)(sample < -32768 ? -32768 : sample);
        }
    }

    MP_WIDE static void mp_mix_scale(const int32_t *restrict line, int16_t *restrict out, int frames, int channels,
                                     float begin, float step) {
        for (int i = 0; i < frames; i++) {
            float gain = begin + step * (float)(i + 1);
            for (int c = 0; c < channels; c++) {
                int32_t sample = (int32_t)((float)line[i * channels + c] * gain);
                sample = sample > 32767 ? 32767 : sample;
                out[i * channels + c] = (int16_t)(sample < -32768 ? -32768 : sample);
            }
        }
    }
    """
    void mp_mix_take(const int16_t *pcm, int32_t *own, int32_t *sum, int count) noexcept nogil
    void mp_mix_ramp(const int16_t *pcm, int32_t *own, int32_t *sum, int frames, int channels, int32_t begin,
                     int32_t rise, int32_t length) noexcept nogil
    void mp_mix_gain(const int16_t *pcm, int32_t *own, int32_t *sum, int count, int32_t gain) noexcept nogil
    void mp_mix_without(const int32_t *sum, const int32_t *own, int32_t *out, int count) noexcept nogil
    int32_t mp_mix_peaks(const int32_t *line, int32_t *peaks, int blocks, int width) noexcept nogil
    void mp_mix_narrow(const int32_t *line, int16_t *out, int count) noexcept nogil
    void mp_mix_scale(const int32_t *line, int16_t *out, int frames, int channels, float begin,
                      float step) noexcept nogil


cdef void mix_take(const int16_t *pcm, int32_t *own, int32_t *sum, int count) noexcept nogil:
    mp_mix_take(pcm, own, sum, count)


cdef void mix_take_ramped(const int16_t *pcm, int32_t *own, int32_t *sum, int frames, int channels, int32_t begin,
                          int32_t end, int ramp) noexcept nogil:
    cdef int rest = (frames - ramp) * channels
    mp_mix_ramp(pcm, own, sum, ramp, channels, begin, end - begin, ramp)
    pcm += ramp * channels
    own += ramp * channels
    sum += ramp * channels
    if end == MIX_UNITY:
        mp_mix_take(pcm, own, sum, rest)
    else:
        mp_mix_gain(pcm, own, sum, rest, end)


cdef void mix_without(const int32_t *sum, const int32_t *own, int32_t *out, int count) noexcept nogil:
    mp_mix_without(sum, own, out, count)


cdef int32_t mix_peaks(const int32_t *line, int32_t *peaks, int blocks, int width) noexcept nogil:
    return mp_mix_peaks(line, peaks, blocks, width)


cdef void mix_narrow(const int32_t *line, int16_t *out, int count) noexcept nogil:
    mp_mix_narrow(line, out, count)


cdef void mix_scale(const int32_t *line, int16_t *out, int frames, int channels, float begin,
                    float step) noexcept nogil:
    mp_mix_scale(line, out, frames, channels, begin, step)
