"""One batch at a time: demultiplex, open, receive, fan out; then drain, seal and coalesce."""
from libc.string cimport memset

from mediaplane.audio.active_speaker cimport speaker_group_t
from mediaplane.audio.speaker_groups cimport speakers_timeout
from mediaplane.counters cimport (
    COUNT_BYTES_RECEIVED, COUNT_DATAGRAMS_RECEIVED, COUNT_DROP_HANDSHAKE_FULL, COUNT_DROP_NOT_CONNECTED,
    COUNT_DROP_RTP_MALFORMED, COUNT_DROP_SRTP_AUTH, COUNT_DROP_SRTP_REPLAYED, COUNT_DROP_SSRC_LIMIT,
    COUNT_DROP_UNKNOWN_PROTOCOL, COUNT_DROP_UNKNOWN_SSRC, COUNT_DROP_UNKNOWN_TUPLE, COUNT_RTP_RECEIVED, Counter,
)
from mediaplane.deadlines cimport (
    REASON_CONNECT, REASON_CONSENT, REASON_DTLS, REASON_FEEDBACK, REASON_KEYFRAME, REASON_NACK,
    REASON_REPORT, REASON_SPEAKERS, deadline_due, deadline_heap_free, deadline_heap_init,
    deadline_next, deadline_t,
)
from mediaplane.debug cimport invariant
from mediaplane.egress cimport egress_flush, egress_free, egress_full, egress_init
from mediaplane.events cimport EVENT_TRANSPORT_CLOSED, event_t, events_tell_lost
from mediaplane.handshakes cimport (
    handshake_queue_free, handshake_queue_init, handshake_queue_put, handshake_queue_take, waiting_datagram_t,
)
from mediaplane.model cimport (
    BATCH_SIZE, CLOSE_BY_US, CLOSE_CONNECT_TIMEOUT, CLOSE_CONSENT, MAX_WORKERS, TRANSPORT_CONNECTED, encoding_t,
    ingress_t, receive_stream_t, transport_t,
)
from mediaplane.pipes.incoming cimport incoming_renew
from mediaplane.pipes.pipes cimport pipes_free
from mediaplane.rings cimport ring_push
from mediaplane.rtcp.feedback cimport congestion_timeout, keyframe_timeout, nack_timeout
from mediaplane.rtcp.input cimport rtcp_receive
from mediaplane.rtcp.reports cimport report_timeout
from mediaplane.secure.srtp cimport (
    srtp_engine_free, srtp_engine_new, srtp_replay_t, srtp_unprotect_batch, srtp_unprotect_job_t,
)
from mediaplane.status cimport NO_MEMORY, OK, REPLAYED, UNSUPPORTED
from mediaplane.stream.producer cimport (
    encoding_awoke, encoding_begin_anew, encoding_may_change, encoding_touch, producer_receive, stream_bind,
    stream_find, stream_route,
)
from mediaplane.stream.router cimport router_drain, router_fan_out
from mediaplane.tables cimport (
    id_table_free, id_table_init, tuple_table_find, tuple_table_free, tuple_table_init,
)
from mediaplane.transport cimport (
    transport_close, transport_dtls, transport_dtls_timeout, transport_free, transport_stun,
)
from mediaplane.wire.demux cimport (
    DATAGRAM_DTLS, DATAGRAM_RTCP, DATAGRAM_RTP, DATAGRAM_STUN, DatagramKind, classify_datagram,
)
from mediaplane.wire.rtp cimport rtp_parse_header
from mediaplane.wire.rtp_extensions cimport extensions_parse

cdef enum:
    STREAMS_PER_TRANSPORT = 16   # producers or consumers that a transport has on average at most
    PATH_MTU = 1200              # what a DTLS flight is cut to: fits every path that carries media


