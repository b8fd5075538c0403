"""Consumers: the choice of an encoding, the rewriting of headers, and retransmission."""
from libc.stdint cimport uint16_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from mediaplane.counters cimport COUNT_DROP_OVERSIZED, COUNT_ENCODING_SWITCHES, COUNT_RTP_FORWARDED, COUNT_RTX_SENT
from mediaplane.deadlines cimport REASON_REPORT, deadline_set
from mediaplane.egress cimport EGRESS_RESERVE, egress_commit_rtp, egress_reserve
from mediaplane.events cimport EVENT_ENCODING_CHANGED, event_emit_value
from mediaplane.model cimport KIND_VIDEO, NO_ENCODING, TRANSPORT_CONNECTED, encoding_t
from mediaplane.pipes.incoming cimport wish_changed
from mediaplane.rtcp.feedback cimport keyframe_wanted
from mediaplane.status cimport BAD_STATE, MALFORMED, NO_MEMORY, NO_SPACE, NOT_FOUND, OK
from mediaplane.stream.picture_id_map cimport picture_map, picture_offset_for_switch, tl0_map
from mediaplane.stream.redundancy cimport find_primary
from mediaplane.stream.resend_guard cimport resend_guard_allow
from mediaplane.stream.retransmission_buffer cimport cached_packet_data, cached_packet_t, retransmission_buffer_find
from mediaplane.stream.seq_map cimport (
    seq_epoch_t, seq_map_drop, seq_map_forward, seq_map_init, seq_map_reverse, seq_map_switch,
)
from mediaplane.stream.timestamp_map cimport rtp_clock_t, timestamp_offset_for_switch
from mediaplane.tables cimport id_table_put, id_table_remove
from mediaplane.wire.byte_order cimport store16
from mediaplane.wire.codecs cimport CODEC_VP8
from mediaplane.wire.rtp cimport RTP_FIXED_HEADER_SIZE, RTP_PADDING_BIT, rtp_parse_header, rtp_write_fixed_header
from mediaplane.wire.rtp_extensions cimport (
    EXT_MID, extension_writer_t, extensions_begin, extensions_end, extensions_parse, extensions_put, extensions_wide,
)
from mediaplane.wire.seq cimport unwrap16
from mediaplane.wire.vp8 cimport vp8_parse, vp8_rewrite

cdef enum:
    NOT_SHARED = 255             # a payload type that the consumer did not negotiate


cdef inline uint64_t _ssrc_key(const consumer_t *consumer, uint32_t ssrc) noexcept nogil:
    return (<uint64_t>consumer.transport.id << 32) | ssrc


cdef inline uint16_t _source(const consumer_t *consumer, uint8_t encoding) noexcept nogil:
    """Names an encoding of the present source in the map of sequence numbers; no earlier source shares the name."""
    return <uint16_t>(consumer.generation << 4 | encoding)


# --- choice of the encoding ----------------------------------------------------------------------------------------

cdef uint8_t _choice(const consumer_t *consumer) noexcept nogil:
    cdef producer_t *producer = consumer.producer
    cdef int wanted = producer.encoding_count - 1
    cdef int i
    if producer.mixed:
        for i in range(producer.encoding_count - 1):
            if producer.apart[i] == consumer.transport.id:
                return i + 1
        return 0
    if consumer.preferred < producer.encoding_count:
        wanted = consumer.preferred
    for i in range(wanted, -1, -1):
        if producer.encodings[i].active:
            return i
    for i in range(wanted + 1, producer.encoding_count):
        if producer.encodings[i].active:
            return i
    return consumer.current if consumer.current != NO_ENCODING else wanted


cdef void consumer_choose(consumer_t *consumer) noexcept nogil:
    if consumer.producer != NULL:
        consumer.target = _choice(consumer)
        wish_changed(consumer.producer)


