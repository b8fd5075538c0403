"""Producers: from an opened RTP packet to a cached one that consumers can be given."""
from libc.stdlib cimport free
from libc.string cimport memcmp, memmove, memset

from mediaplane.audio.speaker_groups cimport (
    speakers_free, speakers_join, speakers_leave, speakers_level, speakers_mute,
)
from mediaplane.counters cimport (
    COUNT_DROP_DUPLICATE, COUNT_DROP_GATED, COUNT_DROP_NOT_CACHED, COUNT_DROP_OVER_BITRATE, COUNT_DROP_PADDING,
    COUNT_DROP_RTP_MALFORMED, COUNT_DROP_UNKNOWN_PAYLOAD_TYPE, COUNT_RTX_RECEIVED,
)
from mediaplane.deadlines cimport REASON_FEEDBACK, REASON_NACK, deadline_set
from mediaplane.events cimport EVENT_AUDIO_LEVEL, EVENT_PRODUCER_ACTIVE, EVENT_PRODUCER_BYE, event_emit_value
from mediaplane.model cimport KIND_VIDEO, MAX_RECEIVE_STREAMS
from mediaplane.congestion.transport_cc cimport transport_cc_receiver_deadline, transport_cc_receiver_packet
from mediaplane.pipes.outgoing cimport outgoing_state
from mediaplane.rtcp.feedback cimport keyframe_wanted
from mediaplane.secure.srtp cimport srtp_replay_check, srtp_replay_commit
from mediaplane.status cimport NO_SPACE, OK
from mediaplane.stream.bitrate_limit cimport bitrate_limit_take
from mediaplane.stream.consumer cimport (
    consumer_begin_anew, consumer_choose, consumer_disconnect, consumer_resync, consumer_retarget,
)
from mediaplane.stream.keyframe_request cimport keyframe_request_arrived
from mediaplane.stream.nack_generator cimport (
    nack_generator_deadline, nack_generator_init, nack_generator_keyframe, nack_generator_received,
)
from mediaplane.stream.receive_statistics cimport receive_statistics_init, receive_statistics_packet
from mediaplane.stream.redundancy cimport find_primary
from mediaplane.stream.retransmission_buffer cimport (
    cached_packet_data, cached_packet_t, retransmission_buffer_clear, retransmission_buffer_free,
    retransmission_buffer_store,
)
from mediaplane.stream.run_padding cimport MAX_RUN_PADDING
from mediaplane.tables cimport id_table_put, id_table_remove
from mediaplane.wire.byte_order cimport load16
from mediaplane.wire.codecs cimport CODEC_OTHER, CODEC_VP8, payload_starts_keyframe
from mediaplane.wire.rtp cimport rtp_payload_size
from mediaplane.wire.rtp_extensions cimport (
    EXT_AUDIO_LEVEL, EXT_MID, EXT_REPAIRED_RID, EXT_RID, EXT_TRANSPORT_CC, extension_element_t,
    extension_fits_one_byte,
)
from mediaplane.wire.seq cimport unwrap16
from mediaplane.wire.vp8 cimport vp8_parse

cdef enum:
    SILENCE_DBOV = 127


# --- from an SSRC to an encoding -----------------------------------------------------------------------------------

cdef receive_stream_t *stream_find(transport_t *transport, uint32_t ssrc) noexcept nogil:
    cdef uint32_t i
    for i in range(transport.stream_count):
        if transport.stream_ssrcs[i] == ssrc:
            return &transport.streams[i]
    return NULL


cdef receive_stream_t *_new_stream(transport_t *transport) noexcept nogil:
    cdef uint32_t i
    if transport.stream_count < MAX_RECEIVE_STREAMS:
        transport.stream_count += 1
        return &transport.streams[transport.stream_count - 1]
    for i in range(MAX_RECEIVE_STREAMS):
        if transport.streams[i].encoding == NULL:
            return &transport.streams[i]
    return NULL


cdef void _unbind(transport_t *transport, uint32_t ssrc, const encoding_t *encoding) noexcept nogil:
    cdef receive_stream_t *stream = stream_find(transport, ssrc)
    if stream != NULL and stream.encoding == encoding:
        stream.encoding = NULL