cdef int plane_init(plane_t *plane, uint32_t max_transports, int srtp_backend, dtls_context_t *dtls,
                    ring_t *events) noexcept nogil:
    cdef uint32_t streams = max_transports * STREAMS_PER_TRANSPORT
    memset(plane, 0, sizeof(plane_t))
    plane.dtls = dtls
    plane.events = events
    plane.mtu = PATH_MTU
    plane.srtp = srtp_engine_new(srtp_backend)
    if plane.srtp == NULL:
        return UNSUPPORTED
    if (id_table_init(&plane.transports, max_transports) != OK or id_table_init(&plane.producers, streams) != OK
            or id_table_init(&plane.consumers, streams) != OK or id_table_init(&plane.piped_producers, streams) != OK
            or id_table_init(&plane.speaker_groups, max_transports) != OK
            or id_table_init(&plane.ufrags, max_transports * 2) != OK
            or id_table_init(&plane.consumer_ssrcs, streams * 2) != OK
            or tuple_table_init(&plane.tuples, max_transports * 4) != OK
            or deadline_heap_init(&plane.deadlines, max_transports * 2 + MAX_WORKERS) != OK
            or handshake_queue_init(&plane.handshakes) != OK
            or egress_init(&plane.egress) != OK):
        return NO_MEMORY
    return OK


cdef void _free_closed(plane_t *plane) noexcept nogil:
    cdef transport_t *transport
    while plane.closed != NULL:
        transport = plane.closed
        plane.closed = transport.next_closed
        transport_free(transport)


cdef bint plane_close_all(plane_t *plane) noexcept nogil:
    cdef uint32_t slot = 0
    while plane.transports.entries != NULL and slot <= plane.transports.mask:
        if egress_full(&plane.egress):
            return False
        if plane.transports.entries[slot].key:
            # Removal shifts what follows into this slot, so it is looked at again.
            transport_close(plane, <transport_t *>plane.transports.entries[slot].value, CLOSE_BY_US)
        else:
            slot += 1
    return True


cdef void plane_free(plane_t *plane) noexcept nogil:
    while not plane_close_all(plane):
        plane.egress.flushed = True     # nobody sends it any more
    _free_closed(plane)
    pipes_free(plane)
    id_table_free(&plane.transports)
    id_table_free(&plane.producers)
    id_table_free(&plane.consumers)
    id_table_free(&plane.piped_producers)
    id_table_free(&plane.speaker_groups)
    id_table_free(&plane.ufrags)
    id_table_free(&plane.consumer_ssrcs)
    tuple_table_free(&plane.tuples)
    deadline_heap_free(&plane.deadlines)
    handshake_queue_free(&plane.handshakes)
    egress_free(&plane.egress)
    srtp_engine_free(plane.srtp)


# --- in ------------------------------------------------------------------------------------------------------------

cdef int _open_unknown(plane_t *plane, ingress_t *packet, srtp_unprotect_job_t *job, int64_t now_us) noexcept nogil:
    """The first packet of an SSRC: open it with a fresh window, and bind the SSRC only if it is authentic."""
    cdef srtp_replay_t fresh
    cdef receive_stream_t *stream
    cdef bint is_rtx = False
    cdef encoding_t *encoding = stream_route(packet.transport, packet, &is_rtx)
    if encoding == NULL or not (is_rtx or encoding_may_change(encoding, packet.header.ssrc, now_us)):
        plane.counters.values[<int>COUNT_DROP_UNKNOWN_SSRC] += 1
        return -1
    stream = stream_find(packet.transport, packet.header.ssrc)
    memset(&fresh, 0, sizeof(fresh))
    if stream != NULL:
        fresh = stream.replay     # its producer was closed and another took its place
    job.replay = &fresh
    srtp_unprotect_batch(plane.srtp, job, 1)
    if job.status == OK:
        if not is_rtx and encoding.ssrc != 0 and encoding.ssrc != packet.header.ssrc:
            encoding_begin_anew(plane, encoding, now_us)
        stream = stream_bind(packet.transport, packet.header.ssrc, encoding, is_rtx)
        if stream == NULL:
            plane.counters.values[<int>COUNT_DROP_SSRC_LIMIT] += 1
            return -1
        stream.replay = fresh
        packet.stream = stream
    packet.opened = True
    return OK


