"""Python views on the wire formats, for tests. Every input and output lies in a buffer of exactly its size."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from mediaplane.status cimport NOT_FOUND, check
from mediaplane.testing.exact_buffer cimport ExactBuffer, exact_copy, exact_room
from mediaplane.wire cimport av1, codecs, demux, h264, rtcp, rtp, rtp_extensions, seq, vp8, vp9

from mediaplane.status import MediaPlaneError
from mediaplane.wire.rtp_extensions import ExtensionKind

_DATAGRAM_KINDS = {
    demux.DATAGRAM_UNKNOWN: "unknown",
    demux.DATAGRAM_STUN: "stun",
    demux.DATAGRAM_DTLS: "dtls",
    demux.DATAGRAM_RTP: "rtp",
    demux.DATAGRAM_RTCP: "rtcp",
}


def classify_datagram(bytes data):
    cdef ExactBuffer buffer = exact_copy(data)
    return _DATAGRAM_KINDS[demux.classify_datagram(buffer.data, buffer.size)]


def seq16_difference(uint16_t a, uint16_t b):
    return seq.seq16_difference(a, b)


def timestamp32_difference(uint32_t a, uint32_t b):
    return seq.timestamp32_difference(a, b)


def unwrap16(long long reference, uint16_t seq16):
    return seq.unwrap16(reference, seq16)


def unwrap32(long long reference, uint32_t value):
    return seq.unwrap32(reference, value)


cdef int parse_header(ExactBuffer packet, rtp.rtp_header_t *header) except -1:
    # Zeroed because a C compiler cannot see that check() leaves on failure, and would warn.
    memset(header, 0, sizeof(rtp.rtp_header_t))
    return check(rtp.rtp_parse_header(packet.data, packet.size, header))


def rtp_parse_header(bytes data):
    cdef rtp.rtp_header_t header
    cdef ExactBuffer buffer = exact_copy(data)
    parse_header(buffer, &header)
    return header


def rtp_payload(bytes data):
    cdef rtp.rtp_header_t header
    cdef ExactBuffer buffer = exact_copy(data)
    parse_header(buffer, &header)
    size = check(rtp.rtp_payload_size(buffer.data, buffer.size, &header))
    return data[header.header_size:header.header_size + size]


def rtp_write_fixed_header(*, uint8_t payload_type, bint marker, uint16_t seq16, uint32_t timestamp, uint32_t ssrc,
                           uint8_t csrc_count=0, bint has_extension=False):
    cdef ExactBuffer buffer = exact_room(rtp.RTP_FIXED_HEADER_SIZE)
    rtp.rtp_write_fixed_header(buffer.data, payload_type, marker, seq16, timestamp, ssrc, csrc_count, has_extension)
    return buffer.head(buffer.size)


def extensions_parse(bytes packet, kinds):
    cdef rtp.rtp_header_t header
    cdef rtp_extensions.extension_element_t elements[rtp_extensions.EXT_MAX_ELEMENTS]
    cdef ExactBuffer buffer = exact_copy(packet)
    cdef ExactBuffer kind_by_id = exact_copy(bytes(kinds.get(id, 0) for id in range(256)))
    parse_header(buffer, &header)
    count = check(rtp_extensions.extensions_parse(buffer.data, &header, kind_by_id.data, elements))
    return [
        (ExtensionKind(elements[index].kind),
         packet[elements[index].offset:elements[index].offset + elements[index].size])
        for index in range(count)
    ]


def extensions_write(elements, *, bint two_byte, uint16_t capacity=1024):
    cdef rtp_extensions.extension_writer_t writer
    cdef ExactBuffer out = exact_room(capacity)
    cdef ExactBuffer content
    rtp_extensions.extensions_begin(&writer, out.data, capacity, two_byte)
    statuses = []
    for id, data in elements:
        content = exact_copy(data)
        statuses.append(rtp_extensions.extensions_put(&writer, id, content.data, <uint8_t>len(data)))
    return out.head(rtp_extensions.extensions_end(&writer)), statuses


def extension_fits_one_byte(uint8_t id, uint8_t size):
    return bool(rtp_extensions.extension_fits_one_byte(id, size))


cdef list rtcp_fields(const rtcp.rtcp_packet_t *packet):
    """The fields of a packet that this server understands, as the items of a dict."""
    cdef rtcp.rtcp_sender_info_t info
    cdef uint32_t sender_ssrc
    cdef uint32_t media_ssrc
    cdef uint16_t lost[65536]
    fields = [("packet_type", packet.packet_type), ("count", packet.count), ("size", packet.size)]
    if packet.packet_type == rtcp.RTCP_SR:
        check(rtcp.rtcp_parse_sender_info(packet, &info))
        fields.append(("sender_info", info))
    if packet.packet_type in (rtcp.RTCP_SR, rtcp.RTCP_RR):
        fields.append(("report_blocks", rtcp_report_blocks(packet)))
    if packet.packet_type == rtcp.RTCP_BYE:
        fields.append(("sources", rtcp_bye_sources(packet)))
    if packet.packet_type in (rtcp.RTCP_RTPFB, rtcp.RTCP_PSFB):
        check(rtcp.rtcp_parse_feedback(packet, &sender_ssrc, &media_ssrc))
        fields += [("sender_ssrc", sender_ssrc), ("media_ssrc", media_ssrc)]
    if packet.packet_type == rtcp.RTCP_RTPFB and packet.count == rtcp.RTPFB_NACK:
        count = check(rtcp.rtcp_parse_nack(packet, lost, 65536))
        fields.append(("lost", [lost[index] for index in range(count)]))
    if packet.packet_type == rtcp.RTCP_PSFB and packet.count == rtcp.PSFB_FIR:
        fields.append(("fir", rtcp_fir_entries(packet)))
    return fields


cdef list rtcp_report_blocks(const rtcp.rtcp_packet_t *packet):
    cdef rtcp.rtcp_report_block_t block
    blocks = []
    while True:
        status = rtcp.rtcp_parse_report_block(packet, <uint8_t>len(blocks), &block)
        if status == NOT_FOUND:
            return blocks
        check(status)
        blocks.append(block)


cdef list rtcp_bye_sources(const rtcp.rtcp_packet_t *packet):
    cdef uint32_t ssrc
    sources = []
    while True:
        status = rtcp.rtcp_parse_bye(packet, <uint8_t>len(sources), &ssrc)
        if status == NOT_FOUND:
            return sources
        check(status)
        sources.append(ssrc)


cdef list rtcp_fir_entries(const rtcp.rtcp_packet_t *packet):
    cdef uint32_t ssrc
    cdef uint8_t command
    entries = []
    while True:
        status = rtcp.rtcp_parse_fir(packet, <uint32_t>len(entries), &ssrc, &command)
        if status == NOT_FOUND:
            return entries
        check(status)
        entries.append((ssrc, command))


def rtcp_parse(bytes data):
    cdef rtcp.rtcp_packet_t packet
    cdef uint32_t offset = 0
    cdef ExactBuffer buffer = exact_copy(data)
    packets = []
    while True:
        status = rtcp.rtcp_next(buffer.data, buffer.size, &offset, &packet)
        if status == NOT_FOUND:
            return packets
        check(status)
        try:
            packets.append(dict(rtcp_fields(&packet)))
        except MediaPlaneError as error:
            packets.append({"packet_type": packet.packet_type, "count": packet.count, "size": packet.size,
                            "error": error.status})


def rtcp_parse_as_every_type(bytes data):
    cdef rtcp.rtcp_packet_t packet
    cdef rtcp.rtcp_sender_info_t info
    cdef rtcp.rtcp_report_block_t block
    cdef uint32_t ssrc
    cdef uint32_t other_ssrc
    cdef uint16_t lost
    cdef uint8_t command
    cdef uint32_t offset = 0
    cdef ExactBuffer buffer = exact_copy(data)
    statuses = []
    while rtcp.rtcp_next(buffer.data, buffer.size, &offset, &packet) == 0:
        statuses.append({
            "sender_info": rtcp.rtcp_parse_sender_info(&packet, &info),
            "report_block": rtcp.rtcp_parse_report_block(&packet, 0, &block),
            "bye": rtcp.rtcp_parse_bye(&packet, 0, &ssrc),
            "feedback": rtcp.rtcp_parse_feedback(&packet, &ssrc, &other_ssrc),
            "nack": rtcp.rtcp_parse_nack(&packet, &lost, 1),
            "fir": rtcp.rtcp_parse_fir(&packet, 0, &ssrc, &command),
        })
    return statuses


def rtcp_parse_nack(bytes data, uint32_t capacity):
    cdef rtcp.rtcp_packet_t packet
    cdef uint32_t offset = 0
    cdef ExactBuffer buffer = exact_copy(data)
    cdef ExactBuffer seqs = exact_room(2 * capacity)
    check(rtcp.rtcp_next(buffer.data, buffer.size, &offset, &packet))
    count = check(rtcp.rtcp_parse_nack(&packet, <uint16_t *>seqs.data, capacity))
    return [(<uint16_t *>seqs.data)[index] for index in range(count)]


def rtcp_write_sr(info, blocks=(), uint32_t capacity=2048):
    cdef rtcp.rtcp_sender_info_t native_info = info
    cdef ExactBuffer out = exact_room(capacity)
    cdef rtcp.rtcp_report_block_t *native_blocks = copy_blocks(blocks)
    try:
        size = rtcp.rtcp_write_sr(out.data, capacity, &native_info, native_blocks, <uint8_t>len(blocks))
        return out.head(check(size))
    finally:
        free(native_blocks)


def rtcp_write_rr(uint32_t sender_ssrc, blocks=(), uint32_t capacity=2048):
    cdef ExactBuffer out = exact_room(capacity)
    cdef rtcp.rtcp_report_block_t *native_blocks = copy_blocks(blocks)
    try:
        size = rtcp.rtcp_write_rr(out.data, capacity, sender_ssrc, native_blocks, <uint8_t>len(blocks))
        return out.head(check(size))
    finally:
        free(native_blocks)


cdef rtcp.rtcp_report_block_t *copy_blocks(blocks) except? NULL:
    """The blocks in memory of exactly their size, NULL for none."""
    cdef rtcp.rtcp_report_block_t *copy
    cdef Py_ssize_t index
    if not blocks:
        return NULL
    copy = <rtcp.rtcp_report_block_t *>calloc(len(blocks), sizeof(rtcp.rtcp_report_block_t))
    if copy == NULL:
        raise MemoryError
    for index in range(len(blocks)):
        copy[index] = blocks[index]
    return copy


def rtcp_write_sdes_cname(uint32_t ssrc, bytes cname, uint32_t capacity=2048):
    cdef ExactBuffer out = exact_room(capacity)
    cdef ExactBuffer text = exact_copy(cname)
    return out.head(check(rtcp.rtcp_write_sdes_cname(out.data, capacity, ssrc, text.data, <uint8_t>len(cname))))


def rtcp_write_bye(uint32_t ssrc, uint32_t capacity=2048):
    cdef ExactBuffer out = exact_room(capacity)
    return out.head(check(rtcp.rtcp_write_bye(out.data, capacity, ssrc)))


def rtcp_write_pli(uint32_t sender_ssrc, uint32_t media_ssrc, uint32_t capacity=2048):
    cdef ExactBuffer out = exact_room(capacity)
    return out.head(check(rtcp.rtcp_write_pli(out.data, capacity, sender_ssrc, media_ssrc)))


def rtcp_write_fir(uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t command, uint32_t capacity=2048):
    cdef ExactBuffer out = exact_room(capacity)
    return out.head(check(rtcp.rtcp_write_fir(out.data, capacity, sender_ssrc, media_ssrc, command)))


def rtcp_write_nack(uint32_t sender_ssrc, uint32_t media_ssrc, seqs, uint32_t capacity=2048):
    cdef ExactBuffer out = exact_room(capacity)
    cdef ExactBuffer numbers = exact_room(<uint32_t>(2 * len(seqs)))
    cdef Py_ssize_t index
    for index in range(len(seqs)):
        (<uint16_t *>numbers.data)[index] = seqs[index]
    return out.head(check(rtcp.rtcp_write_nack(out.data, capacity, sender_ssrc, media_ssrc,
                                               <const uint16_t *>numbers.data, <uint32_t>len(seqs))))


def payload_starts_keyframe(uint8_t codec, bytes payload):
    cdef ExactBuffer buffer = exact_copy(payload)
    return bool(codecs.payload_starts_keyframe(codec, buffer.data, buffer.size))


def vp8_parse(bytes payload):
    cdef vp8.vp8_descriptor_t descriptor
    cdef ExactBuffer buffer = exact_copy(payload)
    check(vp8.vp8_parse(buffer.data, buffer.size, &descriptor))
    return descriptor


def vp8_rewrite(bytes payload, uint16_t picture_id, uint8_t tl0picidx):
    cdef vp8.vp8_descriptor_t descriptor
    cdef ExactBuffer buffer = exact_copy(payload)
    check(vp8.vp8_parse(buffer.data, buffer.size, &descriptor))
    vp8.vp8_rewrite(buffer.data, &descriptor, picture_id, tl0picidx)
    return buffer.head(buffer.size)


def vp9_parse(bytes payload):
    cdef vp9.vp9_descriptor_t descriptor
    cdef ExactBuffer buffer = exact_copy(payload)
    check(vp9.vp9_parse(buffer.data, buffer.size, &descriptor))
    return descriptor


def h264_starts_keyframe(bytes payload):
    cdef ExactBuffer buffer = exact_copy(payload)
    return bool(h264.h264_starts_keyframe(buffer.data, buffer.size))


def av1_parse(bytes payload):
    cdef av1.av1_aggregation_header_t header
    cdef ExactBuffer buffer = exact_copy(payload)
    memset(&header, 0, sizeof(header))
    check(av1.av1_parse(buffer.data, buffer.size, &header))
    return header