cdef receive_stream_t *stream_bind(transport_t *transport, uint32_t ssrc, encoding_t *encoding,
                                   bint is_rtx) noexcept nogil:
    cdef receive_stream_t *stream = stream_find(transport, ssrc)
    if stream == NULL:
        stream = _new_stream(transport)
        if stream == NULL:
            return NULL
        memset(stream, 0, sizeof(receive_stream_t))
        stream.ssrc = ssrc
        transport.stream_ssrcs[stream - transport.streams] = ssrc
    _unbind(transport, encoding.rtx_ssrc if is_rtx else encoding.ssrc, encoding)
    stream.encoding = encoding
    stream.is_rtx = is_rtx
    if is_rtx:
        encoding.rtx_ssrc = ssrc
    else:
        encoding.ssrc = ssrc
    return stream


cdef inline bint _same(const ingress_t *packet, const extension_element_t *element, const uint8_t *text,
                       uint8_t size) noexcept nogil:
    return element.size == size and memcmp(packet.datagram + element.offset, text, size) == 0


cdef encoding_t *stream_route(transport_t *transport, const ingress_t *packet, bint *is_rtx) noexcept nogil:
    cdef const extension_element_t *mid = NULL
    cdef const extension_element_t *rid = NULL
    cdef const extension_element_t *repaired = NULL
    cdef const extension_element_t *named
    cdef producer_t *producer
    cdef producer_t *found = NULL
    cdef int i
    for i in range(packet.element_count):
        if packet.elements[i].kind == EXT_MID:
            mid = &packet.elements[i]
        elif packet.elements[i].kind == EXT_RID:
            rid = &packet.elements[i]
        elif packet.elements[i].kind == EXT_REPAIRED_RID:
            repaired = &packet.elements[i]
    producer = transport.producers
    while producer != NULL:
        if mid != NULL:
            if _same(packet, mid, producer.mid, producer.mid_size):
                found = producer
                break
        elif producer.codec_by_pt[packet.header.payload_type] or producer.apt_by_pt[packet.header.payload_type]:
            if found != NULL:
                return NULL     # more than one producer has this payload type
            found = producer
        producer = producer.next
    if found == NULL:
        return NULL
    is_rtx[0] = found.apt_by_pt[packet.header.payload_type] != 0
    named = repaired if repaired != NULL else rid
    if named == NULL:
        return &found.encodings[0] if found.encoding_count == 1 else NULL
    for i in range(found.encoding_count):
        if _same(packet, named, found.encodings[i].rid, found.encodings[i].rid_size):
            return &found.encodings[i]
    # An offer without rids whose packets carry one: there is only one encoding it can be.
    return &found.encodings[0] if found.encoding_count == 1 and found.encodings[0].rid_size == 0 else NULL


cdef bint encoding_may_change(const encoding_t *encoding, uint32_t ssrc, int64_t now_us) noexcept nogil:
    return encoding.ssrc == 0 or encoding.ssrc == ssrc or now_us - encoding.last_packet_us > SOURCE_SILENT_US


cdef void encoding_begin_anew(plane_t *plane, encoding_t *encoding, int64_t now_us) noexcept nogil:
    cdef producer_t *producer = encoding.producer
    cdef uint32_t i
    encoding.begun += 1
    encoding.highest_seq = -1
    encoding.active = False
    encoding.clock.ntp = 0
    receive_statistics_init(&encoding.statistics, encoding.clock.clock_rate)
    nack_generator_init(&encoding.nack)
    retransmission_buffer_clear(&encoding.cache)
    for i in range(producer.consumer_count):
        consumer_begin_anew(plane, producer.consumers[i], now_us)


cdef void encoding_awoke(plane_t *plane, const ingress_t *packet, int64_t now_us) noexcept nogil:
    cdef producer_t *producer = packet.encoding.producer
    cdef uint32_t i
    for i in range(producer.consumer_count):
        # One that begins with a keyframe, as most do, need not be asked for another.
        if packet.starts_keyframe:
            consumer_choose(producer.consumers[i])
        else:
            consumer_retarget(plane, producer.consumers[i], now_us)


cdef void encoding_left(plane_t *plane, encoding_t *encoding, int64_t now_us) noexcept nogil:
    cdef producer_t *producer = encoding.producer
    cdef int i
    if not encoding.active:
        return
    encoding.active = False
    outgoing_state(plane, producer)
    for i in range(producer.encoding_count):
        if producer.encodings[i].active:
            producer_retarget(plane, producer, now_us)
            return
    event_emit_value(plane, EVENT_PRODUCER_BYE, producer.id, 0, False)


