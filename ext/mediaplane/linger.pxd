"""How long a worker waits for more packets before it takes a batch: an adaptive coalescing of wake-ups."""
from libc.stdint cimport int64_t, uint32_t

cdef enum:
    LINGER_SHORTEST_US = 32      # less is not worth a timer

cdef struct linger_t:
    int64_t max_us               # 0: off
    int64_t wait_us              # what paid so far; the load may allow less
    int64_t window_start_us
    int64_t idle_us              # in this window
    int64_t load                 # share of time that the thread is busy, of 65536, smoothed
    int64_t late_gain            # packets that come in the second half of a wait, times 256, smoothed
    int64_t far_gain             # packets that would come between a wait's end and the bound, likewise
    uint32_t waits

# One wait. `second_us` above 0: it is divided, so that what comes in its second part is known to linger_learn().
cdef struct linger_wait_t:
    int64_t first_us             # 0: take the batch at once
    int64_t second_us
    int is_far                   # the second part goes to the bound

cdef void linger_init(linger_t *linger, int64_t max_us, int64_t now_us) noexcept nogil
# A round of the loop that ended at `now_us` slept for `idle_us`.
cdef void linger_measure(linger_t *linger, int64_t idle_us, int64_t now_us) noexcept nogil
# How long to wait for more, after the thread had slept for `slept_us` until there was something.
cdef linger_wait_t linger_next(linger_t *linger, int64_t slept_us) noexcept nogil
# The second part of a divided wait brought `packets` of media.
cdef void linger_learn(linger_t *linger, const linger_wait_t *wait, uint32_t packets) noexcept nogil