cdef void consumer_retarget(plane_t *plane, consumer_t *consumer, int64_t now_us) noexcept nogil:
    if consumer.producer == NULL:
        return
    consumer_choose(consumer)
    if not consumer.open or consumer.transport.state != TRANSPORT_CONNECTED:
        return
    if consumer.kind == KIND_VIDEO and (consumer.target != consumer.current or not consumer.in_sync):
        keyframe_wanted(plane, &consumer.producer.encodings[consumer.target], now_us)


cdef void consumer_resync(plane_t *plane, consumer_t *consumer, int64_t now_us) noexcept nogil:
    consumer.in_sync = False
    consumer_retarget(plane, consumer, now_us)


cdef void consumer_follow_mix(plane_t *plane, consumer_t *consumer, int64_t now_us) noexcept nogil:
    # At once, and not only when the other encoding comes: nobody is to hear themself for a single packet.
    if _choice(consumer) != consumer.target:
        consumer_resync(plane, consumer, now_us)


cdef void consumer_begin_anew(plane_t *plane, consumer_t *consumer, int64_t now_us) noexcept nogil:
    # Only 256 names: one that no epoch bears is taken again, so that two sources never share one.
    if consumer.synced_generation == consumer.generation:
        consumer.generation = (consumer.generation + 1) & 0xFF
    consumer.current = NO_ENCODING
    consumer_resync(plane, consumer, now_us)


cdef void consumer_transport_connected(plane_t *plane, consumer_t *consumer, int64_t now_us) noexcept nogil:
    consumer_resync(plane, consumer, now_us)


cdef void consumer_prefer(plane_t *plane, consumer_t *consumer, uint8_t encoding, int64_t now_us) noexcept nogil:
    consumer.preferred = encoding
    consumer_retarget(plane, consumer, now_us)


cdef void consumer_gate(plane_t *plane, consumer_t *consumer, bint open, int64_t now_us) noexcept nogil:
    if consumer.open == open:
        return
    consumer.open = open
    consumer_resync(plane, consumer, now_us)


# --- from one epoch to the next ------------------------------------------------------------------------------------

cdef void _start_epoch(plane_t *plane, consumer_t *consumer, const ingress_t *packet, int64_t now_us) noexcept nogil:
    """The packet is the first of a new stretch of this encoding: continue the consumer's numbers and clock with it."""
    cdef encoding_t *encoding = packet.encoding
    cdef producer_t *producer = encoding.producer
    cdef rtp_clock_t unknown
    cdef const rtp_clock_t *old_clock = &unknown
    cdef bint same_source = consumer.current != NO_ENCODING and consumer.synced_generation == consumer.generation
    cdef bint switched = consumer.current != encoding.index
    if consumer.seq.highest_out >= 0 and not (same_source and not switched):
        memset(&unknown, 0, sizeof(unknown))
        unknown.clock_rate = encoding.clock.clock_rate
        if same_source:
            old_clock = &producer.encodings[consumer.current].clock
        consumer.timestamp_offset = timestamp_offset_for_switch(
            old_clock, &encoding.clock, consumer.timestamp_offset, packet.header.timestamp, consumer.last_timestamp,
            consumer.last_packet_us, now_us, encoding.clock.clock_rate)
        if packet.has_vp8 and packet.vp8.has_picture_id and consumer.has_picture_id:
            consumer.picture_offset = picture_offset_for_switch(
                consumer.last_picture_id, consumer.last_tl0, packet.vp8.picture_id, packet.vp8.tl0picidx,
                packet.vp8.wide_picture_id)
    seq_map_switch(&consumer.seq, _source(consumer, encoding.index), packet.seq64, consumer.timestamp_offset,
                   consumer.picture_offset)
    consumer.synced_generation = consumer.generation
    consumer.current = encoding.index
    consumer.in_sync = True
    wish_changed(producer)
    # The receiver's idea of the clock may be that of another source: a sender report puts it right.
    deadline_set(&plane.deadlines, &consumer.transport.deadline, REASON_REPORT, now_us)
    if switched:
        plane.counters.values[<int>COUNT_ENCODING_SWITCHES] += 1
    if switched and not producer.mixed:
        event_emit_value(plane, EVENT_ENCODING_CHANGED, consumer.id, encoding.index, False)


