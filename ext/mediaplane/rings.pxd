"""A bounded ring of fixed-size records between one producing and one consuming thread."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

# The two positions lie on cache lines of their own, so that the threads do not pull one line back and forth.
cdef struct ring_t:
    uint8_t *records
    uint32_t record_size
    uint32_t mask
    uint64_t refused         # records that did not fit; written by the producing thread
    uint8_t pad_a[64]
    uint64_t head            # next to read; written by the consuming thread
    uint8_t pad_b[64]
    uint64_t tail            # next to write; written by the producing thread
    uint8_t pad_c[64]

cdef int ring_init(ring_t *ring, uint32_t capacity, uint32_t record_size) noexcept nogil   # rounds up to a power of two
cdef void ring_free(ring_t *ring) noexcept nogil
cdef int ring_push(ring_t *ring, const void *record) noexcept nogil                        # OK or NO_SPACE, counted
cdef bint ring_pop(ring_t *ring, void *record) noexcept nogil                              # False: empty
cdef uint32_t ring_depth(ring_t *ring) noexcept nogil
