"""Bounds and names of the distributions, in the order of the enum."""

cdef int64_t[17] US_BOUNDS = [
    10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 5000000,
]
cdef int64_t[7] LOSS_BOUNDS = [0, 2, 5, 12, 25, 51, 128]     # of 256: none, 1, 2, 5, 10, 20 and 50 %

DISTRIBUTION_NAMES = ("forwarding", "connecting", "handshake", "round_trip", "jitter", "loss_in", "loss_out")
UNITS = {"us": 1e-6, "of_256": 1.0 / 256.0}

if len(DISTRIBUTION_NAMES) != DISTRIBUTION_COUNT:
    raise ImportError(f"{len(DISTRIBUTION_NAMES)} names for {DISTRIBUTION_COUNT} distributions")


cdef inline bint _is_loss(int which) noexcept nogil:
    return which == DISTRIBUTION_LOSS_IN or which == DISTRIBUTION_LOSS_OUT


cdef inline const int64_t *_bounds(int which) noexcept nogil:
    if _is_loss(which):
        return &LOSS_BOUNDS[0]
    return &US_BOUNDS[0]


cdef inline int _bound_count(int which) noexcept nogil:
    return 7 if _is_loss(which) else DISTRIBUTION_BOUNDS


cdef void distribution_add(distributions_t *all, int which, int64_t value, uint64_t count) noexcept nogil:
    cdef distribution_t *distribution = &all.of[which]
    cdef const int64_t *bounds = _bounds(which)
    cdef int bucket = 0
    while bucket < _bound_count(which) and value > bounds[bucket]:
        bucket += 1
    distribution.counts[bucket] += count
    distribution.sum += value * <int64_t>count


cdef void distributions_forwarded(distributions_t *all, uint64_t forwarded, int64_t taken_us,
                                  int64_t sent_us) noexcept nogil:
    cdef uint64_t count = forwarded - all.forwarded_before
    if count:
        all.forwarded_before = forwarded
        distribution_add(all, DISTRIBUTION_FORWARDING, sent_us - taken_us, count)


cdef dict distributions_to_python(const distributions_t *all):
    cdef int which, bucket
    found = {}
    for which in range(DISTRIBUTION_COUNT):
        bounds = [_bounds(which)[bucket] for bucket in range(_bound_count(which))]
        counts = [all.of[which].counts[bucket] for bucket in range(_bound_count(which) + 1)]
        unit = UNITS["of_256" if _is_loss(which) else "us"]
        found[DISTRIBUTION_NAMES[which]] = (unit, bounds, counts, all.of[which].sum)
    return found
