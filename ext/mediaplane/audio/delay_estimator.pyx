"""Arrival statistics and the target delay: see delay_estimator.pxd."""
from libc.stdint cimport INT64_MIN
from libc.string cimport memset

cdef enum:
    BASE_PERIOD_US = 1000000
    FLOOR_PERIOD_US = 30000000
    LONGEST_STEP_US = 1000000    # a pause counts no more than this
    CLOCK_GRAIN_US = 500         # ticks are not fetched more exactly than that
    CHOOSE_PERIOD_US = 100000
    FIRST_TARGET_US = 20000
    HOLD_US = 250000

# FORGET_US: how long what was late counts.
# PRIOR_US: time without anything late that is assumed before the first packet; without it the first late one would
# mean that it happens all the time.
# CATCH_UP: how much faster than real time the playout comes down from a peak: what time_stretch gets out of speech.
cdef double FORGET_US = 40e6
cdef double PRIOR_US = 8e6
cdef double CATCH_UP = 0.2

# The E-model (ITU-T G.107), in points of its rating. Delay: 0.024 for each ms, and 0.11 more for each beyond 177.3 ms
# from mouth to ear, of which 100 are left to the rest of the path, and 10 are a tick. Concealment: 95 p / (p + 20) for
# p %, where 20 is the robustness of Opus; 4.75 for each % while it is little.
cdef double DELAY_PRICE = 0.024e-3               # for each us
cdef double LONG_DELAY_PRICE = 0.11e-3
cdef double LONG_DELAY_US = 67300.0
cdef double CONCEALED_PRICE = 475.0              # for concealing all the time


cdef inline void minimum_init(sliding_minimum_t *minimum, int64_t period_us) noexcept nogil:
    cdef uint32_t part
    for part in range(MINIMUM_PARTS):
        minimum.parts[part] = INT64_MAX
    minimum.least = INT64_MAX
    minimum.part_us = period_us // MINIMUM_PARTS
    minimum.part_ends_us = INT64_MIN // 2
    minimum.part = 0


cdef void minimum_turn(sliding_minimum_t *minimum, int64_t now_us) noexcept nogil:
    cdef uint32_t part
    if now_us >= minimum.part_ends_us + MINIMUM_PARTS * minimum.part_us:
        minimum_init(minimum, minimum.part_us * MINIMUM_PARTS)
        minimum.part_ends_us = now_us + minimum.part_us
        return
    while now_us >= minimum.part_ends_us:
        minimum.part = (minimum.part + 1) % MINIMUM_PARTS
        minimum.parts[minimum.part] = INT64_MAX
        minimum.part_ends_us += minimum.part_us
    minimum.least = INT64_MAX
    for part in range(MINIMUM_PARTS):
        minimum.least = min(minimum.least, minimum.parts[part])


cdef inline void minimum_add(sliding_minimum_t *minimum, int64_t value, int64_t now_us) noexcept nogil:
    if now_us >= minimum.part_ends_us:
        minimum_turn(minimum, now_us)
    if value < minimum.parts[minimum.part]:
        minimum.parts[minimum.part] = value
    if value < minimum.least:
        minimum.least = value


cdef void delay_estimator_init(delay_estimator_t *estimator) noexcept nogil:
    memset(estimator, 0, sizeof(delay_estimator_t))
    estimator.weight = 1.0
    estimator.observed_us = PRIOR_US
    estimator.target_us = FIRST_TARGET_US
    choose_target(estimator)
    estimator.target_us = FIRST_TARGET_US
    delay_estimator_rebase(estimator)


cdef void delay_estimator_rebase(delay_estimator_t *estimator) noexcept nogil:
    minimum_init(&estimator.base, BASE_PERIOD_US)
    minimum_init(&estimator.floor, FLOOR_PERIOD_US)
    estimator.has_last = False


cdef void fade(delay_estimator_t *estimator) noexcept nogil:
    cdef uint32_t position
    for position in range(DELAY_BINS):
        estimator.late[position] /= estimator.weight
    estimator.observed_us /= estimator.weight
    estimator.weight = 1.0


