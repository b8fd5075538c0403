"""RTP header extensions in the one-byte and the two-byte form (RFC 8285)."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from mediaplane.status cimport NO_SPACE, OK, UNSUPPORTED
from mediaplane.wire.byte_order cimport store16
from mediaplane.wire.rtp cimport RTP_MAX_EXTENSION_SIZE, rtp_header_t

# What this server knows; the URIs are in EXTENSION_URIS (rtp_extensions.pyx).
cpdef enum ExtensionKind:
    EXT_NONE = 0
    EXT_MID = 1
    EXT_RID = 2
    EXT_REPAIRED_RID = 3
    EXT_AUDIO_LEVEL = 4
    EXT_ABS_SEND_TIME = 5
    EXT_TRANSPORT_CC = 6
    EXT_TOFFSET = 7
    EXT_VIDEO_ORIENTATION = 8
    EXT_PLAYOUT_DELAY = 9
    EXT_VIDEO_CONTENT_TYPE = 10
    EXT_VIDEO_TIMING = 11
    EXT_COLOR_SPACE = 12
    EXT_DEPENDENCY_DESCRIPTOR = 13
    EXT_VIDEO_LAYERS_ALLOCATION = 14
    EXT_ABS_CAPTURE_TIME = 15
    EXT_CSRC_AUDIO_LEVEL = 16
    EXT_KIND_COUNT = 17

cdef enum:
    EXT_MAX_ELEMENTS = 16   # more in one packet are ignored
    EXT_BLOCK_HEADER_SIZE = 4   # profile and length
    EXT_PROFILE_ONE_BYTE = 0xBEDE
    EXT_PROFILE_TWO_BYTE = 0x1000   # the low four bits are the application's

cdef struct extension_element_t:
    uint16_t offset         # of the element's data, from the packet's first byte
    uint8_t size            # bytes of data
    uint8_t kind            # ExtensionKind

# Fills `elements` (room for EXT_MAX_ELEMENTS) with the elements whose id has a kind in `kind_by_id` (256 entries).
# Returns their number, or MALFORMED when an element leaves the extension.
cdef int extensions_parse(const uint8_t *data, const rtp_header_t *header, const uint8_t *kind_by_id,
                          extension_element_t *elements) noexcept nogil

# Whether one of the elements that extensions_parse() found needs the two-byte form under any id.
cdef inline bint extensions_wide(const extension_element_t *elements, int count) noexcept nogil:
    cdef int i
    for i in range(count):
        if not 1 <= elements[i].size <= 16:
            return True
    return False


# The writer: begin, put each element, end. `out` points behind the CSRCs. The form is chosen at the start: a one-byte
# block takes what extension_fits_one_byte() says, a two-byte block any id from 1 and any size.
cdef struct extension_writer_t:
    uint8_t *out
    uint16_t capacity       # bytes from `out`
    uint16_t used           # bytes written, the 4-byte profile and length included
    uint8_t two_byte


# Whether an element fits the one-byte form.
cdef inline bint extension_fits_one_byte(uint8_t id, uint8_t size) noexcept nogil:
    return 1 <= id <= 14 and 1 <= size <= 16


cdef inline void extensions_begin(extension_writer_t *writer, uint8_t *out, uint16_t capacity,
                                  bint two_byte) noexcept nogil:
    writer.out = out
    # Never more than rtp_parse_header() takes.
    writer.capacity = min(capacity, <uint16_t>(EXT_BLOCK_HEADER_SIZE + RTP_MAX_EXTENSION_SIZE))
    writer.used = EXT_BLOCK_HEADER_SIZE
    writer.two_byte = two_byte


# OK, UNSUPPORTED (does not fit the form) or NO_SPACE; the writer stays usable.
cdef inline int extensions_put(extension_writer_t *writer, uint8_t id, const uint8_t *data,
                               uint8_t size) noexcept nogil:
    cdef uint8_t *out = writer.out + writer.used
    cdef uint32_t end = writer.used + (2 if writer.two_byte else 1) + <uint32_t>size
    if id == 0 or (not writer.two_byte and not extension_fits_one_byte(id, size)):
        return UNSUPPORTED
    # The padding to 32 bits must fit too, so that extensions_end() cannot fail.
    if ((end + 3) & ~<uint32_t>3) > writer.capacity:
        return NO_SPACE
    if writer.two_byte:
        out[0] = id
        out[1] = size
        out += 2
    else:
        out[0] = <uint8_t>((id << 4) | (size - 1))
        out += 1
    memcpy(out, data, size)
    writer.used = <uint16_t>end
    return OK


# Pads to 32 bits and writes profile and length. Returns the bytes of the whole block, 0 if there is no element.
cdef inline int extensions_end(extension_writer_t *writer) noexcept nogil:
    cdef uint32_t padded = (writer.used + <uint32_t>3) & ~<uint32_t>3
    if writer.used == EXT_BLOCK_HEADER_SIZE:
        return 0
    memset(writer.out + writer.used, 0, padded - writer.used)
    store16(writer.out, EXT_PROFILE_TWO_BYTE if writer.two_byte else EXT_PROFILE_ONE_BYTE)
    store16(writer.out + 2, <uint16_t>((padded - EXT_BLOCK_HEADER_SIZE) >> 2))
    return <int>padded
