"""Memory of exactly the size that was asked for, so that AddressSanitizer sees a read or write beyond it."""
from libc.stdint cimport uint8_t, uint32_t


cdef class ExactBuffer:
    cdef uint8_t *data
    cdef uint32_t size
    cdef bytes head(self, uint32_t count)

cdef ExactBuffer exact_copy(bytes content)
cdef ExactBuffer exact_room(uint32_t size)