# Each delay between `low_us` and `high_us` above the base was exceeded once more.
cdef void add_late(delay_estimator_t *estimator, int64_t low_us, int64_t high_us) noexcept nogil:
    cdef int64_t first, last, position
    low_us = max(low_us, 0)
    high_us = min(high_us, DELAY_BINS * DELAY_BIN_US)
    if high_us <= low_us:
        return
    first = low_us // DELAY_BIN_US
    last = (high_us - 1) // DELAY_BIN_US
    for position in range(first, last + 1):
        estimator.late[position] += estimator.weight
    estimator.late[first] -= estimator.weight * <float>(low_us - first * DELAY_BIN_US) / DELAY_BIN_US
    estimator.late[last] -= estimator.weight * <float>((last + 1) * DELAY_BIN_US - high_us) / DELAY_BIN_US


cdef void choose_target(delay_estimator_t *estimator) noexcept nogil:
    cdef double per_bin = CONCEALED_PRICE * DELAY_BIN_US / estimator.observed_us
    cdef double above_floor_us = max(0.0, <double>(estimator.base.least - estimator.floor.least))
    cdef double concealing = 0.0
    cdef double least = 1e30
    cdef double delay_us, cost
    cdef int64_t position
    cdef int64_t chosen = 0
    for position in range(DELAY_BINS - 1, -1, -1):
        delay_us = <double>(position * DELAY_BIN_US)
        cost = (concealing + DELAY_PRICE * delay_us
                + LONG_DELAY_PRICE * max(0.0, above_floor_us + delay_us - LONG_DELAY_US))
        estimator.costs[position] = <float>cost
        if cost <= least:
            least = cost
            chosen = position
        if position > 0:
            concealing += per_bin * estimator.late[position - 1]
    estimator.target_us = chosen * DELAY_BIN_US


cdef float delay_estimator_cost(const delay_estimator_t *estimator, int64_t cover_us) noexcept nogil:
    cdef int64_t target_us = min(max(cover_us - estimator.base.least, 0), (DELAY_BINS - 1) * DELAY_BIN_US - 1)
    cdef int64_t position = target_us // DELAY_BIN_US
    cdef float part = <float>(target_us % DELAY_BIN_US) / DELAY_BIN_US
    if cover_us < estimator.base.least - CLOCK_GRAIN_US:
        return 1e6               # there would never be a packet in time
    return estimator.costs[position] * (1.0 - part) + estimator.costs[position + 1] * part


cdef void delay_estimator_packet(delay_estimator_t *estimator, int64_t media_us, int64_t duration_us, bint in_order,
                                 int64_t hole_us, int64_t now_us) noexcept nogil:
    cdef int64_t relative_us = now_us - media_us
    cdef int64_t elapsed_us, low_us
    minimum_add(&estimator.base, relative_us, now_us)
    minimum_add(&estimator.floor, relative_us, now_us)
    if not estimator.has_last:
        estimator.has_last = True
        estimator.last_us = now_us
        estimator.choose_us = now_us + CHOOSE_PERIOD_US
        estimator.envelope_us = relative_us
        estimator.hold_us = now_us
        return
    elapsed_us = min(max(now_us - estimator.last_us, 0), LONGEST_STEP_US)
    estimator.last_us = now_us
    estimator.weight *= 1.0 + <float>(elapsed_us / FORGET_US)
    estimator.observed_us += estimator.weight * elapsed_us
    if estimator.weight > 1e6:
        fade(estimator)

    if now_us > estimator.hold_us:
        estimator.envelope_us -= <int64_t>(CATCH_UP * elapsed_us)
    if in_order:
        low_us = max(estimator.envelope_us, estimator.base.least)
        if relative_us >= estimator.envelope_us:
            estimator.envelope_us = relative_us
            estimator.hold_us = now_us + HOLD_US
    else:
        # Newer packets are there: nobody waits longer than this one takes.
        low_us = max(estimator.envelope_us, relative_us - duration_us)
    if relative_us > low_us:
        add_late(estimator, low_us - estimator.base.least, relative_us - estimator.base.least)
    if hole_us > 0:
        add_late(estimator, relative_us - estimator.base.least, relative_us - estimator.base.least + hole_us)
    if now_us >= estimator.choose_us:
        estimator.choose_us = now_us + CHOOSE_PERIOD_US
        choose_target(estimator)
