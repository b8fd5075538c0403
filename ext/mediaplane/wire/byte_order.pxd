"""Big-endian loads and stores, as every format on the wire wants them."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef inline uint16_t load16(const uint8_t *data) noexcept nogil:
    return <uint16_t>((data[0] << 8) | data[1])


cdef inline uint32_t load24(const uint8_t *data) noexcept nogil:
    return (<uint32_t>data[0] << 16) | (<uint32_t>data[1] << 8) | data[2]


cdef inline uint32_t load32(const uint8_t *data) noexcept nogil:
    return (<uint32_t>data[0] << 24) | (<uint32_t>data[1] << 16) | (<uint32_t>data[2] << 8) | data[3]


cdef inline uint64_t load64(const uint8_t *data) noexcept nogil:
    return (<uint64_t>load32(data) << 32) | load32(data + 4)


cdef inline void store16(uint8_t *data, uint16_t value) noexcept nogil:
    data[0] = <uint8_t>(value >> 8)
    data[1] = <uint8_t>value


cdef inline void store24(uint8_t *data, uint32_t value) noexcept nogil:
    data[0] = <uint8_t>(value >> 16)
    data[1] = <uint8_t>(value >> 8)
    data[2] = <uint8_t>value


cdef inline void store32(uint8_t *data, uint32_t value) noexcept nogil:
    data[0] = <uint8_t>(value >> 24)
    data[1] = <uint8_t>(value >> 16)
    data[2] = <uint8_t>(value >> 8)
    data[3] = <uint8_t>value


cdef inline void store64(uint8_t *data, uint64_t value) noexcept nogil:
    store32(data, <uint32_t>(value >> 32))
    store32(data + 4, <uint32_t>value)