cdef inline bint _admits(plane_t *plane, consumer_t *consumer, const ingress_t *packet, bint worth_starting,
                         int64_t now_us) noexcept nogil:
    """Whether the packet is part of what the consumer forwards: also by a switch, if this is the moment for it."""
    cdef uint8_t index = packet.encoding.index
    if consumer.in_sync and index == consumer.current:
        return True
    if index != consumer.target or not worth_starting:
        return False
    if consumer.kind == KIND_VIDEO and not packet.starts_keyframe:
        return False
    _start_epoch(plane, consumer, packet, now_us)
    return True


# --- writing -------------------------------------------------------------------------------------------------------

cdef int _write_header(const consumer_t *consumer, const ingress_t *packet, uint8_t *out, uint8_t payload_type,
                       uint16_t seq16, uint32_t timestamp, uint32_t ssrc, bint padded) noexcept nogil:
    """Fixed header, CSRCs, and the extensions that the consumer negotiated under its own ids. Returns the bytes."""
    cdef extension_writer_t writer
    cdef uint32_t fixed = RTP_FIXED_HEADER_SIZE + 4 * packet.header.csrc_count
    cdef uint8_t id
    cdef uint32_t size
    cdef int i
    extensions_begin(&writer, out + fixed, EGRESS_RESERVE - fixed,
                     consumer.two_byte and (packet.wide or consumer.wide_ids))
    if consumer.mid_id:
        extensions_put(&writer, consumer.mid_id, consumer.mid, consumer.mid_size)
    for i in range(packet.element_count):
        id = consumer.id_by_kind[packet.elements[i].kind]
        if id and packet.elements[i].kind != EXT_MID:
            extensions_put(&writer, id, packet.data + packet.elements[i].offset, packet.elements[i].size)
    size = extensions_end(&writer)
    rtp_write_fixed_header(out, payload_type, packet.header.marker, seq16, timestamp, ssrc, packet.header.csrc_count,
                           size != 0)
    if padded:
        out[0] |= RTP_PADDING_BIT
    if packet.header.csrc_count:
        memcpy(out + RTP_FIXED_HEADER_SIZE, packet.data + RTP_FIXED_HEADER_SIZE, 4 * packet.header.csrc_count)
    return fixed + size


cdef inline void _copy_payload(const ingress_t *packet, uint8_t *out, uint32_t picture_offset) noexcept nogil:
    memcpy(out, packet.payload, packet.payload_size + packet.padding)
    if picture_offset and packet.has_vp8:
        vp8_rewrite(out, &packet.vp8, picture_map(picture_offset, packet.vp8.picture_id, packet.vp8.wide_picture_id),
                    tl0_map(picture_offset, packet.vp8.tl0picidx))


cdef inline const uint8_t *_place_payload(const ingress_t *packet, uint8_t *out,
                                          uint32_t picture_offset) noexcept nogil:
    """Where the payload to seal lies: in the cache, or behind the header at `out` when its picture id had to change."""
    if not picture_offset or not packet.has_vp8:
        return packet.payload
    _copy_payload(packet, out, picture_offset)
    return out


cdef inline bint _fits(const consumer_t *consumer, int header_size, uint32_t payload_size) noexcept nogil:
    return header_size + payload_size + consumer.transport.srtp_overhead <= EGRESS_RESERVE


