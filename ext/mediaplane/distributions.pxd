"""How values are spread: counts in fixed buckets, written by a worker's thread, read by anyone."""
from libc.stdint cimport int64_t, uint64_t

cdef enum:
    DISTRIBUTION_BOUNDS = 17     # at most; one more bucket has what is above the last

cdef enum Distribution:
    DISTRIBUTION_FORWARDING      # us from seeing that packets are there to giving the kernel copies of them, per copy
    DISTRIBUTION_CONNECTING      # us from a transport's creation to its keys
    DISTRIBUTION_HANDSHAKE       # us from the first authentic ICE check to the keys
    DISTRIBUTION_ROUND_TRIP      # us, from subscribers' reports
    DISTRIBUTION_JITTER          # us, of publishers' encodings, at each of our reports
    DISTRIBUTION_LOSS_IN         # of 256, of publishers' encodings, at each of our reports
    DISTRIBUTION_LOSS_OUT        # of 256, from subscribers' reports
    DISTRIBUTION_COUNT

cdef struct distribution_t:
    uint64_t counts[18]          # of values up to each bound, and above
    int64_t sum

cdef struct distributions_t:
    distribution_t of[7]
    uint64_t forwarded_before    # the counter of forwarded packets when it was looked at last

# `count` values, all of them `value`.
cdef void distribution_add(distributions_t *all, int which, int64_t value, uint64_t count) noexcept nogil
# All packets forwarded since the last call were taken at `taken_us` and sent at `sent_us`.
cdef void distributions_forwarded(distributions_t *all, uint64_t forwarded, int64_t taken_us,
                                  int64_t sent_us) noexcept nogil
# {name: (unit's size, bounds, counts, sum)}: a value times the unit's size is in seconds, or a ratio.
cdef dict distributions_to_python(const distributions_t *all)
