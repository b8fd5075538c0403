"""Single-producer, single-consumer ring: two positions with acquire and release order, no lock."""
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from mediaplane.status cimport NO_MEMORY, NO_SPACE, OK

cdef extern from *:
    """
    #define mp_load_acquire(address) __atomic_load_n(address, __ATOMIC_ACQUIRE)
    #define mp_store_release(address, value) __atomic_store_n(address, value, __ATOMIC_RELEASE)
    """
    uint64_t load_acquire "mp_load_acquire"(uint64_t *address) noexcept nogil
    void store_release "mp_store_release"(uint64_t *address, uint64_t value) noexcept nogil


cdef int ring_init(ring_t *ring, uint32_t capacity, uint32_t record_size) noexcept nogil:
    cdef uint32_t slots = 2
    while slots < capacity:
        slots <<= 1
    ring.records = <uint8_t *>calloc(slots, record_size)
    ring.record_size = record_size
    ring.mask = slots - 1
    ring.refused = 0
    ring.head = 0
    ring.tail = 0
    return OK if ring.records != NULL else NO_MEMORY


cdef void ring_free(ring_t *ring) noexcept nogil:
    free(ring.records)
    ring.records = NULL


cdef int ring_push(ring_t *ring, const void *record) noexcept nogil:
    cdef uint64_t tail = ring.tail
    if tail - load_acquire(&ring.head) > ring.mask:
        ring.refused += 1
        return NO_SPACE
    memcpy(ring.records + (tail & ring.mask) * ring.record_size, record, ring.record_size)
    store_release(&ring.tail, tail + 1)
    return OK


cdef bint ring_pop(ring_t *ring, void *record) noexcept nogil:
    cdef uint64_t head = ring.head
    if head == load_acquire(&ring.tail):
        return False
    memcpy(record, ring.records + (head & ring.mask) * ring.record_size, ring.record_size)
    store_release(&ring.head, head + 1)
    return True


cdef uint32_t ring_depth(ring_t *ring) noexcept nogil:
    return <uint32_t>(load_acquire(&ring.tail) - load_acquire(&ring.head))
