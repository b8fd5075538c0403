"""The packets that wait in a jitter buffer, in the order of their timestamps, with their bytes.

Bytes lie in a ring. A packet that is so old that newer ones have overwritten its bytes stays in the list, but has lost
its data. When the list is full the oldest packet goes.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    STORE_PACKETS = 256          # a power of two
    STORE_PAST = 3               # played packets that are still to be had

cdef struct stored_packet_t:
    int64_t ts64
    int64_t seq64
    uint64_t offset              # in everything that was ever written to the ring
    uint16_t size
    uint16_t samples
    uint8_t redundant            # came inside a later packet (RFC 2198)

cdef struct packet_store_t:
    stored_packet_t packets[256]  # a ring: packets[first .. first + count - 1], ascending by ts64
    uint32_t first
    uint32_t count
    uint32_t past                # how many before `first` have been played and are still there
    uint32_t arena_size
    uint8_t *arena
    uint64_t written             # bytes, with those left out at the end of the ring

cdef int packet_store_init(packet_store_t *store, uint32_t arena_size) noexcept nogil
cdef void packet_store_free(packet_store_t *store) noexcept nogil
cdef void packet_store_clear(packet_store_t *store) noexcept nogil
# Keeps a copy. Returns it, or NULL if that timestamp is there already or it is larger than half the ring; `evicted`
# counts up if the oldest packet had to go.
cdef stored_packet_t *packet_store_add(packet_store_t *store, int64_t ts64, int64_t seq64, const uint8_t *data,
                                       uint32_t size, uint32_t samples, uint64_t *evicted) noexcept nogil
# The bytes of a packet, or NULL if they have been overwritten.
cdef const uint8_t *packet_store_data(const packet_store_t *store, const stored_packet_t *packet) noexcept nogil


# The packet at `position` from the oldest; position < store.count.
cdef inline stored_packet_t *packet_store_at(const packet_store_t *store, uint32_t position) noexcept nogil:
    return <stored_packet_t *>&store.packets[(store.first + position) & (STORE_PACKETS - 1)]


# The oldest packet is played, or of no use any more.
cdef inline void packet_store_pop(packet_store_t *store) noexcept nogil:
    store.first = (store.first + 1) & (STORE_PACKETS - 1)
    store.count -= 1
    store.past = min(store.past + 1, <uint32_t>STORE_PAST)


# A packet that was played; age 1 is the last one, store.past the oldest.
cdef inline const stored_packet_t *packet_store_past(const packet_store_t *store, uint32_t age) noexcept nogil:
    return &store.packets[(store.first - age) & (STORE_PACKETS - 1)]
