"""Levels of shedding: see overload.pxd."""
from libc.string cimport memset

cdef enum:
    TIGHT_PERCENT = 80           # of a tick: another thread or the kernel may want the rest
    NOTABLE_PERCENT = 25         # less work than that is not why ticks are late, and leaving it helps nobody
    EASY_PERCENT = 40            # what comes back must not make it tight again
    TIGHT_TICKS = 3              # in a row, so that one hiccup sheds nothing
    LEAST_PATIENCE = 250         # five seconds
    MOST_PATIENCE = 15000        # five minutes


cdef void overload_init(overload_t *overload) noexcept nogil:
    memset(overload, 0, sizeof(overload_t))
    overload.patience = LEAST_PATIENCE


cdef void _shed_more(overload_t *overload) noexcept nogil:
    overload.level += 1
    overload.tight = 0
    overload.late = 0
    overload.easy = 0
    # What came back and was too much is tried again after a longer time.
    overload.patience = min(overload.patience * 2, MOST_PATIENCE)


cdef uint8_t overload_tick(overload_t *overload, int64_t busy_us, int64_t tick_us) noexcept nogil:
    overload.tight = overload.tight + 1 if busy_us * 100 > tick_us * TIGHT_PERCENT else 0
    overload.easy = overload.easy + 1 if busy_us * 100 < tick_us * EASY_PERCENT else 0
    if overload.tight >= TIGHT_TICKS and overload.level < SHED_TALKERS:
        _shed_more(overload)
    elif overload.easy >= overload.patience:
        overload.easy = 0
        if overload.level > SHED_NOTHING:
            overload.level -= 1
        else:
            overload.patience = LEAST_PATIENCE
    return overload.level


cdef uint8_t overload_round(overload_t *overload, int64_t busy_us, int64_t tick_us, bint late) noexcept nogil:
    overload.late = overload.late + 1 if late and busy_us * 100 > tick_us * NOTABLE_PERCENT else 0
    if late:
        overload.easy = 0
    if overload.late >= TIGHT_TICKS and overload.level < SHED_TALKERS:
        _shed_more(overload)
    return overload.level


cdef uint8_t shed_complexity(uint8_t level, uint8_t complexity) noexcept nogil:
    if level == SHED_NOTHING:
        return complexity
    return complexity // 2 if level == SHED_SOME_COMPLEXITY else 0


cdef uint32_t shed_talkers(uint8_t level, uint32_t talkers) noexcept nogil:
    if level < SHED_SOME_TALKERS:
        return talkers
    return max(1, talkers - max(1, talkers // 3)) if level == SHED_SOME_TALKERS else 1