# --- one packet ----------------------------------------------------------------------------------------------------

cdef bint _unwrap_rtx(plane_t *plane, ingress_t *packet) noexcept nogil:
    """Restore the packet that an RTX packet carries (RFC 4588 section 4): its number, payload type and payload."""
    cdef encoding_t *encoding = packet.encoding
    cdef receive_stream_t *primary
    cdef uint8_t apt = encoding.producer.apt_by_pt[packet.header.payload_type]
    if packet.payload_size == 0:
        plane.counters.values[<int>COUNT_DROP_PADDING] += 1     # a probe: browsers send them before anything else
        return False
    primary = stream_find(packet.transport, encoding.ssrc)
    if (apt == 0 or packet.payload_size < 2 or encoding.highest_seq < 0 or primary == NULL
            or primary.encoding != encoding):
        plane.counters.values[<int>COUNT_DROP_RTP_MALFORMED] += 1
        return False
    packet.seq64 = unwrap16(encoding.highest_seq, load16(packet.datagram + packet.header.header_size))
    # One window for both ways a packet can come: a number that goes out twice could seal two packets with one nonce.
    if packet.seq64 < 0 or srtp_replay_check(&primary.replay, packet.seq64) != OK:
        plane.counters.values[<int>COUNT_DROP_DUPLICATE] += 1
        return False
    srtp_replay_commit(&primary.replay, packet.seq64)
    # The header moves over the original sequence number, so that header and payload lie together again.
    memmove(packet.datagram + 2, packet.datagram, packet.header.header_size)
    packet.datagram += 2
    packet.datagram_size -= 2
    packet.payload_size -= 2
    packet.header.payload_type = apt - 1
    packet.header.seq16 = <uint16_t>packet.seq64
    plane.counters.values[<int>COUNT_RTX_RECEIVED] += 1
    return True


cdef void _audio_level(plane_t *plane, producer_t *producer, uint8_t value, int64_t now_us) noexcept nogil:
    """Tell the loudest level of the last interval (RFC 6464: 7 bits of -dBov and the voice flag)."""
    cdef uint8_t level = value & 0x7F
    speakers_level(plane, producer, level, now_us)
    if level < producer.level_peak:
        producer.level_peak = level
    producer.level_voice |= value >> 7
    if now_us - producer.level_event_us < AUDIO_LEVEL_INTERVAL_US:
        return
    if producer.level_peak < SILENCE_DBOV:
        event_emit_value(plane, EVENT_AUDIO_LEVEL, producer.id, producer.level_peak, producer.level_voice)
    producer.level_event_us = now_us
    producer.level_peak = SILENCE_DBOV
    producer.level_voice = 0


cdef void _read_elements(plane_t *plane, ingress_t *packet, int64_t now_us) noexcept nogil:
    cdef const extension_element_t *element
    cdef transport_t *transport = packet.transport
    cdef int64_t before
    cdef int i
    packet.wide = False
    for i in range(packet.element_count):
        element = &packet.elements[i]
        if not extension_fits_one_byte(1, element.size):
            packet.wide = True
        if element.kind == EXT_TRANSPORT_CC and element.size == 2 and packet.encoding.producer.transport_cc:
            before = transport_cc_receiver_deadline(transport.transport_cc)
            transport_cc_receiver_packet(transport.transport_cc, load16(packet.datagram + element.offset),
                                         packet.arrival_us)
            transport.feedback_ssrc = packet.header.ssrc
            if transport_cc_receiver_deadline(transport.transport_cc) != before:
                deadline_set(&plane.deadlines, &transport.deadline, REASON_FEEDBACK,
                             transport_cc_receiver_deadline(transport.transport_cc))
        elif element.kind == EXT_AUDIO_LEVEL and element.size >= 1 and packet.encoding.producer.open:
            _audio_level(plane, packet.encoding.producer, packet.datagram[element.offset], now_us)


