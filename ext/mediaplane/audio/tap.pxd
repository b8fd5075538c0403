"""PCM of a mix for another thread: a bounded ring of ticks between the mixing thread and one reader.

The reader sees ticks where they lie, and gives their room back. When it is too slow ticks are dropped and counted.
"""
from libc.stdint cimport int16_t, uint32_t, uint64_t

cdef struct tap_t:
    int references               # the reader and the mix
    int16_t *pcm                 # `capacity` ticks
    uint32_t capacity
    uint32_t samples             # of all channels in a tick
    uint32_t output              # of the mixer
    uint64_t dropped             # ticks
    tap_t *next                  # of the mix
    uint64_t head                # ticks given back by the reader
    char[64] pad
    uint64_t tail                # ticks written

# NULL: no memory. It has one reference.
cdef tap_t *tap_new(uint32_t capacity, uint32_t samples, uint32_t output) noexcept nogil
cdef void tap_keep(tap_t *tap) noexcept nogil
cdef void tap_release(tap_t *tap) noexcept nogil
cdef void tap_write(tap_t *tap, const int16_t *pcm) noexcept nogil
# Ticks that can be read, from `pcm` + samples * (head % capacity) on, up to the ring's end.
cdef uint32_t tap_readable(tap_t *tap) noexcept nogil
cdef void tap_give_back(tap_t *tap, uint32_t ticks) noexcept nogil
