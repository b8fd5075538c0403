"""Peer connections: who may speak to us (ICE-lite), with which keys (DTLS), and until when (consent)."""
from libc.stdint cimport INT64_MAX, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from mediaplane.address cimport transport_tuple_t, tuple_address_size, tuple_equal
from mediaplane.counters cimport (
    COUNT_DROP_DATA_FLOOD, COUNT_DROP_DTLS, COUNT_DROP_EGRESS_FULL, COUNT_DROP_STUN_MALFORMED, COUNT_DROP_STUN_REFUSED,
    COUNT_DROP_STUN_UNAUTHENTICATED, COUNT_DTLS_HANDSHAKES, COUNT_STUN_REQUESTS, COUNT_TUPLE_SWITCHES,
)
from mediaplane.deadlines cimport (
    REASON_CONNECT, REASON_CONSENT, REASON_DTLS, REASON_REPORT,
    deadline_add, deadline_init, deadline_remove, deadline_set,
)
from mediaplane.distributions cimport DISTRIBUTION_CONNECTING, DISTRIBUTION_HANDSHAKE, distribution_add
from mediaplane.egress cimport EGRESS_RESERVE, egress_commit, egress_commit_reply, egress_reserve
from mediaplane.events cimport (
    EVENT_DTLS_DATA, EVENT_TRANSPORT_CONNECTED, EVENT_TRANSPORT_TUPLE, event_emit, event_emit_value, event_t,
)
from mediaplane.model cimport (
    CLOSE_BY_PEER, CLOSE_BY_US, CLOSE_DTLS, CLOSE_FINGERPRINT, CLOSE_NO_MEMORY, MAX_TUPLES, TRANSPORT_CLOSED,
    TRANSPORT_CONNECTED, consumer_t, producer_t, tuple_slot_t,
)
from mediaplane.secure.dtls cimport (
    DTLS_CLIENT, DTLS_CLOSED, DTLS_CONNECTED, DTLS_FAILED, DTLS_FAILURE_FINGERPRINT, dtls_close, dtls_export_keys,
    dtls_failure, dtls_keys_t, dtls_next_datagram, dtls_next_deadline, dtls_next_message, dtls_receive,
    dtls_session_free, dtls_session_new, dtls_shrink, dtls_start, dtls_state, dtls_timeout,
)
from mediaplane.secure.ice_lite cimport (
    ICE_IGNORED, ICE_NOMINATED, ICE_REFUSED, IceOutcome, ice_answer, ice_credentials_t, ice_ufrag_key, ice_username_key,
)
from mediaplane.secure.srtp cimport srtp_overhead, srtp_session_free, srtp_session_new
from mediaplane.status cimport OK
from mediaplane.stream.consumer cimport consumer_detach, consumer_free, consumer_transport_connected
from mediaplane.stream.producer cimport producer_detach, producer_free
from mediaplane.tables cimport (
    id_table_find, id_table_put, id_table_remove, tuple_table_find, tuple_table_put, tuple_table_remove,
)
from mediaplane.wire.stun cimport stun_message_t, stun_parse

cdef extern from "openssl/crypto.h" nogil:
    void OPENSSL_cleanse(void *data, size_t size)

cdef enum:
    FIRST_REPORT_US = 200000
    # Application data costs the control plane time: what a peer sends beyond 500 a second, 256 at once, is dropped.
    DATA_INTERVAL_US = 2000
    DATA_BURST_US = 256 * DATA_INTERVAL_US