cdef inline uint8_t _payload_type(const consumer_t *consumer, const ingress_t *packet,
                                  uint16_t *skipped) noexcept nogil:
    """As the consumer knows it. Without redundancy it gets the newest block, `skipped` bytes into the payload."""
    cdef uint8_t payload_type = consumer.payload_type_map[packet.header.payload_type]
    skipped[0] = 0
    if payload_type == NOT_SHARED and packet.primary_offset:
        skipped[0] = packet.primary_offset
        payload_type = consumer.payload_type_map[packet.primary_type]
    return payload_type


cdef int consumer_forward(plane_t *plane, consumer_t *consumer, const ingress_t *packet, int64_t now_us) noexcept nogil:
    cdef uint8_t *out = egress_reserve(&plane.egress)
    cdef uint16_t skipped = 0
    cdef uint8_t payload_type = _payload_type(consumer, packet, &skipped)
    cdef uint16_t payload_size = packet.payload_size - skipped
    cdef bint wanted = payload_size != 0 and payload_type != NOT_SHARED
    cdef seq_epoch_t *epoch
    cdef int64_t out_seq
    cdef uint32_t timestamp
    cdef int header_size
    if out == NULL:
        return NO_SPACE
    if not _admits(plane, consumer, packet, wanted, now_us):
        return OK
    if not wanted:
        # No gap, or the consumer would ask for it.
        seq_map_drop(&consumer.seq, _source(consumer, packet.encoding.index), packet.seq64)
        return OK
    if seq_map_forward(&consumer.seq, _source(consumer, packet.encoding.index), packet.seq64, &out_seq, &epoch) != OK:
        return OK
    timestamp = packet.header.timestamp + epoch.timestamp_offset
    header_size = _write_header(consumer, packet, out, payload_type, <uint16_t>out_seq, timestamp, consumer.ssrc,
                                packet.padding != 0)
    if not _fits(consumer, header_size, payload_size + packet.padding):
        plane.counters.values[<int>COUNT_DROP_OVERSIZED] += 1
        return OK
    egress_commit_rtp(&plane.egress, consumer.transport, header_size,
                      _place_payload(packet, out + header_size, epoch.picture_offset) + skipped,
                      payload_size + packet.padding, consumer.ssrc, out_seq)
    consumer.packets += 1
    consumer.octets += payload_size
    if out_seq == consumer.seq.highest_out:
        consumer.last_timestamp = timestamp
        consumer.last_packet_us = now_us
        if packet.has_vp8:
            consumer.has_picture_id = packet.vp8.has_picture_id
            consumer.last_picture_id = picture_map(epoch.picture_offset, packet.vp8.picture_id,
                                                   packet.vp8.wide_picture_id)
            consumer.last_tl0 = tl0_map(epoch.picture_offset, packet.vp8.tl0picidx)
    plane.counters.values[<int>COUNT_RTP_FORWARDED] += 1
    return OK


# --- retransmission ------------------------------------------------------------------------------------------------

cdef int _recall(encoding_t *encoding, int64_t seq64, int64_t now_us, ingress_t *packet) noexcept nogil:
    """Read a cached packet again as if it had just come."""
    cdef cached_packet_t *cached = retransmission_buffer_find(&encoding.cache, seq64, now_us)
    cdef transport_t *transport = encoding.producer.transport
    cdef int count
    if cached == NULL:
        return NOT_FOUND
    memset(packet, 0, sizeof(ingress_t))
    packet.encoding = encoding
    packet.data = cached_packet_data(&encoding.cache, cached)
    if rtp_parse_header(packet.data, cached.size, &packet.header) != OK:
        return MALFORMED
    packet.header.payload_type = cached.payload_type
    packet.seq64 = seq64
    packet.payload = packet.data + cached.header_size
    packet.payload_size = cached.payload_size
    packet.padding = cached.padding
    count = extensions_parse(packet.data, &packet.header, transport.kind_by_id, packet.elements)
    packet.element_count = count if count > 0 else 0
    packet.wide = extensions_wide(packet.elements, packet.element_count)
    packet.codec = encoding.producer.codec_by_pt[cached.payload_type]
    find_primary(encoding.producer, packet)
    packet.has_vp8 = packet.codec == CODEC_VP8 + 1 and vp8_parse(packet.payload, packet.payload_size, &packet.vp8) == OK
    # The very bytes that were sent before must be made again, or one SRTP nonce would seal two different packets.
    return OK if cached.received_us > transport.extensions_us else BAD_STATE


