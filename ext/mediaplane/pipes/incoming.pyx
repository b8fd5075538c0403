"""The subscribers' side of a pipe."""
from libc.stdint cimport INT64_MAX, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from mediaplane.counters cimport COUNT_DROP_RTP_MALFORMED, COUNT_PIPE_PACKETS_RECEIVED
from mediaplane.deadlines cimport REASON_REPORT, deadline_set
from mediaplane.debug cimport invariant
from mediaplane.model cimport TRANSPORT_CONNECTED, consumer_t, ingress_t
from mediaplane.pipes.pipe cimport pipe_commit, pipe_reserve, pipe_t
from mediaplane.pipes.records cimport PIPE_END, PIPE_WISH, PipeRecordKind, pipe_encoding_state_t, pipe_wish_t
from mediaplane.rtcp.reports cimport report_soon
from mediaplane.status cimport OK
from mediaplane.stream.consumer cimport consumer_follow_mix
from mediaplane.stream.producer cimport (
    encoding_awoke, encoding_begin_anew, encoding_set_clock, encoding_touch, producer_gate, producer_keep,
    producer_open, producer_retarget,
)
from mediaplane.tables cimport id_table_find, id_table_put, id_table_remove
from mediaplane.wire.rtp cimport rtp_parse_header
from mediaplane.wire.rtp_extensions cimport extensions_parse, extensions_wide

cdef enum:
    RENEW_INTERVAL_US = 1000000
    UNTOLD = 0x1FFFF             # no mask of encodings is this


cdef inline uint64_t _key(const pipe_end_t *end, uint32_t source_id) noexcept nogil:
    return (<uint64_t>end.worker + 1) << 32 | source_id


cdef inline producer_t *_find(plane_t *plane, const pipe_end_t *end, uint32_t source_id) noexcept nogil:
    return <producer_t *>id_table_find(&plane.piped_producers, _key(end, source_id))


# --- wishes --------------------------------------------------------------------------------------------------------

cdef bint _tell(pipe_t *pipe, PipeRecordKind kind, uint32_t source_id, uint16_t encodings,
                uint16_t keyframes) noexcept nogil:
    cdef pipe_wish_t *out = <pipe_wish_t *>pipe_reserve(pipe, sizeof(pipe_wish_t), 0)
    if out == NULL:
        return False
    out.producer = source_id
    out.encodings = encodings
    out.keyframes = keyframes
    pipe_commit(pipe, out, kind, sizeof(pipe_wish_t))
    return True


cdef uint16_t _wanted(const producer_t *producer) noexcept nogil:
    """The encodings that a consumer forwards or waits for, a bit each."""
    cdef const consumer_t *consumer
    cdef uint16_t wanted = 0
    cdef uint32_t i
    for i in range(producer.consumer_count):
        consumer = producer.consumers[i]
        if consumer.open and consumer.transport.state == TRANSPORT_CONNECTED:
            if consumer.current < producer.encoding_count:
                wanted |= <uint16_t>(1 << consumer.current)
            if consumer.target < producer.encoding_count:
                wanted |= <uint16_t>(1 << consumer.target)
    return wanted


cdef void incoming_tell_wishes(pipe_end_t *end) noexcept nogil:
    cdef producer_t *producer
    cdef uint16_t wanted
    while end.wishing != NULL:
        producer = end.wishing
        wanted = _wanted(producer)
        if wanted != producer.wished_encodings or producer.wished_keyframes:
            if not _tell(end.outgoing, PIPE_WISH, producer.source_id, wanted, producer.wished_keyframes):
                return      # those that are left are tried again after the next batch
            producer.wished_encodings = wanted
            producer.wished_keyframes = 0
        producer.is_wishing = False
        end.wishing = producer.next_wishing


