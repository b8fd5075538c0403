"""The list of missing packets: see nack_generator.pxd."""
from libc.stdint cimport INT64_MAX
from libc.string cimport memmove, memset


cdef void nack_generator_init(nack_generator_t *generator) noexcept nogil:
    memset(generator, 0, sizeof(nack_generator_t))
    generator.highest = -1


# Position of the first entry that is not below `seq64`.
cdef uint32_t lower_bound(const nack_generator_t *generator, int64_t seq64) noexcept nogil:
    cdef uint32_t low = 0
    cdef uint32_t high = generator.count
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if generator.missing[middle].seq64 < seq64:
            low = middle + 1
        else:
            high = middle
    return low


cdef void remove_entries(nack_generator_t *generator, uint32_t position, uint32_t count) noexcept nogil:
    generator.count -= count
    memmove(&generator.missing[position], &generator.missing[position + count],
            (generator.count - position) * sizeof(nack_entry_t))


cdef int nack_generator_received(nack_generator_t *generator, int64_t seq64, int64_t now_us) noexcept nogil:
    cdef uint32_t position
    cdef int64_t skipped
    cdef nack_entry_t *entry
    if generator.highest < 0:
        generator.highest = seq64
        return 0
    if seq64 <= generator.highest:
        position = lower_bound(generator, seq64)
        if position < generator.count and generator.missing[position].seq64 == seq64:
            if generator.missing[position].tries > 0:
                generator.recovered += 1
            remove_entries(generator, position, 1)
        return 0

    skipped = seq64 - generator.highest - 1
    if skipped > NACK_MAX_MISSING - <int64_t>generator.count:
        generator.given_up += generator.count + skipped
        generator.count = 0
        generator.highest = seq64
        return 1
    while skipped > 0:
        entry = &generator.missing[generator.count]
        entry.seq64 = seq64 - skipped
        entry.due_us = now_us + NACK_REORDER_US
        entry.tries = 0
        generator.count += 1
        skipped -= 1
    generator.highest = seq64
    return 0


cdef void nack_generator_keyframe(nack_generator_t *generator, int64_t seq64) noexcept nogil:
    remove_entries(generator, 0, lower_bound(generator, seq64))


# Of the numbers above an entry's, those that are not missing have come.
cdef inline int64_t due_us_of(const nack_generator_t *generator, uint32_t position) noexcept nogil:
    cdef const nack_entry_t *entry = &generator.missing[position]
    cdef int64_t newer = generator.highest - entry.seq64 - (generator.count - 1 - position)
    return 0 if entry.tries == 0 and newer >= NACK_REORDER_PACKETS else entry.due_us


cdef int nack_generator_due(nack_generator_t *generator, int64_t now_us, int64_t rtt_us, uint16_t *seqs,
                            uint32_t capacity) noexcept nogil:
    cdef uint32_t taken = 0
    cdef uint32_t position = 0
    cdef nack_entry_t *entry
    while position < generator.count and taken < capacity:
        entry = &generator.missing[position]
        if now_us < due_us_of(generator, position):
            position += 1
        elif entry.tries == NACK_MAX_TRIES:
            generator.given_up += 1
            remove_entries(generator, position, 1)
        else:
            entry.tries += 1
            entry.due_us = now_us + max(rtt_us, NACK_MIN_RETRY_US)
            seqs[taken] = <uint16_t>entry.seq64
            taken += 1
            position += 1
    generator.asked += taken
    return taken


cdef int64_t nack_generator_deadline(const nack_generator_t *generator) noexcept nogil:
    cdef int64_t deadline_us = INT64_MAX
    cdef uint32_t position
    for position in range(generator.count):
        deadline_us = min(deadline_us, due_us_of(generator, position))
    return deadline_us
