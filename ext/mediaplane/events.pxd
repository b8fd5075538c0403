"""Facts that the media plane tells the control plane: fixed-size records in a ring."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.address cimport transport_tuple_t
from mediaplane.model cimport plane_t

cdef enum EventKind:
    EVENT_TRANSPORT_CONNECTED = 1    # value: SRTP profile
    EVENT_TRANSPORT_TUPLE = 2        # address
    EVENT_TRANSPORT_CLOSED = 3       # value: CloseReason
    EVENT_ENCODING_CHANGED = 4       # id: consumer, value: encoding
    EVENT_PRODUCER_ACTIVE = 5        # id: producer, value: encoding
    EVENT_PRODUCER_BYE = 6
    EVENT_DTLS_DATA = 7              # data (malloc), value: bytes
    EVENT_AUDIO_LEVEL = 8            # value: level in -dBov, flag: voice
    EVENT_STATS = 9                  # data (malloc): stats_t, value: token
    EVENT_EVENTS_LOST = 10           # value: how many
    EVENT_WORKER_FAILED = 11         # value: errno
    EVENT_SPEAKERS = 12              # id: speaker group, value: dominant producer or 0, data (malloc): its ranking

cdef struct event_t:
    uint16_t kind
    uint8_t flag
    uint32_t id
    int64_t value
    void *data                       # owned by the event
    transport_tuple_t address

# Says how many events were lost, once there is room again: where they would have stood. OK, or NO_SPACE: still none.
cdef int events_tell_lost(plane_t *plane) noexcept nogil
# OK, or NO_SPACE (counted, `event.data` freed) when the ring is full.
cdef int event_emit(plane_t *plane, event_t *event) noexcept nogil
cdef int event_emit_value(plane_t *plane, EventKind kind, uint32_t id, int64_t value, bint flag) noexcept nogil
cdef tuple event_to_python(event_t *event)       # frees `event.data`
