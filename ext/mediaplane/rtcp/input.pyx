"""From an SRTCP compound to producers and consumers. What is malformed ends the reading of its compound."""
from libc.stdint cimport uint16_t, uint64_t
from libc.string cimport memset

from mediaplane.counters cimport (
    COUNT_DROP_RTCP_MALFORMED, COUNT_DROP_SRTP_AUTH, COUNT_DROP_SRTP_REPLAYED, COUNT_DROP_SSRC_LIMIT,
    COUNT_FIR_RECEIVED, COUNT_NACK_RECEIVED, COUNT_NACK_UNANSWERED, COUNT_PLI_RECEIVED, COUNT_RTCP_RECEIVED,
)
from mediaplane.distributions cimport DISTRIBUTION_LOSS_OUT, DISTRIBUTION_ROUND_TRIP, distribution_add
from mediaplane.model cimport (
    KIND_VIDEO, MAX_RECEIVE_STREAMS, NO_ENCODING, consumer_t, encoding_t, receive_stream_t, rtcp_source_t,
)
from mediaplane.pipes.outgoing cimport outgoing_state
from mediaplane.rtcp.feedback cimport keyframe_wanted
from mediaplane.rtcp.reports cimport report_soon
from mediaplane.secure.srtp cimport srtcp_unprotect, srtp_replay_t
from mediaplane.status cimport OK, REPLAYED
from mediaplane.stream.consumer cimport consumer_resend
from mediaplane.stream.producer cimport encoding_left, stream_find
from mediaplane.stream.receive_statistics cimport receive_statistics_sender_report
from mediaplane.tables cimport id_table_find
from mediaplane.wire.byte_order cimport load32
from mediaplane.wire.rtcp cimport (
    PSFB_FIR, PSFB_PLI, RTCP_BYE, RTCP_PSFB, RTCP_RR, RTCP_RTPFB, RTCP_SR, RTPFB_NACK, rtcp_next, rtcp_packet_t,
    rtcp_parse_bye, rtcp_parse_feedback, rtcp_parse_fir, rtcp_parse_nack, rtcp_parse_report_block,
    rtcp_parse_sender_info, rtcp_report_block_t, rtcp_sender_info_t,
)

cdef enum:
    SMALLEST_COMPOUND = 8        # header and the sender's SSRC
    MAX_NACKED = 256             # sequence numbers of one NACK packet that are answered


cdef inline consumer_t *_consumer(plane_t *plane, transport_t *transport, uint32_t ssrc) noexcept nogil:
    """The consumer whose media has this SSRC; NULL also for that of its retransmissions, which has other numbers."""
    cdef uint64_t key = (<uint64_t>transport.id << 32) | ssrc
    cdef consumer_t *consumer = <consumer_t *>id_table_find(&plane.consumer_ssrcs, key)
    return consumer if consumer != NULL and consumer.ssrc == ssrc else NULL


# --- opening -------------------------------------------------------------------------------------------------------

cdef rtcp_source_t *_source(transport_t *transport, uint32_t ssrc) noexcept nogil:
    cdef uint32_t i
    for i in range(transport.rtcp_source_count):
        if transport.rtcp_sources[i].ssrc == ssrc:
            return &transport.rtcp_sources[i]
    return NULL


cdef int _open(plane_t *plane, transport_t *transport, uint8_t *data, uint32_t size) noexcept nogil:
    """Unprotect in place. Returns the bytes of the plain compound, or a negative status (counted)."""
    cdef rtcp_source_t *source = _source(transport, load32(data + 4))
    cdef srtp_replay_t fresh
    cdef srtp_replay_t *replay = &fresh
    cdef int opened
    if source != NULL:
        replay = &source.replay
    else:
        memset(&fresh, 0, sizeof(fresh))
    opened = srtcp_unprotect(plane.srtp, transport.srtp_receive, replay, data, size)
    if opened < 0:
        plane.counters.values[<int>COUNT_DROP_SRTP_REPLAYED if opened == REPLAYED else <int>COUNT_DROP_SRTP_AUTH] += 1
        return opened
    if source == NULL:
        # Only an authenticated packet may take a place in the table.
        if transport.rtcp_source_count == MAX_RECEIVE_STREAMS:
            plane.counters.values[<int>COUNT_DROP_SSRC_LIMIT] += 1
            return -1
        source = &transport.rtcp_sources[transport.rtcp_source_count]
        transport.rtcp_source_count += 1
        source.ssrc = load32(data + 4)
        source.replay = fresh
    return opened


