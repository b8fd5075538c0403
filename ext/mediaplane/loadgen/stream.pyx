"""Counts by RTP sequence number for what arrives, and by the source's own number for what was opened."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memset

from mediaplane.loadgen.source cimport CODEC_BYTES, SMALLEST_PAYLOAD, TRAILER_BYTES, TRAILER_MAGIC, pattern_offset
from mediaplane.secure.srtp cimport srtp_estimate_index, srtp_replay_check, srtp_replay_commit
from mediaplane.status cimport OK
from mediaplane.stream.receive_statistics cimport receive_statistics_packet
from mediaplane.wire.byte_order cimport load32, load64
from mediaplane.wire.rtp cimport rtp_payload_size
from mediaplane.wire.rtp_extensions cimport EXT_MID, extension_element_t, extensions_parse


cdef bint _is_of(const stream_t *stream, const uint8_t *data, const rtp_header_t *header) noexcept nogil:
    cdef extension_element_t elements[16]
    cdef uint8_t kind_by_id[256]
    cdef int count, i
    if stream.payload_type != header.payload_type:
        return False
    if stream.mid_id == 0:
        return True
    memset(kind_by_id, 0, sizeof(kind_by_id))
    kind_by_id[stream.mid_id] = EXT_MID
    count = extensions_parse(data, header, kind_by_id, elements)
    for i in range(count):
        if elements[i].kind == EXT_MID:
            return (elements[i].size == stream.mid_size
                    and memcmp(data + elements[i].offset, stream.mid, stream.mid_size) == 0)
    return True


cdef stream_t *stream_bind(peer_t *peer, const uint8_t *data, const rtp_header_t *header) noexcept nogil:
    cdef stream_t *stream
    cdef uint32_t i
    if peer.unbound_streams == 0:
        return NULL
    for i in range(peer.stream_count):
        stream = &peer.streams[i]
        if stream.ssrc == 0 and _is_of(stream, data, header):
            stream.ssrc = peer.stream_ssrcs[i] = header.ssrc
            peer.unbound_streams -= 1
            return stream
    return NULL


cdef bint stream_arrived(stream_t *stream, const rtp_header_t *header, uint32_t size, int64_t now_us) noexcept nogil:
    cdef uint64_t index = srtp_estimate_index(&stream.order, header.seq16)
    if srtp_replay_check(&stream.order, index) != OK:
        stream.duplicates += 1
        return False
    if not stream.order.started:
        stream.first_index = index
        stream.first_packet_us = now_us
    elif index < stream.order.highest_index:
        stream.reordered += 1
        stream.first_index = min(stream.first_index, index)
    srtp_replay_commit(&stream.order, index)
    stream.last_packet_us = now_us
    receive_statistics_packet(&stream.statistics, index, header.timestamp, size, now_us)
    stream.packets += 1
    stream.octets += size
    if header.payload_type != stream.payload_type:
        stream.wrong_payload_type += 1
    return True


cdef void _count_number(stream_t *stream, uint32_t source_id, uint64_t number) noexcept nogil:
    if source_id != stream.source_id:
        if stream.source_id:
            stream.missing_before += stream.numbers.highest_index - stream.first_number + 1 - stream.distinct_numbers
        memset(&stream.numbers, 0, sizeof(stream.numbers))
        stream.source_id = source_id
        stream.first_number = number
        stream.distinct_numbers = 0
    if srtp_replay_check(&stream.numbers, number) != OK:
        stream.duplicates += 1
        return
    if stream.distinct_numbers and number < stream.numbers.highest_index:
        stream.misordered += 1
        stream.first_number = min(stream.first_number, number)
    srtp_replay_commit(&stream.numbers, number)
    stream.distinct_numbers += 1


cdef int64_t stream_opened(stream_t *stream, const uint8_t *data, uint32_t size, const rtp_header_t *header,
                           const uint8_t *pattern) noexcept nogil:
    cdef const uint8_t *payload = data + header.header_size
    cdef const uint8_t *trailer
    cdef int payload_size = rtp_payload_size(data, size, header)
    cdef uint64_t number
    if stream.is_mixed:
        stream.verified += payload_size > 0
        return -1
    if payload_size < SMALLEST_PAYLOAD:
        stream.corrupt += 1
        return -1
    trailer = payload + payload_size - TRAILER_BYTES
    number = load64(trailer + 8)
    if (load32(trailer) != TRAILER_MAGIC
            or memcmp(payload + CODEC_BYTES, pattern + pattern_offset(number) + CODEC_BYTES,
                      payload_size - SMALLEST_PAYLOAD) != 0):
        stream.corrupt += 1
        return -1
    stream.verified += 1
    _count_number(stream, load32(trailer + 4), number)
    return <int64_t>load64(trailer + 16)
