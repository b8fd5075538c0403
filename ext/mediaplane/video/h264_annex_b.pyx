"""NAL units behind start codes.

FU indicator and FU header, which stand in place of a fragmented unit's header (RFC 6184 section 5.8):
    |F|NRI|  28/29  |S|E|R|  type   |
"""
from mediaplane.status cimport MALFORMED, OK, TRUNCATED
from mediaplane.video.frame_writer cimport frame_writer_put
from mediaplane.wire.byte_order cimport load16
from mediaplane.wire.h264 cimport NAL_FU_A, NAL_FU_B, NAL_STAP_A, NAL_STAP_B

cdef enum:
    TYPE_MASK = 0x1F
    FORBIDDEN_AND_IMPORTANCE = 0xE0
    FU_START = 0x80
    FU_END = 0x40
    LAST_SINGLE_TYPE = 23

cdef const uint8_t *START_CODE = <const uint8_t *>b"\x00\x00\x00\x01"


cdef int _put_unit(frame_writer_t *writer, const uint8_t *unit, uint32_t size) noexcept nogil:
    cdef int status = frame_writer_put(writer, START_CODE, 4)
    return frame_writer_put(writer, unit, size) if status == OK else status


cdef int _put_aggregate(frame_writer_t *writer, const uint8_t *units, uint32_t size) noexcept nogil:
    cdef uint32_t position = 0
    cdef uint32_t unit_size
    cdef int status
    while position < size:
        if size - position < 2:
            return TRUNCATED
        unit_size = load16(units + position)
        position += 2
        if unit_size == 0 or unit_size > size - position:
            return MALFORMED
        status = _put_unit(writer, units + position, unit_size)
        if status != OK:
            return status
        position += unit_size
    return OK


cdef int _put_fragment(frame_writer_t *writer, const uint8_t *payload, uint32_t size,
                       uint32_t header_size) noexcept nogil:
    cdef uint8_t unit_header
    cdef int status
    if size <= header_size:
        return TRUNCATED
    if payload[1] >> 7 == writer.unit_is_open:
        return MALFORMED             # begins inside a unit, or goes on with none
    if payload[1] & FU_START:
        unit_header = (payload[0] & FORBIDDEN_AND_IMPORTANCE) | (payload[1] & TYPE_MASK)
        status = _put_unit(writer, &unit_header, 1)
        if status != OK:
            return status
    writer.unit_is_open = (payload[1] & FU_END) == 0
    return frame_writer_put(writer, payload + header_size, size - header_size)


cdef int h264_append(frame_writer_t *writer, const uint8_t *payload, uint32_t size) noexcept nogil:
    cdef uint8_t unit_type
    if size < 2:
        return TRUNCATED
    unit_type = payload[0] & TYPE_MASK
    if unit_type == NAL_FU_A:
        return _put_fragment(writer, payload, size, 2)
    if unit_type == NAL_FU_B:
        # The first fragment has a decoding order number behind its headers; those that follow are FU-A.
        return _put_fragment(writer, payload, size, 4)
    if writer.unit_is_open:
        return MALFORMED
    if unit_type == NAL_STAP_A:
        return _put_aggregate(writer, payload + 1, size - 1)
    if unit_type == NAL_STAP_B:
        return _put_aggregate(writer, payload + 3, size - 3) if size > 3 else <int>TRUNCATED
    if unit_type == 0 or unit_type > LAST_SINGLE_TYPE:
        return MALFORMED             # MTAP, and what is reserved
    return _put_unit(writer, payload, size)
