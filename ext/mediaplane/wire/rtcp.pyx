"""Parsing and writing of RTCP. A parser takes any packet: one of another type or FMT is MALFORMED, never misread."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from mediaplane.status cimport MALFORMED, NO_SPACE, NOT_FOUND, OK, TRUNCATED
from mediaplane.wire.byte_order cimport load16, load24, load32, load64, store16, store24, store32, store64

cdef enum:
    HEADER_SIZE = 4
    SENDER_REPORT_SIZE = 28      # header, SSRC and sender info
    RECEIVER_REPORT_SIZE = 8     # header and SSRC
    REPORT_BLOCK_SIZE = 24
    FEEDBACK_SIZE = 12           # header, sender and media SSRC; the FCI follows
    NACK_ENTRY_SIZE = 4          # PID and BLP
    FIR_ENTRY_SIZE = 8
    MAX_COUNT = 31               # RC and SC have five bits
    SDES_CNAME = 1
    CUMULATIVE_LOST_MAX = 0x7FFFFF
    CUMULATIVE_LOST_MIN = -0x800000


cdef int rtcp_next(const uint8_t *data, uint32_t size, uint32_t *offset, rtcp_packet_t *packet) noexcept nogil:
    cdef const uint8_t *start
    cdef uint32_t left
    cdef uint32_t packet_size
    cdef uint8_t padding = 0
    if offset[0] >= size:
        return NOT_FOUND
    start = data + offset[0]
    left = size - offset[0]
    if left < HEADER_SIZE:
        return TRUNCATED
    if start[0] >> 6 != 2:
        return MALFORMED
    packet_size = 4 * (<uint32_t>load16(start + 2) + 1)
    if packet_size > left:
        return TRUNCATED
    if start[0] & 0x20:
        # Counts itself and is a multiple of four (RFC 3550 section 6.4.1).
        padding = start[packet_size - 1]
        if packet_size == HEADER_SIZE or padding == 0 or padding & 3 or padding > packet_size - HEADER_SIZE:
            return MALFORMED
    packet.data = start
    packet.size = packet_size - padding
    packet.packet_type = start[1]
    packet.count = start[0] & 0x1F
    offset[0] += packet_size
    return OK


cdef int rtcp_parse_sender_info(const rtcp_packet_t *packet, rtcp_sender_info_t *info) noexcept nogil:
    if packet.packet_type != RTCP_SR:
        return MALFORMED
    if packet.size < SENDER_REPORT_SIZE:
        return TRUNCATED
    info.ssrc = load32(packet.data + 4)
    info.ntp = load64(packet.data + 8)
    info.rtp_timestamp = load32(packet.data + 16)
    info.packets = load32(packet.data + 20)
    info.octets = load32(packet.data + 24)
    return OK


cdef int rtcp_parse_report_block(const rtcp_packet_t *packet, uint8_t index, rtcp_report_block_t *block) noexcept nogil:
    cdef const uint8_t *data
    cdef uint32_t offset
    cdef int64_t lost
    if packet.packet_type == RTCP_SR:
        offset = SENDER_REPORT_SIZE
    elif packet.packet_type == RTCP_RR:
        offset = RECEIVER_REPORT_SIZE
    else:
        return MALFORMED
    if index >= packet.count:
        return NOT_FOUND
    offset += REPORT_BLOCK_SIZE * <uint32_t>index
    if packet.size < offset + REPORT_BLOCK_SIZE:
        return TRUNCATED
    data = packet.data + offset
    lost = load24(data + 5)
    block.ssrc = load32(data)
    block.fraction_lost = data[4]
    block.cumulative_lost = lost - 0x1000000 if lost > CUMULATIVE_LOST_MAX else lost
    block.highest_seq = load32(data + 8)
    block.jitter = load32(data + 12)
    block.last_sr = load32(data + 16)
    block.delay_since_last_sr = load32(data + 20)
    return OK


cdef int rtcp_parse_bye(const rtcp_packet_t *packet, uint8_t index, uint32_t *ssrc) noexcept nogil:
    cdef uint32_t offset = HEADER_SIZE + 4 * <uint32_t>index
    if packet.packet_type != RTCP_BYE:
        return MALFORMED
    if index >= packet.count:
        return NOT_FOUND
    if packet.size < offset + 4:
        return TRUNCATED
    ssrc[0] = load32(packet.data + offset)
    return OK


cdef int rtcp_parse_feedback(const rtcp_packet_t *packet, uint32_t *sender_ssrc, uint32_t *media_ssrc) noexcept nogil:
    if packet.packet_type != RTCP_RTPFB and packet.packet_type != RTCP_PSFB:
        return MALFORMED
    if packet.size < FEEDBACK_SIZE:
        return TRUNCATED
    sender_ssrc[0] = load32(packet.data + 4)
    media_ssrc[0] = load32(packet.data + 8)
    return OK


cdef int rtcp_parse_nack(const rtcp_packet_t *packet, uint16_t *seqs, uint32_t capacity) noexcept nogil:
    cdef uint32_t offset = FEEDBACK_SIZE
    cdef uint32_t count = 0
    cdef uint16_t seq
    cdef uint16_t following
    if packet.packet_type != RTCP_RTPFB or packet.count != RTPFB_NACK:
        return MALFORMED
    if packet.size < FEEDBACK_SIZE:
        return TRUNCATED
    while offset + NACK_ENTRY_SIZE <= packet.size and count < capacity:
        seq = load16(packet.data + offset)
        following = load16(packet.data + offset + 2)
        seqs[count] = seq
        count += 1
        while following and count < capacity:
            seq += 1
            if following & 1:
                seqs[count] = seq
                count += 1
            following >>= 1
        offset += NACK_ENTRY_SIZE
    return <int>count


cdef int rtcp_parse_fir(const rtcp_packet_t *packet, uint32_t index, uint32_t *ssrc, uint8_t *seq) noexcept nogil:
    cdef uint32_t offset
    if packet.packet_type != RTCP_PSFB or packet.count != PSFB_FIR:
        return MALFORMED
    if packet.size < FEEDBACK_SIZE:
        return TRUNCATED
    if index >= (packet.size - FEEDBACK_SIZE) // FIR_ENTRY_SIZE:
        return NOT_FOUND
    offset = FEEDBACK_SIZE + FIR_ENTRY_SIZE * index
    ssrc[0] = load32(packet.data + offset)
    seq[0] = packet.data[offset + 4]
    return OK


cdef inline void write_header(uint8_t *out, uint8_t packet_type, uint8_t count, uint32_t size) noexcept nogil:
    out[0] = <uint8_t>(0x80 | count)
    out[1] = packet_type
    store16(out + 2, <uint16_t>(size // 4 - 1))


cdef void write_report_blocks(uint8_t *out, const rtcp_report_block_t *blocks, uint8_t count) noexcept nogil:
    cdef const rtcp_report_block_t *block
    cdef uint8_t index
    cdef int64_t lost
    for index in range(count):
        block = blocks + index
        lost = max(CUMULATIVE_LOST_MIN, min(block.cumulative_lost, CUMULATIVE_LOST_MAX))
        store32(out, block.ssrc)
        out[4] = block.fraction_lost
        store24(out + 5, <uint32_t>lost)
        store32(out + 8, block.highest_seq)
        store32(out + 12, block.jitter)
        store32(out + 16, block.last_sr)
        store32(out + 20, block.delay_since_last_sr)
        out += REPORT_BLOCK_SIZE


cdef int rtcp_write_sr(uint8_t *out, uint32_t capacity, const rtcp_sender_info_t *info,
                       const rtcp_report_block_t *blocks, uint8_t count) noexcept nogil:
    cdef uint32_t size = SENDER_REPORT_SIZE + REPORT_BLOCK_SIZE * <uint32_t>count
    if size > capacity or count > MAX_COUNT:
        return NO_SPACE
    write_header(out, RTCP_SR, count, size)
    store32(out + 4, info.ssrc)
    store64(out + 8, info.ntp)
    store32(out + 16, info.rtp_timestamp)
    store32(out + 20, info.packets)
    store32(out + 24, info.octets)
    write_report_blocks(out + SENDER_REPORT_SIZE, blocks, count)
    return <int>size


cdef int rtcp_write_rr(uint8_t *out, uint32_t capacity, uint32_t sender_ssrc, const rtcp_report_block_t *blocks,
                       uint8_t count) noexcept nogil:
    cdef uint32_t size = RECEIVER_REPORT_SIZE + REPORT_BLOCK_SIZE * <uint32_t>count
    if size > capacity or count > MAX_COUNT:
        return NO_SPACE
    write_header(out, RTCP_RR, count, size)
    store32(out + 4, sender_ssrc)
    write_report_blocks(out + RECEIVER_REPORT_SIZE, blocks, count)
    return <int>size


cdef int rtcp_write_sdes_cname(uint8_t *out, uint32_t capacity, uint32_t ssrc, const uint8_t *cname,
                               uint8_t cname_size) noexcept nogil:
    # The chunk ends with at least one zero byte, up to the next 32 bits (RFC 3550 section 6.5).
    cdef uint32_t text_end = HEADER_SIZE + 4 + 2 + <uint32_t>cname_size
    cdef uint32_t size = (text_end + 4) & ~<uint32_t>3
    if size > capacity:
        return NO_SPACE
    write_header(out, RTCP_SDES, 1, size)
    store32(out + 4, ssrc)
    out[8] = SDES_CNAME
    out[9] = cname_size
    memcpy(out + 10, cname, cname_size)
    memset(out + text_end, 0, size - text_end)
    return <int>size


cdef int rtcp_write_bye(uint8_t *out, uint32_t capacity, uint32_t ssrc) noexcept nogil:
    if capacity < HEADER_SIZE + 4:
        return NO_SPACE
    write_header(out, RTCP_BYE, 1, HEADER_SIZE + 4)
    store32(out + 4, ssrc)
    return HEADER_SIZE + 4


cdef inline void write_feedback(uint8_t *out, uint8_t packet_type, uint8_t fmt, uint32_t size, uint32_t sender_ssrc,
                                uint32_t media_ssrc) noexcept nogil:
    write_header(out, packet_type, fmt, size)
    store32(out + 4, sender_ssrc)
    store32(out + 8, media_ssrc)


cdef int rtcp_write_pli(uint8_t *out, uint32_t capacity, uint32_t sender_ssrc, uint32_t media_ssrc) noexcept nogil:
    if capacity < FEEDBACK_SIZE:
        return NO_SPACE
    write_feedback(out, RTCP_PSFB, PSFB_PLI, FEEDBACK_SIZE, sender_ssrc, media_ssrc)
    return FEEDBACK_SIZE


cdef int rtcp_write_fir(uint8_t *out, uint32_t capacity, uint32_t sender_ssrc, uint32_t media_ssrc,
                        uint8_t seq) noexcept nogil:
    cdef uint32_t size = FEEDBACK_SIZE + FIR_ENTRY_SIZE
    if capacity < size:
        return NO_SPACE
    # The header's media SSRC is unused and 0; who is asked stands in the FCI (RFC 5104 section 4.3.1.2).
    write_feedback(out, RTCP_PSFB, PSFB_FIR, size, sender_ssrc, 0)
    store32(out + 12, media_ssrc)
    store32(out + 16, <uint32_t>seq << 24)
    return <int>size


cdef int rtcp_write_nack(uint8_t *out, uint32_t capacity, uint32_t sender_ssrc, uint32_t media_ssrc,
                         const uint16_t *seqs, uint32_t count) noexcept nogil:
    cdef uint32_t size = FEEDBACK_SIZE
    cdef uint32_t index
    cdef uint16_t first = 0
    cdef uint16_t following = 0
    cdef uint16_t distance
    if count == 0:
        return 0
    for index in range(count):
        distance = seqs[index] - first
        if size > FEEDBACK_SIZE and distance <= 16:
            if distance:
                following |= <uint16_t>(1 << (distance - 1))
                store16(out + size - 2, following)
            continue
        if size + NACK_ENTRY_SIZE > capacity:
            return NO_SPACE
        first = seqs[index]
        following = 0
        store16(out + size, first)
        store16(out + size + 2, 0)
        size += NACK_ENTRY_SIZE
    write_feedback(out, RTCP_RTPFB, RTPFB_NACK, size, sender_ssrc, media_ssrc)
    return <int>size