# --- reports -------------------------------------------------------------------------------------------------------

cdef void _report_block(plane_t *plane, transport_t *transport, const rtcp_report_block_t *block,
                        int64_t now_us) noexcept nogil:
    """A subscriber's view of one consumer: its loss, and the round trip since our last sender report."""
    cdef consumer_t *consumer = _consumer(plane, transport, block.ssrc)
    cdef int64_t rtt_us
    if consumer == NULL:
        return
    consumer.fraction_lost = block.fraction_lost
    distribution_add(&plane.distributions, DISTRIBUTION_LOSS_OUT, block.fraction_lost, 1)
    if block.last_sr and block.last_sr == consumer.last_sr_middle:
        rtt_us = now_us - consumer.last_sr_us - ((<int64_t>block.delay_since_last_sr * 1000000) >> 16)
        if rtt_us > 0:
            distribution_add(&plane.distributions, DISTRIBUTION_ROUND_TRIP, rtt_us, 1)
            transport.rtt_us = (transport.rtt_us * 7 + rtt_us) >> 3 if transport.rtt_us else rtt_us


cdef int _sender_report(plane_t *plane, transport_t *transport, const rtcp_packet_t *packet,
                        int64_t now_us) noexcept nogil:
    cdef rtcp_sender_info_t info
    cdef receive_stream_t *stream
    cdef encoding_t *encoding
    cdef bint first
    cdef int status = rtcp_parse_sender_info(packet, &info)
    if status != OK:
        return status
    stream = stream_find(transport, info.ssrc)
    if stream == NULL or stream.encoding == NULL or stream.is_rtx or info.ntp == 0:
        return OK       # 0: a sender without a wall clock (RFC 3550 section 6.4.1)
    encoding = stream.encoding
    receive_statistics_sender_report(&encoding.statistics, info.ntp, info.rtp_timestamp, now_us)
    first = encoding.clock.ntp == 0
    encoding.clock.ntp = info.ntp
    encoding.clock.rtp = info.rtp_timestamp
    encoding.clock.received_us = now_us
    if first:
        report_soon(plane, encoding, now_us)
    outgoing_state(plane, encoding.producer)
    return OK


cdef int _reports(plane_t *plane, transport_t *transport, const rtcp_packet_t *packet, int64_t now_us) noexcept nogil:
    cdef rtcp_report_block_t block
    cdef int status = OK
    cdef uint8_t i
    if packet.packet_type == RTCP_SR:
        status = _sender_report(plane, transport, packet, now_us)
    for i in range(packet.count):
        if status != OK:
            return status
        status = rtcp_parse_report_block(packet, i, &block)
        if status == OK:
            _report_block(plane, transport, &block, now_us)
    return status


cdef int _bye(plane_t *plane, transport_t *transport, const rtcp_packet_t *packet, int64_t now_us) noexcept nogil:
    cdef receive_stream_t *stream
    cdef uint32_t ssrc
    cdef uint8_t i
    cdef int status
    for i in range(packet.count):
        status = rtcp_parse_bye(packet, i, &ssrc)
        if status != OK:
            return status
        stream = stream_find(transport, ssrc)
        if stream != NULL and stream.encoding != NULL and not stream.is_rtx:
            encoding_left(plane, stream.encoding, now_us)
    return OK


