"""Hash tables of the media plane: bounded, open addressing with linear probing, allocated once."""
from libc.stdint cimport uint32_t, uint64_t

from mediaplane.address cimport transport_tuple_t

cdef struct id_entry_t:
    uint64_t key             # 0: empty, so no key may be 0
    void *value

# 64-bit keys (ids, ufrags, transport id << 32 | SSRC) to pointers.
cdef struct id_table_t:
    id_entry_t *entries
    uint32_t mask
    uint32_t count
    uint32_t limit           # entries it takes at most: half of its slots

cdef int id_table_init(id_table_t *table, uint32_t limit) noexcept nogil          # OK or NO_MEMORY
cdef void id_table_free(id_table_t *table) noexcept nogil
cdef void *id_table_find(const id_table_t *table, uint64_t key) noexcept nogil    # NULL: not there
cdef int id_table_put(id_table_t *table, uint64_t key, void *value) noexcept nogil  # OK, NO_SPACE, BAD_STATE (taken)
cdef void id_table_remove(id_table_t *table, uint64_t key) noexcept nogil

cdef struct tuple_entry_t:
    transport_tuple_t key
    void *value              # NULL: empty

cdef struct tuple_table_t:
    tuple_entry_t *entries
    uint32_t mask
    uint32_t count
    uint32_t limit

cdef int tuple_table_init(tuple_table_t *table, uint32_t limit) noexcept nogil
cdef void tuple_table_free(tuple_table_t *table) noexcept nogil
cdef void *tuple_table_find(const tuple_table_t *table, const transport_tuple_t *key) noexcept nogil
# A key that is there gets the new value.
cdef int tuple_table_put(tuple_table_t *table, const transport_tuple_t *key, void *value) noexcept nogil
cdef void tuple_table_remove(tuple_table_t *table, const transport_tuple_t *key) noexcept nogil
