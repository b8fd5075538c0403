"""Commands, carried out. What comes for an object that has gone is counted and ignored: closing races with all else."""
from libc.stdint cimport uint8_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from mediaplane.audio.speaker_groups cimport speakers_refresh
from mediaplane.counters cimport COUNT_COMMANDS, COUNT_COMMANDS_REFUSED, COUNT_COMMANDS_STALE, Counter
from mediaplane.events cimport EVENT_STATS, event_emit, event_t
from mediaplane.model cimport CLOSE_BY_US, CLOSE_NO_MEMORY, MAX_WORKERS, consumer_t, producer_t, transport_t
from mediaplane.pipes.incoming cimport incoming_close, incoming_open
from mediaplane.rings cimport ring_pop
from mediaplane.rtcp.feedback cimport keyframe_wanted
from mediaplane.secure.dtls cimport dtls_send
from mediaplane.secure.ice_lite cimport ice_credentials_t, ice_ufrag_key
from mediaplane.statistics cimport stats_take
from mediaplane.status cimport BAD_STATE, NOT_FOUND, OK
from mediaplane.stream.bitrate_limit cimport bitrate_limit_set
from mediaplane.stream.consumer cimport (
    consumer_connect, consumer_detach, consumer_free, consumer_gate, consumer_open, consumer_prefer,
)
from mediaplane.stream.producer cimport producer_detach, producer_free, producer_gate, producer_open
from mediaplane.tables cimport id_table_find, id_table_put, id_table_remove
from mediaplane.transport cimport transport_close, transport_dtls_timeout, transport_free, transport_open


cdef inline transport_t *_transport(plane_t *plane, uint32_t id) noexcept nogil:
    return <transport_t *>id_table_find(&plane.transports, id)


cdef inline producer_t *_producer(plane_t *plane, uint32_t id) noexcept nogil:
    return <producer_t *>id_table_find(&plane.producers, id)


cdef inline consumer_t *_consumer(plane_t *plane, uint32_t id) noexcept nogil:
    return <consumer_t *>id_table_find(&plane.consumers, id)


# --- transports ----------------------------------------------------------------------------------------------------

cdef int _create_transport(plane_t *plane, command_t *command, int64_t now_us) noexcept nogil:
    cdef transport_t *transport = <transport_t *>command.data
    cdef int status
    command.data = NULL
    status = transport_open(plane, transport, now_us)
    if status != OK:
        # Whoever made it learns that it is closed, as of any other.
        transport.close_reason = CLOSE_NO_MEMORY
        transport.next_closed = plane.closed
        plane.closed = transport
    return status


cdef int _restart_ice(plane_t *plane, transport_t *transport, const ice_credentials_t *credentials) noexcept nogil:
    cdef int status = id_table_put(&plane.ufrags, ice_ufrag_key(credentials.local_ufrag), transport)
    if status != OK:
        return status
    if transport.has_previous_ice:
        id_table_remove(&plane.ufrags, ice_ufrag_key(transport.previous_ice.local_ufrag))
    transport.previous_ice = transport.ice
    transport.has_previous_ice = True
    transport.ice = credentials[0]
    return OK


cdef int _on_transport(plane_t *plane, command_t *command, int64_t now_us) noexcept nogil:
    cdef transport_t *transport = _transport(plane, command.id)
    cdef event_t event
    cdef int status
    if transport == NULL:
        return NOT_FOUND
    if command.kind == COMMAND_UPDATE_TRANSPORT:
        memcpy(transport.kind_by_id, command.data, 256)
        transport.extensions_us = now_us
        transport.keep_dtls = command.value != 0
    elif command.kind == COMMAND_RESTART_ICE:
        return _restart_ice(plane, transport, <ice_credentials_t *>command.data)
    elif command.kind == COMMAND_CLOSE_TRANSPORT:
        transport_close(plane, transport, CLOSE_BY_US)
    elif command.kind == COMMAND_SEND_DTLS:
        if transport.dtls == NULL:
            return BAD_STATE
        status = dtls_send(transport.dtls, <uint8_t *>command.data, <uint32_t>command.value)
        transport_dtls_timeout(plane, transport, now_us)
        return status
    elif command.kind == COMMAND_REQUEST_STATS:
        event.kind = EVENT_STATS
        event.flag = 0
        event.id = transport.id
        event.value = command.value
        event.data = stats_take(transport)
        if event.data != NULL:
            event_emit(plane, &event)
    return OK


# --- producers -----------------------------------------------------------------------------------------------------

cdef int _create_producer(plane_t *plane, command_t *command) noexcept nogil:
    cdef transport_t *transport = _transport(plane, command.owner)
    cdef int status
    if transport == NULL:
        producer_free(<producer_t *>command.data)
        command.data = NULL
        return NOT_FOUND
    status = producer_open(plane, transport, <producer_t *>command.data)
    if status != OK:
        producer_free(<producer_t *>command.data)
    command.data = NULL
    return status


cdef int _create_piped_producer(plane_t *plane, command_t *command, int64_t now_us) noexcept nogil:
    cdef int status = NOT_FOUND
    if command.owner < MAX_WORKERS and plane.pipes[command.owner] != NULL:
        status = incoming_open(plane, plane.pipes[command.owner], <producer_t *>command.data, now_us)
    if status != OK:
        producer_free(<producer_t *>command.data)
    command.data = NULL
    return status