# --- feedback ------------------------------------------------------------------------------------------------------

cdef void _keyframe(plane_t *plane, consumer_t *consumer, int64_t now_us) noexcept nogil:
    cdef uint8_t wanted
    if consumer == NULL or consumer.producer == NULL or consumer.kind != KIND_VIDEO or not consumer.open:
        return
    wanted = consumer.current if consumer.in_sync else consumer.target
    if wanted != NO_ENCODING:
        keyframe_wanted(plane, &consumer.producer.encodings[wanted], now_us)


cdef int _nack(plane_t *plane, transport_t *transport, consumer_t *consumer, const rtcp_packet_t *packet,
               int64_t now_us) noexcept nogil:
    cdef uint16_t seqs[256]
    cdef int count = rtcp_parse_nack(packet, seqs, MAX_NACKED)
    cdef int i
    if count < 0:
        return count
    plane.counters.values[<int>COUNT_NACK_RECEIVED] += count
    for i in range(count):
        if consumer == NULL or consumer_resend(plane, consumer, seqs[i], now_us) != OK:
            plane.counters.values[<int>COUNT_NACK_UNANSWERED] += 1
    return OK


cdef int _feedback(plane_t *plane, transport_t *transport, const rtcp_packet_t *packet, int64_t now_us) noexcept nogil:
    cdef uint32_t sender_ssrc, media_ssrc, asked
    cdef uint32_t index = 0
    cdef consumer_t *consumer
    cdef uint8_t seq
    cdef int status = rtcp_parse_feedback(packet, &sender_ssrc, &media_ssrc)
    if status != OK:
        return status
    if packet.packet_type == RTCP_RTPFB and packet.count == RTPFB_NACK:
        return _nack(plane, transport, _consumer(plane, transport, media_ssrc), packet, now_us)
    if packet.packet_type == RTCP_PSFB and packet.count == PSFB_PLI:
        plane.counters.values[<int>COUNT_PLI_RECEIVED] += 1
        _keyframe(plane, _consumer(plane, transport, media_ssrc), now_us)
    elif packet.packet_type == RTCP_PSFB and packet.count == PSFB_FIR:
        while rtcp_parse_fir(packet, index, &asked, &seq) == OK:
            consumer = _consumer(plane, transport, asked)
            # A FIR is repeated with the same number until it is answered: only a new number is a new request.
            if consumer != NULL and not (consumer.has_fir_seq and consumer.last_fir_seq == seq):
                consumer.has_fir_seq = True
                consumer.last_fir_seq = seq
                plane.counters.values[<int>COUNT_FIR_RECEIVED] += 1
                _keyframe(plane, consumer, now_us)
            index += 1
    return OK


cdef void rtcp_receive(plane_t *plane, transport_t *transport, uint8_t *data, uint32_t size,
                       int64_t now_us) noexcept nogil:
    cdef rtcp_packet_t packet
    cdef uint32_t offset = 0
    cdef int opened, status
    if size < SMALLEST_COMPOUND:
        plane.counters.values[<int>COUNT_DROP_RTCP_MALFORMED] += 1
        return
    opened = _open(plane, transport, data, size)
    if opened < 0:
        return
    plane.counters.values[<int>COUNT_RTCP_RECEIVED] += 1
    while offset < <uint32_t>opened:
        status = rtcp_next(data, opened, &offset, &packet)
        if status == OK:
            if packet.packet_type == RTCP_SR or packet.packet_type == RTCP_RR:
                status = _reports(plane, transport, &packet, now_us)
            elif packet.packet_type == RTCP_RTPFB or packet.packet_type == RTCP_PSFB:
                status = _feedback(plane, transport, &packet, now_us)
            elif packet.packet_type == RTCP_BYE:
                status = _bye(plane, transport, &packet, now_us)
        if status != OK:
            plane.counters.values[<int>COUNT_DROP_RTCP_MALFORMED] += 1
            return
