"""The ring of a tap: see tap.pxd."""
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

cdef extern from *:
    """
    #define mp_tap_load(address) __atomic_load_n(address, __ATOMIC_ACQUIRE)
    #define mp_tap_store(address, value) __atomic_store_n(address, value, __ATOMIC_RELEASE)
    #define mp_tap_keep(address) __atomic_add_fetch(address, 1, __ATOMIC_ACQ_REL)
    #define mp_tap_drop(address) __atomic_sub_fetch(address, 1, __ATOMIC_ACQ_REL)
    """
    uint64_t load_acquire "mp_tap_load"(uint64_t *address) noexcept nogil
    void store_release "mp_tap_store"(uint64_t *address, uint64_t value) noexcept nogil
    int keep_reference "mp_tap_keep"(int *references) noexcept nogil
    int drop_reference "mp_tap_drop"(int *references) noexcept nogil


cdef tap_t *tap_new(uint32_t capacity, uint32_t samples, uint32_t output) noexcept nogil:
    cdef tap_t *tap = <tap_t *>calloc(1, sizeof(tap_t))
    if tap == NULL:
        return NULL
    tap.pcm = <int16_t *>calloc(<size_t>capacity * samples, sizeof(int16_t))
    if tap.pcm == NULL:
        free(tap)
        return NULL
    tap.references = 1
    tap.capacity = capacity
    tap.samples = samples
    tap.output = output
    return tap


cdef void tap_keep(tap_t *tap) noexcept nogil:
    keep_reference(&tap.references)


cdef void tap_release(tap_t *tap) noexcept nogil:
    if tap == NULL or drop_reference(&tap.references):
        return
    free(tap.pcm)
    free(tap)


cdef void tap_write(tap_t *tap, const int16_t *pcm) noexcept nogil:
    cdef uint64_t tail = tap.tail
    if tail - load_acquire(&tap.head) >= tap.capacity:
        tap.dropped += 1
        return
    memcpy(tap.pcm + (tail % tap.capacity) * tap.samples, pcm, tap.samples * sizeof(int16_t))
    store_release(&tap.tail, tail + 1)


cdef uint32_t tap_readable(tap_t *tap) noexcept nogil:
    cdef uint64_t waiting = load_acquire(&tap.tail) - tap.head
    return <uint32_t>min(waiting, tap.capacity - tap.head % tap.capacity)


cdef void tap_give_back(tap_t *tap, uint32_t ticks) noexcept nogil:
    store_release(&tap.head, tap.head + ticks)