cdef void _close_producer(plane_t *plane, producer_t *producer) noexcept nogil:
    cdef producer_t **link = &producer.transport.producers
    while link[0] != producer:
        link = &link[0].next
    link[0] = producer.next
    if producer.source_id:
        incoming_close(plane, producer)
    producer_detach(plane, producer)
    producer_free(producer)


cdef int _on_producer(plane_t *plane, command_t *command, int64_t now_us) noexcept nogil:
    cdef producer_t *producer = _producer(plane, command.id)
    cdef int i
    if producer == NULL:
        return NOT_FOUND
    if command.kind == COMMAND_CLOSE_PRODUCER:
        _close_producer(plane, producer)
    elif command.kind == COMMAND_GATE_PRODUCER:
        producer_gate(plane, producer, command.value != 0, now_us)
    elif command.kind == COMMAND_LIMIT_PRODUCER:
        bitrate_limit_set(&producer.limit, <uint32_t>command.value)
    elif command.kind == COMMAND_REQUEST_KEYFRAME:
        for i in range(producer.encoding_count):
            keyframe_wanted(plane, &producer.encodings[i], now_us)
    return OK


# --- consumers -----------------------------------------------------------------------------------------------------

cdef int _create_consumer(plane_t *plane, command_t *command) noexcept nogil:
    cdef transport_t *transport = _transport(plane, command.owner)
    cdef int status = NOT_FOUND
    if transport != NULL:
        status = consumer_open(plane, transport, <consumer_t *>command.data)
    if status != OK:
        consumer_free(<consumer_t *>command.data)
    command.data = NULL
    return status


cdef void _close_consumer(plane_t *plane, consumer_t *consumer) noexcept nogil:
    cdef consumer_t **link = &consumer.transport.consumers
    while link[0] != consumer:
        link = &link[0].next
    link[0] = consumer.next
    consumer_detach(plane, consumer)
    consumer_free(consumer)


cdef int _on_consumer(plane_t *plane, command_t *command, int64_t now_us) noexcept nogil:
    cdef consumer_t *consumer = _consumer(plane, command.id)
    cdef producer_t *producer
    cdef uint8_t *payload_types = <uint8_t *>command.data
    cdef int status
    if consumer == NULL:
        return NOT_FOUND
    if command.kind == COMMAND_CONNECT_CONSUMER:
        producer = _producer(plane, command.owner) if command.owner else NULL
        # A source that has gone leaves the slot empty rather than with the one before.
        status = consumer_connect(plane, consumer, producer, payload_types, payload_types + 128, now_us)
        return status if producer != NULL or command.owner == 0 else NOT_FOUND
    if command.kind == COMMAND_GATE_CONSUMER:
        consumer_gate(plane, consumer, command.value != 0, now_us)
    elif command.kind == COMMAND_SELECT_ENCODING:
        consumer_prefer(plane, consumer, <uint8_t>command.value, now_us)
    elif command.kind == COMMAND_CLOSE_CONSUMER:
        _close_consumer(plane, consumer)
    return OK


cdef int _carry_out(plane_t *plane, command_t *command, int64_t now_us) noexcept nogil:
    if command.kind == COMMAND_CREATE_TRANSPORT:
        return _create_transport(plane, command, now_us)
    if command.kind == COMMAND_CREATE_PRODUCER:
        return _create_producer(plane, command)
    if command.kind == COMMAND_CREATE_PIPED_PRODUCER:
        return _create_piped_producer(plane, command, now_us)
    if command.kind == COMMAND_CREATE_CONSUMER:
        return _create_consumer(plane, command)
    if command.kind in (COMMAND_CLOSE_PRODUCER, COMMAND_GATE_PRODUCER, COMMAND_LIMIT_PRODUCER,
                        COMMAND_REQUEST_KEYFRAME):
        return _on_producer(plane, command, now_us)
    if command.kind in (COMMAND_CONNECT_CONSUMER, COMMAND_GATE_CONSUMER, COMMAND_SELECT_ENCODING,
                        COMMAND_CLOSE_CONSUMER):
        return _on_consumer(plane, command, now_us)
    if command.kind == COMMAND_REFRESH_SPEAKERS:
        return speakers_refresh(plane, command.id, command.value != 0)
    return _on_transport(plane, command, now_us)


cdef uint32_t commands_drain(plane_t *plane, ring_t *ring, uint32_t limit, int64_t now_us) noexcept nogil:
    cdef command_t command
    cdef uint32_t count = 0
    cdef Counter reason
    cdef int status
    while count < limit and ring_pop(ring, &command):
        status = _carry_out(plane, &command, now_us)
        if status != OK:
            reason = COUNT_COMMANDS_STALE if status == NOT_FOUND else COUNT_COMMANDS_REFUSED
            plane.counters.values[<int>reason] += 1
        free(command.data)
        count += 1
    plane.counters.values[<int>COUNT_COMMANDS] += count
    return count


cdef void commands_discard(ring_t *ring) noexcept nogil:
    cdef command_t command
    while ring_pop(ring, &command):
        if command.kind == COMMAND_CREATE_TRANSPORT:
            transport_free(<transport_t *>command.data)
        elif command.kind == COMMAND_CREATE_PRODUCER or command.kind == COMMAND_CREATE_PIPED_PRODUCER:
            producer_free(<producer_t *>command.data)
        else:
            free(command.data)
