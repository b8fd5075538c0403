"""How long to keep packets back: the delay at which waiting and concealing together disturb a listener least.

The *relative delay* of a packet is its arrival less its media time (its RTP timestamp as a time); only differences of
it mean anything. The *base* is the least of the last second: a packet that met no queue. The *target* is counted from
there.

What a target would have cost is taken from the arrivals: a packet that comes later than all that the playout is
prepared for makes it conceal for as long as it is overdue. So each packet adds the stretch of delays that it alone
exceeds to a histogram, which forgets; the sum of everything above a target is the time that would have been concealed.
The E-model (ITU-T G.107) prices both, and the cheapest target wins.
"""
from libc.stdint cimport INT64_MAX, int64_t, uint32_t

cdef enum:
    DELAY_BINS = 160
    DELAY_BIN_US = 2500          # so targets go up to 400 ms
    MINIMUM_PARTS = 8

# The least value of the last `period_us`, give or take an eighth.
cdef struct sliding_minimum_t:
    int64_t least
    int64_t parts[8]
    int64_t part_us
    int64_t part_ends_us
    uint32_t part

cdef struct delay_estimator_t:
    sliding_minimum_t base
    sliding_minimum_t floor      # of the last half minute: above it, delay is more than the path has to have
    int64_t envelope_us          # relative delay that the playout is prepared for, because something came so late
    int64_t hold_us              # until when it stays; then it comes down
    bint has_last                # there was a packet since the base is what it is
    int64_t last_us              # when it came
    int64_t choose_us            # when the target is chosen anew
    int64_t target_us            # above the base
    double observed_us           # time, weighted
    float weight                 # of what happens now; it grows, so that the past fades
    float late[160]              # how often each delay was exceeded, weighted
    float costs[160]             # of each target, in the units of the E-model's rating

cdef void delay_estimator_init(delay_estimator_t *estimator) noexcept nogil
# The source's clock or path is another one: what is known of its spread holds, the base does not.
cdef void delay_estimator_rebase(delay_estimator_t *estimator) noexcept nogil
# A packet that can be played from `now_us` on: in the first tick after it came. `in_order`: nothing newer came before.
# `hole_us`: something before it is missing, and so much less would be concealed of that if this one were there earlier.
cdef void delay_estimator_packet(delay_estimator_t *estimator, int64_t media_us, int64_t duration_us, bint in_order,
                                 int64_t hole_us, int64_t now_us) noexcept nogil
# What it costs to be prepared for packets up to a relative delay.
cdef float delay_estimator_cost(const delay_estimator_t *estimator, int64_t cover_us) noexcept nogil


cdef inline int64_t delay_estimator_base(const delay_estimator_t *estimator) noexcept nogil:
    return estimator.base.least


# The relative delay at which to play.
cdef inline int64_t delay_estimator_due(const delay_estimator_t *estimator) noexcept nogil:
    return estimator.base.least + estimator.target_us
