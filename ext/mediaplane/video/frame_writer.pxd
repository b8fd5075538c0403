"""A frame that is put together from payloads, and the bytes it is written to."""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from mediaplane.status cimport NO_SPACE, OK

cdef struct frame_writer_t:
    uint8_t *out
    uint32_t capacity            # bytes at `out`
    uint32_t size                # written
    uint8_t codec                # Codec
    uint8_t unit_is_open         # H264, AV1: the last packet ended inside a NAL unit or OBU
    uint32_t unit_start          # AV1: where the open OBU's size stands


cdef inline int frame_writer_put(frame_writer_t *writer, const uint8_t *data, uint32_t size) noexcept nogil:
    if size > writer.capacity - writer.size:
        return NO_SPACE
    memcpy(writer.out + writer.size, data, size)
    writer.size += size
    return OK