# The payload is copied: packets of the same batch may take the place that it has in the cache before it is sealed.

cdef int _send_rtx(plane_t *plane, consumer_t *consumer, const ingress_t *packet, uint8_t *out, uint8_t payload_type,
                   int64_t out_seq, const seq_epoch_t *epoch) noexcept nogil:
    """RFC 4588 section 4: numbers of its own, and the original one before the payload."""
    cdef int header_size = _write_header(consumer, packet, out, payload_type, <uint16_t>consumer.rtx_seq,
                                         packet.header.timestamp + epoch.timestamp_offset, consumer.rtx_ssrc, False)
    cdef uint32_t payload_size = packet.payload_size + 2
    if not _fits(consumer, header_size, payload_size):
        return NOT_FOUND
    store16(out + header_size, <uint16_t>out_seq)
    _copy_payload(packet, out + header_size + 2, epoch.picture_offset)
    egress_commit_rtp(&plane.egress, consumer.transport, header_size, out + header_size, payload_size,
                      consumer.rtx_ssrc, consumer.rtx_seq)
    consumer.rtx_seq += 1
    consumer.rtx_packets += 1
    consumer.rtx_octets += payload_size
    return OK


cdef int _send_again(plane_t *plane, consumer_t *consumer, const ingress_t *packet, uint8_t *out, uint8_t payload_type,
                     int64_t out_seq, const seq_epoch_t *epoch) noexcept nogil:
    """The very packet that was sent before."""
    cdef int header_size = _write_header(consumer, packet, out, payload_type, <uint16_t>out_seq,
                                         packet.header.timestamp + epoch.timestamp_offset, consumer.ssrc,
                                         packet.padding != 0)
    if not _fits(consumer, header_size, packet.payload_size + packet.padding):
        return NOT_FOUND
    _copy_payload(packet, out + header_size, epoch.picture_offset)
    egress_commit_rtp(&plane.egress, consumer.transport, header_size, out + header_size,
                      packet.payload_size + packet.padding, consumer.ssrc, out_seq)
    return OK


cdef int consumer_resend(plane_t *plane, consumer_t *consumer, uint16_t out_seq16, int64_t now_us) noexcept nogil:
    cdef ingress_t packet
    cdef const seq_epoch_t *epoch
    cdef uint8_t *out
    cdef int64_t out_seq, in_seq
    cdef uint16_t source
    cdef uint16_t skipped = 0
    cdef uint8_t payload_type
    cdef int status
    if consumer.producer == NULL or not consumer.open or not consumer.producer.open or consumer.seq.highest_out < 0:
        return NOT_FOUND
    out_seq = unwrap16(consumer.seq.highest_out, out_seq16)
    if seq_map_reverse(&consumer.seq, out_seq, &source, &in_seq, &epoch) != OK:
        return NOT_FOUND
    if (source >> 4) != (_source(consumer, 0) >> 4):
        return NOT_FOUND
    status = _recall(&consumer.producer.encodings[source & 15], in_seq, now_us, &packet)
    if status != OK:
        return NOT_FOUND
    out = egress_reserve(&plane.egress)
    if out == NULL:
        return NO_SPACE
    payload_type = _payload_type(consumer, &packet, &skipped)
    packet.payload += skipped
    packet.payload_size -= skipped
    if (payload_type == NOT_SHARED
            or not resend_guard_allow(&consumer.resend, out_seq, now_us, consumer.transport.rtt_us)):
        return NOT_FOUND
    if consumer.rtx_ssrc and consumer.rtx_type_map[payload_type]:
        packet.padding = 0      # with numbers of its own it need not be the very same bytes
        status = _send_rtx(plane, consumer, &packet, out, consumer.rtx_type_map[payload_type], out_seq, epoch)
    else:
        status = _send_again(plane, consumer, &packet, out, payload_type, out_seq, epoch)
    if status == OK:
        plane.counters.values[<int>COUNT_RTX_SENT] += 1
    return status


