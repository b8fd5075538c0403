"""How much a mixing thread sheds when a tick's work does not fit into a tick. Pure."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef enum:
    SHED_NOTHING = 0
    SHED_SOME_COMPLEXITY = 1     # encoders at half
    SHED_COMPLEXITY = 2          # encoders as simple as can be
    SHED_SOME_TALKERS = 3        # a third fewer are heard, one at least
    SHED_TALKERS = 4             # only one is heard

cdef struct overload_t:
    uint8_t level
    uint32_t tight               # ticks in a row that took most of their time
    uint32_t late                # rounds in a row that began late, with notable work
    uint32_t easy                # ticks in a row that took little
    uint32_t patience            # so many easy ticks are needed before something comes back

cdef void overload_init(overload_t *overload) noexcept nogil
# A tick took `busy_us` of `tick_us`. Returns the level from now on.
cdef uint8_t overload_tick(overload_t *overload, int64_t busy_us, int64_t tick_us) noexcept nogil
# After all ticks that were due at once, of which the last took `busy_us`. `late`: the first one began when the next was
# due, which is so again and again where other threads take the CPU. Returns the level from now on.
cdef uint8_t overload_round(overload_t *overload, int64_t busy_us, int64_t tick_us, bint late) noexcept nogil
# What is left at a level.
cdef uint8_t shed_complexity(uint8_t level, uint8_t complexity) noexcept nogil
cdef uint32_t shed_talkers(uint8_t level, uint32_t talkers) noexcept nogil
