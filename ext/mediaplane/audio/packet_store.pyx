"""The list of waiting packets: see packet_store.pxd."""
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from mediaplane.status cimport NO_MEMORY, OK


cdef int packet_store_init(packet_store_t *store, uint32_t arena_size) noexcept nogil:
    memset(store, 0, sizeof(packet_store_t))
    store.arena = <uint8_t *>malloc(arena_size)
    if store.arena == NULL:
        return NO_MEMORY
    store.arena_size = arena_size
    return OK


cdef void packet_store_free(packet_store_t *store) noexcept nogil:
    free(store.arena)
    store.arena = NULL


cdef void packet_store_clear(packet_store_t *store) noexcept nogil:
    store.first = 0
    store.count = 0
    store.past = 0


cdef uint64_t write_bytes(packet_store_t *store, const uint8_t *data, uint32_t size) noexcept nogil:
    cdef uint32_t place = <uint32_t>(store.written % store.arena_size)
    cdef uint64_t offset
    if place + size > store.arena_size:
        store.written += store.arena_size - place
        place = 0
    offset = store.written
    memcpy(store.arena + place, data, size)
    store.written += size
    return offset


cdef stored_packet_t *packet_store_add(packet_store_t *store, int64_t ts64, int64_t seq64, const uint8_t *data,
                                       uint32_t size, uint32_t samples, uint64_t *evicted) noexcept nogil:
    cdef uint32_t place = store.count
    cdef uint32_t moved
    cdef stored_packet_t *packet
    if size > store.arena_size // 2:
        return NULL
    while place > 0 and packet_store_at(store, place - 1).ts64 > ts64:
        place -= 1
    if place > 0 and packet_store_at(store, place - 1).ts64 == ts64:
        return NULL
    if store.count == STORE_PACKETS:
        evicted[0] += 1
        if place == 0:
            return NULL          # it is the oldest itself
        packet_store_pop(store)
        place -= 1
    store.count += 1
    store.past = min(store.past, STORE_PACKETS - store.count)
    for moved in range(store.count - 1, place, -1):
        packet_store_at(store, moved)[0] = packet_store_at(store, moved - 1)[0]
    packet = packet_store_at(store, place)
    packet.ts64 = ts64
    packet.seq64 = seq64
    packet.offset = write_bytes(store, data, size)
    packet.size = <uint16_t>size
    packet.samples = <uint16_t>samples
    packet.redundant = False
    return packet


cdef const uint8_t *packet_store_data(const packet_store_t *store, const stored_packet_t *packet) noexcept nogil:
    if store.written - packet.offset > store.arena_size:
        return NULL
    return store.arena + packet.offset % store.arena_size