cdef bint _look_inside(ingress_t *packet) noexcept nogil:
    """What the payload's first bytes say. True if the payload type is one that was negotiated."""
    cdef producer_t *producer = packet.encoding.producer
    packet.codec = producer.codec_by_pt[packet.header.payload_type]
    if packet.codec == 0:
        return False
    packet.codec -= 1
    if not find_primary(producer, packet):
        return False
    packet.starts_keyframe = payload_starts_keyframe(packet.codec, packet.payload, packet.payload_size)
    packet.has_vp8 = packet.codec == CODEC_VP8 and vp8_parse(packet.payload, packet.payload_size, &packet.vp8) == OK
    return True


cdef void encoding_set_clock(encoding_t *encoding, uint32_t clock_rate) noexcept nogil:
    if clock_rate and clock_rate != encoding.clock.clock_rate:
        encoding.clock.clock_rate = clock_rate
        encoding.clock.ntp = 0
        encoding.statistics.clock_rate = clock_rate
        encoding.statistics.has_transit = False


cdef void _became_active(plane_t *plane, encoding_t *encoding) noexcept nogil:
    encoding.active = True
    if encoding.producer.source_id:
        return      # its own worker tells
    encoding.wanted_by |= encoding.producer.piped_to    # until they say otherwise, so that its beginning is not missed
    event_emit_value(plane, EVENT_PRODUCER_ACTIVE, encoding.producer.id, encoding.index, False)


cdef bint producer_receive(plane_t *plane, ingress_t *packet, int64_t now_us) noexcept nogil:
    cdef encoding_t *encoding = packet.encoding
    cdef producer_t *producer = encoding.producer
    cdef int payload_size = rtp_payload_size(packet.datagram, packet.datagram_size, &packet.header)
    if payload_size < 0:
        plane.counters.values[<int>COUNT_DROP_RTP_MALFORMED] += 1
        return False
    packet.payload_size = payload_size
    _read_elements(plane, packet, now_us)
    if packet.stream.is_rtx:
        if not _unwrap_rtx(plane, packet):
            return False
    else:
        if packet.header.payload_type != encoding.payload_type:
            encoding_set_clock(encoding, producer.clock_by_pt[packet.header.payload_type])
        receive_statistics_packet(&encoding.statistics, packet.seq64, packet.header.timestamp, packet.payload_size,
                                  packet.arrival_us)
        if packet.seq64 > encoding.highest_seq:
            encoding.highest_seq = packet.seq64
    encoding.last_packet_us = now_us
    # What is muted was authenticated, so that the roll-over counter stays right, and is not looked at any further.
    if not producer.open:
        plane.counters.values[<int>COUNT_DROP_GATED] += 1
        return False
    if packet.payload_size == 0:
        plane.counters.values[<int>COUNT_DROP_PADDING] += 1
    return producer_keep(plane, packet, now_us)


cdef bint producer_keep(plane_t *plane, ingress_t *packet, int64_t now_us) noexcept nogil:
    cdef encoding_t *encoding = packet.encoding
    cdef transport_t *transport = packet.transport
    cdef cached_packet_t *cached
    packet.payload = packet.datagram + packet.header.header_size
    packet.padding = 0
    if packet.payload_size and not _look_inside(packet):
        plane.counters.values[<int>COUNT_DROP_UNKNOWN_PAYLOAD_TYPE] += 1
        packet.payload_size = 0
    if not encoding.active:
        _became_active(plane, encoding)
    if encoding.producer.nack:
        if nack_generator_received(&encoding.nack, packet.seq64, now_us):
            keyframe_wanted(plane, encoding, now_us)
        if encoding.nack.count:
            deadline_set(&plane.deadlines, &transport.deadline, REASON_NACK,
                         min(transport.deadline.due_us[<int>REASON_NACK], nack_generator_deadline(&encoding.nack)))
    if packet.payload_size == 0:
        # Padding alone, or not negotiated: forwarded nowhere, but consumers close the gap it would leave.
        packet.starts_keyframe = False
        return True
    # It came, so it is not asked for again; to subscribers it is lost.
    if not bitrate_limit_take(&encoding.producer.limit, packet.payload_size, now_us):
        plane.counters.values[<int>COUNT_DROP_OVER_BITRATE] += 1
        return False
    if packet.starts_keyframe:
        keyframe_request_arrived(&encoding.keyframe_request)
        if encoding.producer.kind == KIND_VIDEO and packet.codec != CODEC_OTHER:      # else any packet could start
            nack_generator_keyframe(&encoding.nack, packet.seq64)
    encoding.payload_type = packet.header.payload_type
    cached = retransmission_buffer_store(&encoding.cache, packet.seq64, packet.datagram,
                                         packet.header.header_size + packet.payload_size,
                                         MAX_RUN_PADDING if encoding.producer.kind == KIND_VIDEO else 0, now_us)
    if cached == NULL:
        plane.counters.values[<int>COUNT_DROP_NOT_CACHED] += 1
        return False
    cached.header_size = packet.header.header_size
    cached.payload_size = packet.payload_size
    cached.payload_type = packet.header.payload_type
    cached.marker = packet.header.marker
    cached.timestamp = packet.header.timestamp
    packet.cached = cached
    packet.data = cached_packet_data(&encoding.cache, cached)
    packet.payload = packet.data + packet.header.header_size
    return True


