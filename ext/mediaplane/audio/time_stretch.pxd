"""Speech made a little shorter or longer without changing its pitch: whole periods are left out or repeated.

PCM is 16 bits, interleaved; positions and counts are samples of each channel, at 48 kHz. Where two periods meet they
are blended over at most STRETCH_BLEND samples, weighted so that the energy stays the same however similar they are.
"""
from libc.stdint cimport int16_t, uint32_t

cdef enum:
    STRETCH_LEAST = 120          # samples that are left out or repeated: 2.5 ms, a pitch of 400 Hz
    STRETCH_MOST = 720           # 15 ms, 67 Hz
    STRETCH_BLEND = 240
    STRETCH_WINDOW = 480         # samples that are compared
    STRETCH_HISTORY = 960        # samples that must lie before the head for stretch_longer()

# Leaves out `least` to `most` samples near the head of `pcm`, which has `count`. Returns how many; 0 if no two parts
# are similar enough (`similar`: the least normalised correlation, -1 .. 1).
cdef uint32_t stretch_shorter(int16_t *pcm, uint32_t count, int channels, uint32_t least, uint32_t most,
                              float similar) noexcept nogil
# Repeats `most` samples or fewer; behind the `count` samples there must be room for `most` more, before them
# STRETCH_HISTORY. Returns how many, or 0.
cdef uint32_t stretch_longer(int16_t *pcm, uint32_t count, int channels, uint32_t most, float similar) noexcept nogil
# Mean square of a sample.
cdef float stretch_energy(const int16_t *pcm, uint32_t count, int channels) noexcept nogil
