"""Events: put into the ring by the worker, turned into tuples by Python."""
from libc.stdint cimport uint64_t
from libc.stdlib cimport free
from libc.string cimport memset, strerror

from mediaplane.address cimport address_text
from mediaplane.audio.speaker_groups cimport speakers_to_python
from mediaplane.counters cimport COUNT_EVENTS_LOST
from mediaplane.rings cimport ring_push
from mediaplane.statistics cimport stats_t, stats_to_python
from mediaplane.status cimport NO_SPACE, OK

CLOSE_REASONS = {
    1: "closed",
    2: "peer_closed",
    3: "consent_expired",
    4: "fingerprint_mismatch",
    5: "dtls_failed",
    6: "connect_timeout",
    7: "no_memory",
}


cdef int events_tell_lost(plane_t *plane) noexcept nogil:
    cdef event_t notice
    cdef uint64_t lost = plane.counters.values[<int>COUNT_EVENTS_LOST]
    if lost == plane.events_lost_told:
        return OK
    memset(&notice, 0, sizeof(event_t))
    notice.kind = EVENT_EVENTS_LOST
    notice.value = lost - plane.events_lost_told
    if ring_push(plane.events, &notice) != OK:
        return NO_SPACE
    plane.events_lost_told = lost
    return OK


cdef int event_emit(plane_t *plane, event_t *event) noexcept nogil:
    cdef int status = events_tell_lost(plane)
    if status == OK:
        status = ring_push(plane.events, event)
    if status == OK:
        plane.levels_emitted += event.kind == EVENT_AUDIO_LEVEL
    else:
        plane.counters.values[<int>COUNT_EVENTS_LOST] += 1
        free(event.data)
    return status


cdef int event_emit_value(plane_t *plane, EventKind kind, uint32_t id, int64_t value, bint flag) noexcept nogil:
    cdef event_t event
    memset(&event, 0, sizeof(event_t))
    event.kind = kind
    event.id = id
    event.value = value
    event.flag = flag
    return event_emit(plane, &event)


cdef tuple event_to_python(event_t *event):
    cdef int kind = event.kind
    if kind == EVENT_TRANSPORT_CONNECTED:
        return ("transport_connected", event.id, event.value)
    if kind == EVENT_TRANSPORT_TUPLE:
        remote = address_text(event.address.remote, event.address.family)
        return ("transport_tuple", event.id, remote, event.address.remote_port)
    if kind == EVENT_TRANSPORT_CLOSED:
        return ("transport_closed", event.id, CLOSE_REASONS[event.value])
    if kind == EVENT_ENCODING_CHANGED:
        return ("encoding_changed", event.id, event.value)
    if kind == EVENT_PRODUCER_ACTIVE:
        return ("producer_active", event.id, event.value)
    if kind == EVENT_PRODUCER_BYE:
        return ("producer_bye", event.id)
    if kind == EVENT_AUDIO_LEVEL:
        return ("audio_level", event.id, -event.value, bool(event.flag))
    if kind == EVENT_EVENTS_LOST:
        return ("events_lost", event.value)
    if kind == EVENT_WORKER_FAILED:
        return ("worker_failed", (<bytes>strerror(<int>event.value)).decode())
    try:
        if kind == EVENT_DTLS_DATA:
            return ("dtls_data", event.id, (<const char *>event.data)[:event.value])
        if kind == EVENT_SPEAKERS:
            return ("speakers", event.id, event.value, speakers_to_python(event.data))
        if kind == EVENT_STATS:
            return ("stats", event.value, stats_to_python(<stats_t *>event.data))
    finally:
        free(event.data)
        event.data = NULL
    raise AssertionError(f"event kind {kind} has no Python form")
