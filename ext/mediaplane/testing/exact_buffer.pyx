"""Heap buffers without slack for the views on native functions."""
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset


cdef class ExactBuffer:
    def __dealloc__(self):
        free(self.data)

    cdef bytes head(self, uint32_t count):
        """The first `count` bytes."""
        if count > self.size:
            raise ValueError(f"{count} bytes asked of a buffer of {self.size}")
        return self.data[:count]


cdef ExactBuffer exact_room(uint32_t size):
    """A buffer of `size` bytes, all 0xA5: bytes that a writer forgets stand out."""
    cdef ExactBuffer buffer = ExactBuffer.__new__(ExactBuffer)
    buffer.data = <uint8_t *>malloc(size)
    if buffer.data == NULL and size > 0:
        raise MemoryError
    buffer.size = size
    memset(buffer.data, 0xA5, size)
    return buffer


cdef ExactBuffer exact_copy(bytes content):
    cdef ExactBuffer buffer = exact_room(<uint32_t>len(content))
    memcpy(buffer.data, <const uint8_t *>content, buffer.size)
    return buffer