# --- life ----------------------------------------------------------------------------------------------------------

cdef int producer_open(plane_t *plane, transport_t *transport, producer_t *producer) noexcept nogil:
    cdef encoding_t *encoding
    cdef int status = id_table_put(&plane.producers, producer.id, producer)
    cdef int i
    if status != OK:
        return status
    producer.transport = transport
    for i in range(producer.encoding_count):
        encoding = &producer.encodings[i]
        encoding.producer = producer
        if encoding.ssrc and stream_bind(transport, encoding.ssrc, encoding, False) == NULL:
            status = NO_SPACE
        if encoding.rtx_ssrc and stream_bind(transport, encoding.rtx_ssrc, encoding, True) == NULL:
            status = NO_SPACE
    if status == OK:
        status = speakers_join(plane, producer)
    if status != OK:
        producer_detach(plane, producer)    # the caller frees it: nothing may point at it
        return status
    if transport.transport_cc == NULL:
        transport.transport_cc = producer.transport_cc_receiver
    else:
        free(producer.transport_cc_receiver)    # one serves all of the transport's producers
    producer.transport_cc_receiver = NULL
    producer.next = transport.producers
    transport.producers = producer
    return OK


cdef void producer_gate(plane_t *plane, producer_t *producer, bint open, int64_t now_us) noexcept nogil:
    cdef uint32_t i
    if producer.open == open:
        return
    producer.open = open
    outgoing_state(plane, producer)
    if not open:
        speakers_mute(plane, producer, now_us)
        return
    for i in range(producer.encoding_count):
        nack_generator_init(&producer.encodings[i].nack)    # what was withheld is not missing
    for i in range(producer.consumer_count):
        consumer_resync(plane, producer.consumers[i], now_us)


cdef void producer_retarget(plane_t *plane, producer_t *producer, int64_t now_us) noexcept nogil:
    cdef uint32_t i
    for i in range(producer.consumer_count):
        consumer_retarget(plane, producer.consumers[i], now_us)


cdef bint producer_watch_silence(producer_t *producer, int64_t now_us) noexcept nogil:
    cdef bint changed = False
    cdef int i
    if producer.encoding_count == 1:
        return False    # a lone encoding has no other to give way to
    for i in range(producer.encoding_count):
        if producer.encodings[i].active and now_us - producer.encodings[i].last_packet_us > ENCODING_SILENT_US:
            producer.encodings[i].active = False
            changed = True
    return changed


cdef void producer_detach(plane_t *plane, producer_t *producer) noexcept nogil:
    cdef transport_t *transport = producer.transport
    cdef receive_stream_t *stream
    cdef int i
    id_table_remove(&plane.producers, producer.id)
    speakers_leave(plane, producer)
    while producer.consumer_count:
        consumer_disconnect(producer.consumers[producer.consumer_count - 1])
    for i in range(<int>transport.stream_count):
        stream = &transport.streams[i]
        if stream.encoding != NULL and stream.encoding.producer == producer:
            stream.encoding = NULL    # its replay window stays: the SSRC may come back


cdef void producer_free(producer_t *producer) noexcept nogil:
    cdef int i
    for i in range(producer.encoding_count):
        retransmission_buffer_free(&producer.encodings[i].cache)
    speakers_free(producer)
    free(producer.encodings)
    free(producer.transport_cc_receiver)
    free(producer.consumers)
    free(producer)
