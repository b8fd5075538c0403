"""Orders of the control plane: fixed-size records in a ring, carried out by the worker between two batches."""
from libc.stdint cimport int64_t, uint16_t, uint32_t

from mediaplane.model cimport plane_t
from mediaplane.rings cimport ring_t

cdef enum CommandKind:
    COMMAND_CREATE_TRANSPORT = 1     # data: transport_t
    COMMAND_UPDATE_TRANSPORT = 2     # data: 256 extension kinds by id, value: whether data channels use it
    COMMAND_RESTART_ICE = 3          # data: ice_credentials_t
    COMMAND_CLOSE_TRANSPORT = 4
    COMMAND_CREATE_PRODUCER = 5      # owner: transport, data: producer_t
    COMMAND_CLOSE_PRODUCER = 6
    COMMAND_GATE_PRODUCER = 7        # value: open
    COMMAND_CREATE_CONSUMER = 8      # owner: transport, data: consumer_t
    COMMAND_CONNECT_CONSUMER = 9     # owner: producer or 0, data: 128 payload types, 128 RTX payload types
    COMMAND_GATE_CONSUMER = 10       # value: open
    COMMAND_SELECT_ENCODING = 11     # value: encoding or NO_ENCODING
    COMMAND_CLOSE_CONSUMER = 12
    COMMAND_REQUEST_KEYFRAME = 13
    COMMAND_REQUEST_STATS = 14       # value: token
    COMMAND_SEND_DTLS = 15           # value: bytes, data: message
    COMMAND_CREATE_PIPED_PRODUCER = 16   # owner: the source's worker, data: producer_t
    COMMAND_REFRESH_SPEAKERS = 17    # id: speaker group, value: whether its scores are told regularly
    COMMAND_LIMIT_PRODUCER = 18      # value: bit/s, 0: any

cdef struct command_t:
    uint16_t kind
    uint32_t id
    uint32_t owner
    int64_t value
    void *data                       # malloc; the command owns it until it is carried out

# Carries out what the ring holds, at most `limit`. Returns how many.
cdef uint32_t commands_drain(plane_t *plane, ring_t *ring, uint32_t limit, int64_t now_us) noexcept nogil
# Frees what was never carried out.
cdef void commands_discard(ring_t *ring) noexcept nogil