cdef int transport_open(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil:
    cdef int status
    deadline_init(&transport.deadline, transport)
    status = id_table_put(&plane.transports, transport.id, transport)
    if status != OK:
        return status
    status = id_table_put(&plane.ufrags, ice_ufrag_key(transport.ice.local_ufrag), transport)
    if status != OK:
        id_table_remove(&plane.transports, transport.id)
        return status
    status = deadline_add(&plane.deadlines, &transport.deadline)
    if status != OK:
        id_table_remove(&plane.transports, transport.id)
        id_table_remove(&plane.ufrags, ice_ufrag_key(transport.ice.local_ufrag))
        return status
    transport.created_us = now_us
    deadline_set(&plane.deadlines, &transport.deadline, REASON_CONNECT, now_us + CONNECT_TIMEOUT_US)
    return OK


# --- ICE -----------------------------------------------------------------------------------------------------------

cdef void _forget_previous_ice(plane_t *plane, transport_t *transport) noexcept nogil:
    if transport.has_previous_ice:
        id_table_remove(&plane.ufrags, ice_ufrag_key(transport.previous_ice.local_ufrag))
        transport.has_previous_ice = False


cdef void _forget_tuple(plane_t *plane, transport_t *transport, tuple_slot_t *slot) noexcept nogil:
    # Another transport may have authenticated the same 5-tuple since.
    if slot.valid_us and tuple_table_find(&plane.tuples, &slot.address) == transport:
        tuple_table_remove(&plane.tuples, &slot.address)
    slot.valid_us = 0


cdef int _tuple_slot(plane_t *plane, transport_t *transport, const transport_tuple_t *source) noexcept nogil:
    """The slot of a validated tuple: its own, a free one, or the one that has been silent longest. -1: no room."""
    cdef int i
    cdef int oldest = -1
    for i in range(MAX_TUPLES):
        if transport.tuples[i].valid_us and tuple_equal(&transport.tuples[i].address, source):
            if tuple_table_find(&plane.tuples, source) != transport:
                tuple_table_put(&plane.tuples, source, transport)
            return i
    for i in range(MAX_TUPLES):
        if transport.has_selected and i == transport.selected:
            continue
        if oldest < 0 or transport.tuples[i].valid_us < transport.tuples[oldest].valid_us:
            oldest = i
    _forget_tuple(plane, transport, &transport.tuples[oldest])
    if tuple_table_put(&plane.tuples, source, transport) != OK:
        return -1
    transport.tuples[oldest].address = source[0]
    return oldest


cdef void _select_tuple(plane_t *plane, transport_t *transport, int slot) noexcept nogil:
    cdef event_t event
    if transport.has_selected:
        plane.counters.values[<int>COUNT_TUPLE_SWITCHES] += 1
    transport.selected = slot
    transport.has_selected = True
    memset(&event, 0, sizeof(event_t))
    event.kind = EVENT_TRANSPORT_TUPLE
    event.id = transport.id
    event.address = transport.tuples[slot].address
    event_emit(plane, &event)


cdef void _valid_check(plane_t *plane, transport_t *transport, const transport_tuple_t *source, bint nominated,
                       int64_t now_us) noexcept nogil:
    cdef int slot = _tuple_slot(plane, transport, source)
    if slot < 0:
        return
    transport.tuples[slot].valid_us = now_us
    deadline_set(&plane.deadlines, &transport.deadline, REASON_CONSENT, now_us + CONSENT_TIMEOUT_US)
    # Before the peer nominates, the first pair that works carries DTLS: browsers nominate only after the handshake.
    if not transport.has_selected or (nominated and slot != transport.selected):
        _select_tuple(plane, transport, slot)
    if transport.dtls == NULL:
        transport.dtls_us = now_us
        transport.dtls = dtls_session_new(plane.dtls, transport.dtls_role, plane.mtu, transport.fingerprints,
                                          transport.fingerprint_count)
        if transport.dtls == NULL:
            transport_close(plane, transport, CLOSE_NO_MEMORY)
            return
        if transport.dtls_role == DTLS_CLIENT:
            dtls_start(transport.dtls, now_us)
            _dtls_progress(plane, transport, now_us)


cdef void transport_stun(plane_t *plane, const datagram_t *datagram, int64_t now_us) noexcept nogil:
    cdef stun_message_t message
    cdef transport_t *transport
    cdef const ice_credentials_t *credentials
    cdef IceOutcome outcome
    cdef uint64_t key
    cdef uint32_t size = 0
    cdef uint8_t *out
    cdef bint renewed
    if stun_parse(datagram.data, datagram.size, &message) != OK:
        plane.counters.values[<int>COUNT_DROP_STUN_MALFORMED] += 1
        return
    key = ice_username_key(&message)
    transport = <transport_t *>id_table_find(&plane.ufrags, key) if key else NULL
    if transport == NULL:
        plane.counters.values[<int>COUNT_DROP_STUN_UNAUTHENTICATED] += 1
        return
    renewed = ice_ufrag_key(transport.ice.local_ufrag) == key
    credentials = &transport.ice if renewed else &transport.previous_ice
    out = egress_reserve(&plane.egress)
    if out == NULL:
        plane.counters.values[<int>COUNT_DROP_EGRESS_FULL] += 1
        return
    outcome = ice_answer(credentials, &message, datagram.source.remote, tuple_address_size(&datagram.source),
                         datagram.source.remote_port, out, EGRESS_RESERVE, &size)
    if outcome == ICE_IGNORED:
        plane.counters.values[<int>COUNT_DROP_STUN_UNAUTHENTICATED] += 1
        return
    plane.counters.values[<int>COUNT_STUN_REQUESTS] += 1
    if size and egress_commit_reply(&plane.egress, size, &datagram.source) != OK:
        plane.counters.values[<int>COUNT_DROP_EGRESS_FULL] += 1
    if outcome == ICE_REFUSED:
        plane.counters.values[<int>COUNT_DROP_STUN_REFUSED] += 1
        return
    if renewed:
        _forget_previous_ice(plane, transport)
    _valid_check(plane, transport, &datagram.source, outcome == ICE_NOMINATED, now_us)


# --- DTLS ----------------------------------------------------------------------------------------------------------

cdef int _take_keys(plane_t *plane, transport_t *transport) noexcept nogil:
    """Open both SRTP sessions with the keys of the handshake. Returns the SRTP profile, 0 when it failed."""
    cdef dtls_keys_t keys
    cdef int profile
    if dtls_export_keys(transport.dtls, &keys) != OK:
        return 0
    transport.srtp_send = srtp_session_new(plane.srtp, keys.profile, keys.local_key, keys.local_salt)
    transport.srtp_receive = srtp_session_new(plane.srtp, keys.profile, keys.remote_key, keys.remote_salt)
    transport.srtp_overhead = srtp_overhead(keys.profile)
    profile = keys.profile
    OPENSSL_cleanse(&keys, sizeof(keys))
    return profile if transport.srtp_send != NULL and transport.srtp_receive != NULL else 0


cdef void _connected(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil:
    cdef consumer_t *consumer
    cdef int profile = _take_keys(plane, transport)
    if profile == 0:
        transport_close(plane, transport, CLOSE_NO_MEMORY)
        return
    transport.state = TRANSPORT_CONNECTED
    plane.counters.values[<int>COUNT_DTLS_HANDSHAKES] += 1
    distribution_add(&plane.distributions, DISTRIBUTION_CONNECTING, now_us - transport.created_us, 1)
    distribution_add(&plane.distributions, DISTRIBUTION_HANDSHAKE, now_us - transport.dtls_us, 1)
    event_emit_value(plane, EVENT_TRANSPORT_CONNECTED, transport.id, profile, False)
    deadline_set(&plane.deadlines, &transport.deadline, REASON_CONNECT, INT64_MAX)
    deadline_set(&plane.deadlines, &transport.deadline, REASON_REPORT, now_us + FIRST_REPORT_US)
    # At once, so that those who join later use the memory again; a repeated flight makes buffers anew.
    dtls_shrink(transport.dtls)
    consumer = transport.consumers
    while consumer != NULL:
        consumer_transport_connected(plane, consumer, now_us)
        consumer = consumer.next


cdef void _send_dtls(plane_t *plane, transport_t *transport) noexcept nogil:
    cdef uint8_t *out
    cdef int size
    while transport.has_selected:
        out = egress_reserve(&plane.egress)
        if out == NULL:
            plane.counters.values[<int>COUNT_DROP_EGRESS_FULL] += 1
            return
        size = dtls_next_datagram(transport.dtls, out, EGRESS_RESERVE)
        if size <= 0:
            return
        egress_commit(&plane.egress, size, &transport.tuples[transport.selected].address)


cdef bint _is_flood(transport_t *transport, int64_t now_us) noexcept nogil:
    if transport.data_due_us > now_us + DATA_BURST_US:
        return True
    transport.data_due_us = max(transport.data_due_us, now_us) + DATA_INTERVAL_US
    return False


cdef void _take_messages(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil:
    """Application data goes to the control plane, where data channels use it; else it is dropped here."""
    cdef uint8_t message[2048]
    cdef event_t event
    cdef int size
    while True:
        size = dtls_next_message(transport.dtls, message, sizeof(message))
        if size <= 0:
            return
        if not transport.keep_dtls:
            plane.counters.values[<int>COUNT_DROP_DTLS] += 1
            continue
        if _is_flood(transport, now_us):
            plane.counters.values[<int>COUNT_DROP_DATA_FLOOD] += 1
            continue
        memset(&event, 0, sizeof(event_t))
        event.kind = EVENT_DTLS_DATA
        event.id = transport.id
        event.value = size
        event.data = malloc(size)
        if event.data == NULL:
            return
        memcpy(event.data, message, size)
        event_emit(plane, &event)


cdef void _dtls_progress(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil:
    """What follows after libssl had a datagram or a time-out: its answers, its messages, its state."""
    cdef int state
    _send_dtls(plane, transport)
    state = dtls_state(transport.dtls)
    if state == DTLS_CONNECTED and transport.srtp_send == NULL:
        _connected(plane, transport, now_us)
        if transport.state == TRANSPORT_CLOSED:
            return
    _take_messages(plane, transport, now_us)
    deadline_set(&plane.deadlines, &transport.deadline, REASON_DTLS, dtls_next_deadline(transport.dtls))
    if state == DTLS_CLOSED:
        transport_close(plane, transport, CLOSE_BY_PEER)
    elif state == DTLS_FAILED:
        transport_close(plane, transport, CLOSE_FINGERPRINT
                        if dtls_failure(transport.dtls) == DTLS_FAILURE_FINGERPRINT else CLOSE_DTLS)


cdef void transport_dtls(plane_t *plane, transport_t *transport, const datagram_t *datagram,
                         int64_t now_us) noexcept nogil:
    if transport.dtls == NULL or transport.state == TRANSPORT_CLOSED:
        plane.counters.values[<int>COUNT_DROP_DTLS] += 1
        return
    if dtls_receive(transport.dtls, datagram.data, datagram.size, now_us) != OK:
        plane.counters.values[<int>COUNT_DROP_DTLS] += 1
    _dtls_progress(plane, transport, now_us)


cdef void transport_dtls_timeout(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil:
    deadline_set(&plane.deadlines, &transport.deadline, REASON_DTLS, INT64_MAX)
    if transport.dtls != NULL:
        dtls_timeout(transport.dtls, now_us)
        _dtls_progress(plane, transport, now_us)


# --- the end -------------------------------------------------------------------------------------------------------

cdef void transport_close(plane_t *plane, transport_t *transport, CloseReason reason) noexcept nogil:
    cdef producer_t *producer
    cdef consumer_t *consumer
    cdef int i
    if transport.state == TRANSPORT_CLOSED:
        return
    if transport.dtls != NULL and reason == CLOSE_BY_US:
        dtls_close(transport.dtls)
        _send_dtls(plane, transport)
    elif transport.dtls != NULL and dtls_state(transport.dtls) == DTLS_FAILED:
        _send_dtls(plane, transport)
    transport.state = TRANSPORT_CLOSED
    transport.close_reason = reason
    consumer = transport.consumers
    while consumer != NULL:
        consumer_detach(plane, consumer)
        consumer = consumer.next
    producer = transport.producers
    while producer != NULL:
        producer_detach(plane, producer)
        producer = producer.next
    for i in range(MAX_TUPLES):
        _forget_tuple(plane, transport, &transport.tuples[i])
    _forget_previous_ice(plane, transport)
    id_table_remove(&plane.ufrags, ice_ufrag_key(transport.ice.local_ufrag))
    id_table_remove(&plane.transports, transport.id)
    deadline_remove(&plane.deadlines, &transport.deadline)
    transport.next_closed = plane.closed
    plane.closed = transport


cdef void transport_free(transport_t *transport) noexcept nogil:
    cdef producer_t *producer = transport.producers
    cdef consumer_t *consumer = transport.consumers
    cdef void *rest
    while producer != NULL:
        rest = producer.next
        producer_free(producer)
        producer = <producer_t *>rest
    while consumer != NULL:
        rest = consumer.next
        consumer_free(consumer)
        consumer = <consumer_t *>rest
    dtls_session_free(transport.dtls)
    srtp_session_free(transport.srtp_receive)
    srtp_session_free(transport.srtp_send)
    free(transport.transport_cc)
    OPENSSL_cleanse(transport, sizeof(transport_t))
    free(transport)
