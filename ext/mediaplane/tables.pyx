"""Open addressing with linear probing; removal shifts the run behind it back, so that no tombstones pile up."""
from libc.stdlib cimport calloc, free

from mediaplane.address cimport tuple_equal, tuple_hash
from mediaplane.status cimport BAD_STATE, NO_MEMORY, NO_SPACE, OK


cdef uint32_t _slots_for(uint32_t limit) noexcept nogil:
    cdef uint32_t slots = 16
    while slots < limit * 2:
        slots <<= 1
    return slots


cdef inline uint32_t _mix(uint64_t key) noexcept nogil:
    key = (key ^ (key >> 32)) * 0x9E3779B97F4A7C15ULL
    return <uint32_t>(key >> 32)


cdef int id_table_init(id_table_t *table, uint32_t limit) noexcept nogil:
    cdef uint32_t slots = _slots_for(limit)
    table.entries = <id_entry_t *>calloc(slots, sizeof(id_entry_t))
    table.mask = slots - 1
    table.count = 0
    table.limit = limit
    return OK if table.entries != NULL else NO_MEMORY


cdef void id_table_free(id_table_t *table) noexcept nogil:
    free(table.entries)
    table.entries = NULL


cdef void *id_table_find(const id_table_t *table, uint64_t key) noexcept nogil:
    cdef uint32_t slot = _mix(key) & table.mask
    while table.entries[slot].key != 0:
        if table.entries[slot].key == key:
            return table.entries[slot].value
        slot = (slot + 1) & table.mask
    return NULL


cdef int id_table_put(id_table_t *table, uint64_t key, void *value) noexcept nogil:
    cdef uint32_t slot = _mix(key) & table.mask
    if table.count >= table.limit:
        return NO_SPACE
    while table.entries[slot].key != 0:
        if table.entries[slot].key == key:
            return BAD_STATE
        slot = (slot + 1) & table.mask
    table.entries[slot].key = key
    table.entries[slot].value = value
    table.count += 1
    return OK


cdef void id_table_remove(id_table_t *table, uint64_t key) noexcept nogil:
    cdef uint32_t hole = _mix(key) & table.mask
    cdef uint32_t slot, home
    while table.entries[hole].key != key:
        if table.entries[hole].key == 0:
            return
        hole = (hole + 1) & table.mask
    slot = hole
    while True:
        slot = (slot + 1) & table.mask
        if table.entries[slot].key == 0:
            break
        home = _mix(table.entries[slot].key) & table.mask
        if ((slot - home) & table.mask) >= ((slot - hole) & table.mask):
            table.entries[hole] = table.entries[slot]
            hole = slot
    table.entries[hole].key = 0
    table.entries[hole].value = NULL
    table.count -= 1


cdef int tuple_table_init(tuple_table_t *table, uint32_t limit) noexcept nogil:
    cdef uint32_t slots = _slots_for(limit)
    table.entries = <tuple_entry_t *>calloc(slots, sizeof(tuple_entry_t))
    table.mask = slots - 1
    table.count = 0
    table.limit = limit
    return OK if table.entries != NULL else NO_MEMORY


cdef void tuple_table_free(tuple_table_t *table) noexcept nogil:
    free(table.entries)
    table.entries = NULL


cdef void *tuple_table_find(const tuple_table_t *table, const transport_tuple_t *key) noexcept nogil:
    cdef uint32_t slot = <uint32_t>tuple_hash(key) & table.mask
    while table.entries[slot].value != NULL:
        if tuple_equal(&table.entries[slot].key, key):
            return table.entries[slot].value
        slot = (slot + 1) & table.mask
    return NULL


cdef int tuple_table_put(tuple_table_t *table, const transport_tuple_t *key, void *value) noexcept nogil:
    cdef uint32_t slot = <uint32_t>tuple_hash(key) & table.mask
    while table.entries[slot].value != NULL:
        if tuple_equal(&table.entries[slot].key, key):
            table.entries[slot].value = value
            return OK
        slot = (slot + 1) & table.mask
    if table.count >= table.limit:
        return NO_SPACE
    table.entries[slot].key = key[0]
    table.entries[slot].value = value
    table.count += 1
    return OK


cdef void tuple_table_remove(tuple_table_t *table, const transport_tuple_t *key) noexcept nogil:
    cdef uint32_t hole = <uint32_t>tuple_hash(key) & table.mask
    cdef uint32_t slot, home
    while True:
        if table.entries[hole].value == NULL:
            return
        if tuple_equal(&table.entries[hole].key, key):
            break
        hole = (hole + 1) & table.mask
    slot = hole
    while True:
        slot = (slot + 1) & table.mask
        if table.entries[slot].value == NULL:
            break
        home = <uint32_t>tuple_hash(&table.entries[slot].key) & table.mask
        if ((slot - home) & table.mask) >= ((slot - hole) & table.mask):
            table.entries[hole] = table.entries[slot]
            hole = slot
    table.entries[hole].value = NULL
    table.count -= 1
