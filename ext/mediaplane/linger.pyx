"""A wait goes on being as long as what comes in its second half is worth it, and the load bounds it.

More packets in a batch make longer runs, and it is the number of sends that costs. But a wait that brings nothing costs
latency alone: the burst of a frame has arrived after some ten microseconds, while for many sources that send one packet
at a time all the time that is allowed is worth waiting. So one wait in a few is divided to see what its second half
brings; if that is little, waits become shorter. And one in a hundred goes to the bound, few enough not to be felt at
the 99th percentile; if that brings much, all do.
"""
from libc.string cimport memset

cdef enum:
    WINDOW_US = 20000            # over which the load is measured
    BUSY = 65536                 # a load of all the time
    FULL_LOAD = 2048             # from 3 % of a core on, the whole bound may be used
    DIVIDED_EVERY = 4            # dividing a wait costs a second timer
    FAR_EVERY = 128
    MUCH = 128                   # half a packet in 256ths
    LITTLE = 32                  # an eighth
    NEUTRAL = 80                 # between them


cdef void linger_init(linger_t *linger, int64_t max_us, int64_t now_us) noexcept nogil:
    memset(linger, 0, sizeof(linger_t))
    linger.max_us = max_us
    linger.wait_us = min(max_us, <int64_t>LINGER_SHORTEST_US)
    linger.window_start_us = now_us
    linger.late_gain = NEUTRAL


cdef void linger_measure(linger_t *linger, int64_t idle_us, int64_t now_us) noexcept nogil:
    cdef int64_t window_us = now_us - linger.window_start_us
    linger.idle_us += idle_us
    if window_us < WINDOW_US:
        return
    linger.load += (BUSY - BUSY * linger.idle_us // window_us - linger.load) // 4
    linger.window_start_us = now_us
    linger.idle_us = 0


cdef linger_wait_t linger_next(linger_t *linger, int64_t slept_us) noexcept nogil:
    cdef linger_wait_t wait
    cdef int64_t bound_us = linger.max_us * min(linger.load, <int64_t>FULL_LOAD) // FULL_LOAD
    cdef int64_t wait_us = min(linger.wait_us, bound_us)
    wait.first_us = 0
    wait.second_us = 0
    wait.is_far = False
    # Who found something at once is late already, and what it found is a batch.
    if bound_us < LINGER_SHORTEST_US or slept_us < LINGER_SHORTEST_US:
        return wait
    linger.waits += 1
    wait.first_us = wait_us
    if linger.waits % FAR_EVERY == 0 and wait_us < bound_us:
        wait.second_us = bound_us - wait_us
        wait.is_far = True
    elif linger.waits % DIVIDED_EVERY == 0:
        wait.second_us = wait_us // 2
        wait.first_us = wait_us - wait.second_us
    return wait


cdef void linger_learn(linger_t *linger, const linger_wait_t *wait, uint32_t packets) noexcept nogil:
    if wait.is_far:
        linger.far_gain += (256 * <int64_t>packets - linger.far_gain) // 2
        if linger.far_gain >= MUCH:
            linger.wait_us = linger.max_us
            linger.far_gain = 0
            linger.late_gain = NEUTRAL
        return
    linger.late_gain += (256 * <int64_t>packets - linger.late_gain) // 8
    if linger.late_gain >= MUCH:
        linger.wait_us = min(linger.wait_us * 2, linger.max_us)
        linger.late_gain = NEUTRAL
    elif linger.late_gain <= LITTLE:
        linger.wait_us = max(linger.wait_us // 2, min(linger.max_us, <int64_t>LINGER_SHORTEST_US))
        linger.late_gain = NEUTRAL