cdef void _admit(plane_t *plane, transport_t *transport, datagram_t *datagram, int64_t now_us) noexcept nogil:
    """Take an RTP datagram into the batch if its source may send: everything is decided on what stands in clear."""
    cdef uint32_t position = plane.ingress_count
    cdef ingress_t *packet = &plane.ingress[position]
    cdef srtp_unprotect_job_t *job = &plane.jobs[position]
    cdef int count
    packet.transport = transport
    packet.datagram = datagram.data
    packet.arrival_us = datagram.arrival_us
    if rtp_parse_header(datagram.data, datagram.size, &packet.header) != OK:
        plane.counters.values[<int>COUNT_DROP_RTP_MALFORMED] += 1
        return
    count = extensions_parse(datagram.data, &packet.header, transport.kind_by_id, packet.elements)
    if count < 0:
        plane.counters.values[<int>COUNT_DROP_RTP_MALFORMED] += 1
        return
    packet.element_count = count
    packet.opened = False
    job.session = transport.srtp_receive
    job.data = datagram.data
    job.size = datagram.size
    job.header_size = packet.header.header_size
    job.seq16 = packet.header.seq16
    packet.stream = stream_find(transport, packet.header.ssrc)
    if packet.stream == NULL or packet.stream.encoding == NULL:
        if _open_unknown(plane, packet, job, now_us) != OK:
            return
    else:
        job.replay = &packet.stream.replay
    plane.ingress_count = position + 1


cdef void _receive_opened(plane_t *plane, uint32_t position, int64_t now_us) noexcept nogil:
    cdef ingress_t *packet = &plane.ingress[position]
    cdef srtp_unprotect_job_t *job = &plane.jobs[position]
    cdef encoding_t *encoding
    cdef Counter reason
    cdef bint was_active
    if job.status != OK:
        reason = COUNT_DROP_SRTP_REPLAYED if job.status == REPLAYED else COUNT_DROP_SRTP_AUTH
        plane.counters.values[<int>reason] += 1
        return
    encoding = packet.stream.encoding
    # A datagram of the same batch may have closed the transport, or given the SSRC's place to another one.
    if encoding == NULL or packet.stream.ssrc != packet.header.ssrc or packet.transport.state != TRANSPORT_CONNECTED:
        return
    plane.counters.values[<int>COUNT_RTP_RECEIVED] += 1
    packet.encoding = encoding
    packet.seq64 = job.index
    packet.datagram_size = job.plain_size
    was_active = encoding.active
    if not producer_receive(plane, packet, now_us):
        return
    if not was_active:
        encoding_awoke(plane, packet, now_us)
    encoding_touch(plane, encoding, position)


cdef void _demultiplex(plane_t *plane, datagram_t *datagram, int64_t now_us) noexcept nogil:
    cdef DatagramKind kind = classify_datagram(datagram.data, datagram.size)
    cdef transport_t *transport
    if kind == DATAGRAM_STUN:
        transport_stun(plane, datagram, now_us)
        return
    transport = <transport_t *>tuple_table_find(&plane.tuples, &datagram.source)
    if transport == NULL:
        plane.counters.values[<int>COUNT_DROP_UNKNOWN_TUPLE] += 1
    elif kind == DATAGRAM_DTLS:
        if transport.state == TRANSPORT_CONNECTED:
            transport_dtls(plane, transport, datagram, now_us)
        elif handshake_queue_put(&plane.handshakes, datagram.data, datagram.size, &datagram.source) != OK:
            plane.counters.values[<int>COUNT_DROP_HANDSHAKE_FULL] += 1
    elif transport.state != TRANSPORT_CONNECTED:
        plane.counters.values[<int>COUNT_DROP_NOT_CONNECTED] += 1
    elif kind == DATAGRAM_RTP:
        _admit(plane, transport, datagram, now_us)
    elif kind == DATAGRAM_RTCP:
        rtcp_receive(plane, transport, datagram.data, datagram.size, now_us)
    else:
        plane.counters.values[<int>COUNT_DROP_UNKNOWN_PROTOCOL] += 1


cdef void _open_batch(plane_t *plane) noexcept nogil:
    """Open the runs between packets that were opened alone."""
    cdef uint32_t start = 0
    cdef uint32_t i
    for i in range(plane.ingress_count + 1):
        if i == plane.ingress_count or plane.ingress[i].opened:
            if i > start:
                srtp_unprotect_batch(plane.srtp, &plane.jobs[start], i - start)
            start = i + 1


cdef void plane_receive(plane_t *plane, datagram_t *datagrams, uint32_t count, int64_t now_us) noexcept nogil:
    cdef uint32_t i
    invariant(count <= BATCH_SIZE, "a batch is larger than its arrays")
    invariant(plane.pending == NULL, "a batch began before the last one was flushed")
    plane.ingress_count = 0
    plane.counters.values[<int>COUNT_DATAGRAMS_RECEIVED] += count
    for i in range(count):
        plane.counters.values[<int>COUNT_BYTES_RECEIVED] += datagrams[i].size
        _demultiplex(plane, &datagrams[i], now_us)
    _open_batch(plane)
    for i in range(plane.ingress_count):
        _receive_opened(plane, i, now_us)
    router_fan_out(plane, now_us)


