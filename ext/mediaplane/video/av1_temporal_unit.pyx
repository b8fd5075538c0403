"""OBUs with their sizes.

In RTP an OBU is an element: a size (leb128), which the last of a packet may lack, and the OBU, usually without a size
of its own. An element may go on in the next packet. Its size is only known at its end, so room for one of fixed width
is left in front: leb128 allows leading groups of zero bits.
"""
from mediaplane.status cimport MALFORMED, NO_SPACE, OK, TRUNCATED
from mediaplane.video.frame_writer cimport frame_writer_put
from mediaplane.wire.av1 cimport av1_aggregation_header_t, av1_parse

cdef enum:
    HAS_EXTENSION = 0x04
    HAS_SIZE = 0x02
    TYPE_SHIFT = 3
    TYPE_MASK = 0x0F
    OBU_TEMPORAL_DELIMITER = 2
    OBU_TILE_LIST = 8
    SIZE_WIDTH = 4               # bytes: 28 bits
    LARGEST_UNIT = (1 << 28) - 1

cdef const uint8_t *TEMPORAL_DELIMITER = <const uint8_t *>b"\x12\x00"       # with a size, of 0


cdef uint32_t _read_size(const uint8_t *data, uint32_t size, uint32_t *value) noexcept nogil:
    """The bytes that a leb128 number takes, 0 if it is broken or above 32 bits."""
    cdef uint32_t i
    value[0] = 0
    for i in range(min(size, <uint32_t>5)):
        if i == 4 and data[i] > 0x0F:
            return 0
        value[0] |= <uint32_t>(data[i] & 0x7F) << 7 * i
        if not data[i] & 0x80:
            return i + 1
    return 0


cdef void _write_size(uint8_t *out, uint32_t value) noexcept nogil:
    cdef int i
    for i in range(SIZE_WIDTH):
        out[i] = (value >> 7 * i & 0x7F) | (0x80 if i < SIZE_WIDTH - 1 else 0)


cdef int _open_unit(frame_writer_t *writer, const uint8_t *data, uint32_t size, uint32_t *taken) noexcept nogil:
    """Write the OBU's header and leave room for its size."""
    cdef uint8_t header[2]
    cdef uint8_t room[4]
    cdef uint32_t header_size = 2 if data[0] & HAS_EXTENSION else 1
    cdef uint32_t own_size, width
    cdef int status
    if size < header_size:
        return TRUNCATED
    header[0] = data[0] | HAS_SIZE
    header[1] = data[1] if header_size == 2 else 0
    taken[0] = header_size
    if data[0] & HAS_SIZE:
        # Its own size is dropped: the element's says the same.
        width = _read_size(data + header_size, size - header_size, &own_size)
        if width == 0:
            return MALFORMED
        taken[0] += width
    status = frame_writer_put(writer, header, header_size)
    if status != OK:
        return status
    writer.unit_start = writer.size
    _write_size(room, 0)
    status = frame_writer_put(writer, room, SIZE_WIDTH)
    writer.unit_is_open = status == OK
    return status


cdef int _close_unit(frame_writer_t *writer) noexcept nogil:
    cdef uint32_t size = writer.size - writer.unit_start - SIZE_WIDTH
    if size > LARGEST_UNIT:
        return NO_SPACE
    _write_size(writer.out + writer.unit_start, size)
    writer.unit_is_open = False
    return OK


cdef int _put_element(frame_writer_t *writer, const uint8_t *data, uint32_t size, bint goes_on) noexcept nogil:
    cdef uint32_t taken = 0
    cdef uint8_t unit_type
    cdef int status
    if not writer.unit_is_open:
        if size == 0:
            return MALFORMED
        unit_type = data[0] >> TYPE_SHIFT & TYPE_MASK
        if unit_type == OBU_TEMPORAL_DELIMITER or unit_type == OBU_TILE_LIST:
            return OK if not goes_on else <int>MALFORMED     # must not be sent, and is to be ignored
        status = _open_unit(writer, data, size, &taken)
        if status != OK:
            return status
    status = frame_writer_put(writer, data + taken, size - taken)
    if status != OK or goes_on:
        return status
    return _close_unit(writer)


cdef int av1_append(frame_writer_t *writer, const uint8_t *payload, uint32_t size) noexcept nogil:
    cdef av1_aggregation_header_t header
    cdef uint32_t position = 1
    cdef uint32_t element_size, width
    cdef uint32_t count = 0
    cdef bint is_last
    cdef int status = av1_parse(payload, size, &header)
    if status != OK:
        return status
    if header.continues != writer.unit_is_open:
        return MALFORMED
    if writer.size == 0:
        status = frame_writer_put(writer, TEMPORAL_DELIMITER, 2)
        if status != OK:
            return status
    while position < size:
        count += 1
        if header.element_count and count > header.element_count:
            return MALFORMED
        if count == header.element_count:
            element_size = size - position       # the last has no size
        else:
            width = _read_size(payload + position, size - position, &element_size)
            if width == 0 or element_size > size - position - width:
                return MALFORMED
            position += width
        is_last = position + element_size == size
        status = _put_element(writer, payload + position, element_size, is_last and header.to_be_continued)
        if status != OK:
            return status
        position += element_size
    return OK