cdef void incoming_renew(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil:
    cdef producer_t *producer = transport.producers
    deadline_set(&plane.deadlines, &transport.deadline, REASON_REPORT,
                 INT64_MAX if producer == NULL else now_us + RENEW_INTERVAL_US)
    while producer != NULL:
        producer.wished_encodings = UNTOLD
        wish_changed(producer)
        producer = producer.next


# --- packets and state ---------------------------------------------------------------------------------------------

cdef bint _begins_anew(plane_t *plane, encoding_t *encoding, uint32_t begun, int64_t now_us) noexcept nogil:
    """Numbers of two beginnings never meet in one batch. False: end it first."""
    if encoding.begun == begun:
        return True
    if encoding.batch_mask:
        return False
    encoding_begin_anew(plane, encoding, now_us)
    encoding.begun = begun
    return True


cdef int _read_packet(plane_t *plane, pipe_end_t *end, const pipe_packet_t *record, ingress_t *packet) noexcept nogil:
    """From the record to what a received datagram is after it was opened."""
    cdef int count
    packet.transport = &end.transport
    packet.stream = NULL
    packet.datagram = <uint8_t *>(record + 1)
    packet.datagram_size = record.size
    packet.seq64 = record.seq64
    packet.opened = True
    if rtp_parse_header(packet.datagram, record.size, &packet.header) != OK:
        return -1
    count = extensions_parse(packet.datagram, &packet.header, end.transport.kind_by_id, packet.elements)
    if count < 0:
        return -1
    packet.element_count = count
    packet.wide = extensions_wide(packet.elements, count)
    packet.payload_size = record.size - packet.header.header_size
    return OK


cdef bint incoming_packet(plane_t *plane, pipe_end_t *end, const pipe_packet_t *record, int64_t now_us) noexcept nogil:
    cdef producer_t *producer = _find(plane, end, record.producer)
    cdef ingress_t *packet = &plane.ingress[plane.ingress_count]
    cdef encoding_t *encoding
    cdef bint was_active
    if producer == NULL:
        _tell(end.outgoing, PIPE_END, record.producer, 0, 0)     # closed since, or the last time it was said was lost
        return True
    invariant(record.encoding < producer.encoding_count, "a piped packet is of an encoding that there is not")
    encoding = &producer.encodings[record.encoding]
    if not _begins_anew(plane, encoding, record.begun, now_us):
        return False
    plane.counters.values[<int>COUNT_PIPE_PACKETS_RECEIVED] += 1
    if _read_packet(plane, end, record, packet) != OK:
        plane.counters.values[<int>COUNT_DROP_RTP_MALFORMED] += 1
        return True
    packet.encoding = encoding
    if packet.header.payload_type != encoding.payload_type:
        encoding_set_clock(encoding, producer.clock_by_pt[packet.header.payload_type])
    encoding.last_packet_us = now_us
    was_active = encoding.active
    if not producer_keep(plane, packet, now_us):
        return True
    if not was_active:
        encoding_awoke(plane, packet, now_us)
    if not producer.wished_encodings >> encoding.index & 1:
        producer.wished_encodings = UNTOLD       # the other worker has to be told whether it is wanted
        wish_changed(producer)
    encoding_touch(plane, encoding, plane.ingress_count)
    plane.ingress_count += 1
    return True


cdef bint _set_apart(plane_t *plane, producer_t *producer, const pipe_state_t *state, int64_t now_us) noexcept nogil:
    """Whom a mix leaves out of what. What came before in this batch is for those of before. False: end it first."""
    cdef uint32_t i
    if producer.mixed and memcmp(producer.apart, state.apart, sizeof(producer.apart)) == 0:
        return True
    for i in range(producer.encoding_count):
        if producer.encodings[i].batch_mask:
            return False
    producer.mixed = True
    memcpy(producer.apart, state.apart, sizeof(producer.apart))
    for i in range(producer.consumer_count):
        consumer_follow_mix(plane, producer.consumers[i], now_us)
    return True


cdef bint incoming_state(plane_t *plane, pipe_end_t *end, const pipe_state_t *state, int64_t now_us) noexcept nogil:
    cdef producer_t *producer = _find(plane, end, state.producer)
    cdef const pipe_encoding_state_t *told
    cdef encoding_t *encoding
    cdef bint changed = False
    cdef bint first_clock
    cdef int i
    if producer == NULL:
        _tell(end.outgoing, PIPE_END, state.producer, 0, 0)
        return True
    invariant(state.encoding_count == producer.encoding_count, "a state is of other encodings than its producer")
    for i in range(producer.encoding_count):
        if not _begins_anew(plane, &producer.encodings[i], state.encodings[i].begun, now_us):
            return False
    if state.mixed and not _set_apart(plane, producer, state, now_us):
        return False
    for i in range(producer.encoding_count):
        told = &state.encodings[i]
        encoding = &producer.encodings[i]
        first_clock = encoding.clock.ntp == 0 and told.clock.ntp != 0
        encoding.clock = told.clock
        if first_clock:
            report_soon(plane, encoding, now_us)
        changed |= encoding.active != told.active
        encoding.active = told.active
    if changed:
        producer_retarget(plane, producer, now_us)
    producer_gate(plane, producer, state.open, now_us)
    return True


# --- life ----------------------------------------------------------------------------------------------------------

cdef int incoming_open(plane_t *plane, pipe_end_t *end, producer_t *producer, int64_t now_us) noexcept nogil:
    cdef int status = id_table_put(&plane.piped_producers, _key(end, producer.source_id), producer)
    if status != OK:
        return status
    status = producer_open(plane, &end.transport, producer)
    if status != OK:
        id_table_remove(&plane.piped_producers, _key(end, producer.source_id))
        return status
    producer.open = False        # until its worker tells
    producer.wished_encodings = UNTOLD
    wish_changed(producer)
    if end.transport.deadline.due_us[<int>REASON_REPORT] == INT64_MAX:
        deadline_set(&plane.deadlines, &end.transport.deadline, REASON_REPORT, now_us + RENEW_INTERVAL_US)
    return OK


cdef void incoming_close(plane_t *plane, producer_t *producer) noexcept nogil:
    cdef pipe_end_t *end = producer.transport.pipe
    cdef producer_t **link = &end.wishing
    while link[0] != NULL:
        if link[0] == producer:
            link[0] = producer.next_wishing
            break
        link = &link[0].next_wishing
    producer.is_wishing = True       # nothing it does now is told any more
    id_table_remove(&plane.piped_producers, _key(end, producer.source_id))
    _tell(end.outgoing, PIPE_END, producer.source_id, 0, 0)
