"""Arithmetic of a mix: loops over samples that the compiler makes wide.

Each exists for several instruction sets; which one runs is decided when the module is loaded, so one binary serves
every machine. PCM is interleaved; counts say whether they are of samples of all channels together or of *frames*, one
of each.
"""
from libc.stdint cimport int16_t, int32_t

cdef enum:
    MIX_UNITY = 32768            # gain 1

# `own` becomes the PCM, and `sum` that much more. `count` of all channels.
cdef void mix_take(const int16_t *pcm, int32_t *own, int32_t *sum, int count) noexcept nogil
# The same with a gain that goes from `begin` to `end` (0 .. MIX_UNITY) over the first `ramp` frames, then stays.
cdef void mix_take_ramped(const int16_t *pcm, int32_t *own, int32_t *sum, int frames, int channels, int32_t begin,
                          int32_t end, int ramp) noexcept nogil
# What is left of a sum without one part. `count` of all channels.
cdef void mix_without(const int32_t *sum, const int32_t *own, int32_t *out, int count) noexcept nogil
# The largest magnitude of each of `blocks` blocks of `width` samples of all channels; returns the largest of all.
cdef int32_t mix_peaks(const int32_t *line, int32_t *peaks, int blocks, int width) noexcept nogil
# To 16 bits: what is louder saturates. `count` of all channels.
cdef void mix_narrow(const int32_t *line, int16_t *out, int count) noexcept nogil
# The same with a gain that is `begin` + `step` * (n + 1) at frame n.
cdef void mix_scale(const int32_t *line, int16_t *out, int frames, int channels, float begin,
                    float step) noexcept nogil