cdef bint plane_handshakes_wait(const plane_t *plane) noexcept nogil:
    return plane.handshakes.count != 0


cdef bint plane_handshakes(plane_t *plane, uint32_t limit, int64_t now_us) noexcept nogil:
    cdef waiting_datagram_t *waiting
    cdef transport_t *transport
    cdef datagram_t datagram
    cdef uint32_t _
    for _ in range(limit):
        if egress_full(&plane.egress):
            break
        waiting = handshake_queue_take(&plane.handshakes)
        if waiting == NULL:
            break
        # Its transport may have been closed meanwhile.
        transport = <transport_t *>tuple_table_find(&plane.tuples, &waiting.source)
        if transport == NULL:
            plane.counters.values[<int>COUNT_DROP_UNKNOWN_TUPLE] += 1
            continue
        datagram.data = waiting.data
        datagram.size = waiting.size
        datagram.arrival_us = now_us
        datagram.source = waiting.source
        transport_dtls(plane, transport, &datagram, now_us)
    return plane_handshakes_wait(plane)


# --- time ----------------------------------------------------------------------------------------------------------

cdef inline bint _passed(const deadline_t *deadline, int reason, int64_t now_us) noexcept nogil:
    return deadline.due_us[reason] <= now_us


cdef void _transport_timeout(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil:
    cdef deadline_t *deadline = &transport.deadline
    if _passed(deadline, REASON_CONNECT, now_us):
        transport_close(plane, transport, CLOSE_CONNECT_TIMEOUT)
        return
    if _passed(deadline, REASON_CONSENT, now_us):
        transport_close(plane, transport, CLOSE_CONSENT)
        return
    if _passed(deadline, REASON_DTLS, now_us):
        transport_dtls_timeout(plane, transport, now_us)
        if transport.deadline.position == 0:
            return      # the handshake failed
    if _passed(deadline, REASON_NACK, now_us):
        nack_timeout(plane, transport, now_us)
    if _passed(deadline, REASON_KEYFRAME, now_us):
        keyframe_timeout(plane, transport, now_us)
    if _passed(deadline, REASON_FEEDBACK, now_us):
        congestion_timeout(plane, transport, now_us)
    if _passed(deadline, REASON_REPORT, now_us):
        if transport.pipe != NULL:
            incoming_renew(plane, transport, now_us)
        else:
            report_timeout(plane, transport, now_us)


cdef void plane_timeout(plane_t *plane, int64_t now_us) noexcept nogil:
    cdef deadline_t *due = deadline_due(&plane.deadlines, now_us)
    while due != NULL and not egress_full(&plane.egress):
        if _passed(due, REASON_SPEAKERS, now_us):
            speakers_timeout(plane, <speaker_group_t *>due.owner, now_us)
        else:
            _transport_timeout(plane, <transport_t *>due.owner, now_us)
        due = deadline_due(&plane.deadlines, now_us)


cdef int64_t plane_deadline(const plane_t *plane) noexcept nogil:
    return deadline_next(&plane.deadlines)


# --- out -----------------------------------------------------------------------------------------------------------

cdef void _reap(plane_t *plane) noexcept nogil:
    """Tell the end of closed transports and free them. One that the event ring has no room for waits its turn."""
    cdef transport_t *transport
    cdef event_t event
    if events_tell_lost(plane) != OK:
        return
    while plane.closed != NULL:
        transport = plane.closed
        memset(&event, 0, sizeof(event_t))
        event.kind = EVENT_TRANSPORT_CLOSED
        event.id = transport.id
        event.value = transport.close_reason
        if ring_push(plane.events, &event) != OK:
            return
        plane.closed = transport.next_closed
        transport_free(transport)


cdef uint32_t plane_flush(plane_t *plane, send_t **sends, int64_t now_us) noexcept nogil:
    cdef uint32_t count = 0
    cdef bint drained = False
    while count == 0 and not drained:
        drained = router_drain(plane, now_us)
        count = egress_flush(&plane.egress, plane.srtp, &plane.counters)
    sends[0] = plane.egress.sends
    if count == 0:
        _reap(plane)
    return count