# --- life ----------------------------------------------------------------------------------------------------------

cdef int consumer_open(plane_t *plane, transport_t *transport, consumer_t *consumer) noexcept nogil:
    cdef int status = id_table_put(&plane.consumers, consumer.id, consumer)
    if status != OK:
        return status
    consumer.transport = transport
    status = id_table_put(&plane.consumer_ssrcs, _ssrc_key(consumer, consumer.ssrc), consumer)
    if status != OK:
        id_table_remove(&plane.consumers, consumer.id)
        return status
    if consumer.rtx_ssrc:
        status = id_table_put(&plane.consumer_ssrcs, _ssrc_key(consumer, consumer.rtx_ssrc), consumer)
        if status != OK:
            id_table_remove(&plane.consumers, consumer.id)
            id_table_remove(&plane.consumer_ssrcs, _ssrc_key(consumer, consumer.ssrc))
            return status
    # The upper half of the numbers stays free, so that the roll-over counter of both sides surely starts at 0.
    seq_map_init(&consumer.seq, <uint16_t>(consumer.ssrc & 0x7FFF))
    consumer.rtx_seq = consumer.rtx_ssrc & 0x7FFF
    consumer.next = transport.consumers
    transport.consumers = consumer
    return OK


cdef int consumer_connect(plane_t *plane, consumer_t *consumer, producer_t *producer, const uint8_t *payload_types,
                          const uint8_t *rtx_types, int64_t now_us) noexcept nogil:
    cdef consumer_t **grown
    cdef uint32_t capacity
    consumer_disconnect(consumer)
    if producer == NULL:
        return OK
    if producer.kind != consumer.kind:
        return BAD_STATE
    if producer.consumer_count == producer.consumer_capacity:
        capacity = producer.consumer_capacity * 2 if producer.consumer_capacity else 8
        grown = <consumer_t **>realloc(producer.consumers, capacity * sizeof(consumer_t *))
        if grown == NULL:
            return NO_MEMORY
        producer.consumers = grown
        producer.consumer_capacity = capacity
    memcpy(consumer.payload_type_map, payload_types, 128)
    memcpy(consumer.rtx_type_map, rtx_types, 128)
    producer.consumers[producer.consumer_count] = consumer
    consumer.producer_index = producer.consumer_count
    producer.consumer_count += 1
    consumer.producer = producer
    consumer_begin_anew(plane, consumer, now_us)
    return OK


cdef void consumer_disconnect(consumer_t *consumer) noexcept nogil:
    cdef producer_t *producer = consumer.producer
    cdef consumer_t *last
    if producer == NULL:
        return
    producer.consumer_count -= 1
    last = producer.consumers[producer.consumer_count]
    producer.consumers[consumer.producer_index] = last
    last.producer_index = consumer.producer_index
    wish_changed(producer)
    consumer.producer = NULL
    consumer.pending_mask = 0
    consumer.in_sync = False


cdef void consumer_detach(plane_t *plane, consumer_t *consumer) noexcept nogil:
    consumer_disconnect(consumer)
    id_table_remove(&plane.consumers, consumer.id)
    id_table_remove(&plane.consumer_ssrcs, _ssrc_key(consumer, consumer.ssrc))
    if consumer.rtx_ssrc:
        id_table_remove(&plane.consumer_ssrcs, _ssrc_key(consumer, consumer.rtx_ssrc))


cdef void consumer_free(consumer_t *consumer) noexcept nogil:
    free(consumer)
