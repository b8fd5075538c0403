"""What a publisher is asked for, and what it is told about the way its packets came."""
from libc.stdint cimport INT64_MAX, uint8_t, uint16_t, uint32_t

from mediaplane.congestion.transport_cc cimport transport_cc_receiver_deadline, transport_cc_receiver_feedback
from mediaplane.counters cimport COUNT_DROP_EGRESS_FULL, COUNT_FIR_SENT, COUNT_NACK_SENT, COUNT_PLI_SENT
from mediaplane.deadlines cimport REASON_FEEDBACK, REASON_KEYFRAME, REASON_NACK, deadline_set
from mediaplane.egress cimport EGRESS_RESERVE, egress_reserve
from mediaplane.model cimport TRANSPORT_CONNECTED, consumer_t, producer_t
from mediaplane.pipes.incoming cimport wish_keyframe
from mediaplane.secure.srtp cimport SRTCP_MAX_OVERHEAD
from mediaplane.stream.keyframe_request cimport (
    keyframe_request_arrived, keyframe_request_deadline, keyframe_request_due, keyframe_request_wanted,
)
from mediaplane.stream.nack_generator cimport nack_generator_deadline, nack_generator_due
from mediaplane.rtcp.send cimport rtcp_send
from mediaplane.wire.rtcp cimport rtcp_write_fir, rtcp_write_nack, rtcp_write_pli

cdef enum:
    CAPACITY = EGRESS_RESERVE - SRTCP_MAX_OVERHEAD
    FEEDBACK_CAPACITY = 1200
    DEFAULT_RTT_US = 100000      # until a report block has told


cdef bint _request_keyframe(plane_t *plane, transport_t *transport, encoding_t *encoding) noexcept nogil:
    """PLI (RFC 4585 section 6.3.1), or FIR (RFC 5104 section 4.3.1) where the publisher knows only that."""
    cdef uint8_t *out
    cdef int size
    if transport.pipe != NULL:
        wish_keyframe(encoding)
        keyframe_request_arrived(&encoding.keyframe_request)    # its own worker repeats it
        return True
    out = egress_reserve(&plane.egress)
    if out == NULL:
        plane.counters.values[<int>COUNT_DROP_EGRESS_FULL] += 1
        return False
    if encoding.producer.pli or not encoding.producer.fir:
        size = rtcp_write_pli(out, CAPACITY, transport.local_ssrc, encoding.ssrc)
        plane.counters.values[<int>COUNT_PLI_SENT] += 1
    else:
        encoding.fir_seq += 1
        size = rtcp_write_fir(out, CAPACITY, transport.local_ssrc, encoding.ssrc, encoding.fir_seq)
        plane.counters.values[<int>COUNT_FIR_SENT] += 1
    rtcp_send(plane, transport, out, size)
    return True


cdef bint _is_watched(encoding_t *encoding) noexcept nogil:
    """Whether a keyframe would serve anybody."""
    cdef producer_t *producer = encoding.producer
    cdef consumer_t *consumer
    cdef uint32_t i
    if encoding.wanted_by:
        return True
    for i in range(producer.consumer_count):
        consumer = producer.consumers[i]
        if consumer.open and (consumer.target == encoding.index or consumer.current == encoding.index):
            return True
    return False


cdef int64_t _ask_when_due(plane_t *plane, encoding_t *encoding, int64_t now_us) noexcept nogil:
    """Send the request if the throttle lets it. Returns when to look again."""
    cdef transport_t *transport = encoding.producer.transport
    if now_us < keyframe_request_deadline(&encoding.keyframe_request):
        return keyframe_request_deadline(&encoding.keyframe_request)
    if (transport.state != TRANSPORT_CONNECTED or not (encoding.ssrc or encoding.producer.source_id)
            or not encoding.producer.open or not _is_watched(encoding)):
        return INT64_MAX     # whoever opens it or joins asks again
    if keyframe_request_due(&encoding.keyframe_request, now_us):
        _request_keyframe(plane, transport, encoding)
    return keyframe_request_deadline(&encoding.keyframe_request)


cdef void keyframe_wanted(plane_t *plane, encoding_t *encoding, int64_t now_us) noexcept nogil:
    cdef transport_t *transport = encoding.producer.transport
    cdef int64_t again
    keyframe_request_wanted(&encoding.keyframe_request, now_us)
    again = _ask_when_due(plane, encoding, now_us)
    if again < transport.deadline.due_us[<int>REASON_KEYFRAME]:
        deadline_set(&plane.deadlines, &transport.deadline, REASON_KEYFRAME, again)


cdef void keyframe_timeout(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil:
    cdef producer_t *producer = transport.producers
    cdef int64_t earliest = INT64_MAX
    cdef int i
    while producer != NULL:
        for i in range(producer.encoding_count):
            earliest = min(earliest, _ask_when_due(plane, &producer.encodings[i], now_us))
        producer = producer.next
    deadline_set(&plane.deadlines, &transport.deadline, REASON_KEYFRAME, earliest)


cdef void nack_timeout(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil:
    """Ask for what is missing (RFC 4585 section 6.2.1), one NACK packet an encoding."""
    cdef producer_t *producer = transport.producers
    cdef encoding_t *encoding
    cdef uint16_t seqs[128]
    cdef uint8_t *out
    cdef int64_t earliest = INT64_MAX
    cdef int64_t rtt_us = transport.rtt_us if transport.rtt_us else DEFAULT_RTT_US
    cdef int count, i
    while producer != NULL:
        for i in range(producer.encoding_count):
            encoding = &producer.encodings[i]
            if not producer.nack or not producer.open or encoding.nack.count == 0:
                continue
            count = nack_generator_due(&encoding.nack, now_us, rtt_us, seqs, 128)
            plane.counters.values[<int>COUNT_NACK_SENT] += count
            out = egress_reserve(&plane.egress) if count else NULL
            if out != NULL:
                count = rtcp_write_nack(out, CAPACITY, transport.local_ssrc, encoding.ssrc, seqs, count)
                rtcp_send(plane, transport, out, count)
            earliest = min(earliest, nack_generator_deadline(&encoding.nack))
        producer = producer.next
    deadline_set(&plane.deadlines, &transport.deadline, REASON_NACK, earliest)


cdef void congestion_timeout(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil:
    cdef uint8_t *out
    cdef int size
    while transport.state == TRANSPORT_CONNECTED:
        out = egress_reserve(&plane.egress)
        if out == NULL:
            plane.counters.values[<int>COUNT_DROP_EGRESS_FULL] += 1
            break
        size = transport_cc_receiver_feedback(transport.transport_cc, out, FEEDBACK_CAPACITY, transport.local_ssrc,
                                              transport.feedback_ssrc, now_us)
        if size <= 0:
            break
        rtcp_send(plane, transport, out, size)
    deadline_set(&plane.deadlines, &transport.deadline, REASON_FEEDBACK,
                 transport_cc_receiver_deadline(transport.transport_cc))
