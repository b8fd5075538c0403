"""Decisions about what is played: see playout.pxd."""
from libc.string cimport memset

from mediaplane.audio.delay_estimator cimport delay_estimator_base, delay_estimator_cost, delay_estimator_due
from mediaplane.audio.time_stretch cimport STRETCH_LEAST, STRETCH_MOST

cdef enum:
    SEAM = 120                   # samples by which timestamps may leave a gap that is none: 2.5 ms
    LEAST_HELD = 480             # a hole is concealed at least for so long
    BRIDGE_AT_MOST = 1920        # samples that are concealed at once
    HOLE_SLACK_US = 10000        # after that it may cost so much of the delay, which slower speech gives back
    OVERDUE_US = 10000           # the newest packet's successor is not missed before
    RETRY = 960                  # samples until periods are looked for again where none were alike
    REST_SHORTER = 3             # for each sample left out, so many are played as they are: 4/3 of the speed at most
    REST_LONGER = 2              # for each sample repeated: 2/3 of the speed at least
    FAR_TOO_MUCH_US = 100000

# Of the target: how overdue a packet must be for speech to slow down, and how much delay that may add.
cdef double OVERDUE_SHARE = 0.25
cdef double OVERDUE_MORE = 0.2
# How alike two periods have to be: if it is urgent, normally, and if it would merely be nice.
cdef float SLIGHTLY_ALIKE = 0.3
cdef float ALIKE = 0.6
cdef float VERY_ALIKE = 0.9
# Points of the E-model's rating that a tick more or less of delay has to gain.
cdef float WORTH_IT = 0.03


cdef void playout_init(playout_t *playout, int64_t first_ts) noexcept nogil:
    memset(playout, 0, sizeof(playout_t))
    playout.end_ts = first_ts


cdef inline uint32_t up_to(int64_t samples, uint32_t wanted) noexcept nogil:
    return <uint32_t>min(max(samples, 1), min(wanted, <uint32_t>PLAYOUT_STEP))


cdef playout_action_t go_on(playout_t *playout, int64_t ts64) noexcept nogil:
    playout.end_ts = ts64
    playout.held = 0
    return PLAYOUT_DECODE


cdef playout_action_t playout_next(playout_t *playout, const next_packet_t *next, int64_t end_us, int64_t due_us,
                                   uint32_t wanted, uint32_t *samples) noexcept nogil:
    cdef int64_t gap, rest, cut, excess_us
    if not next.present:
        samples[0] = wanted if playout.silent else up_to(wanted, wanted)
        return PLAYOUT_SILENCE if playout.silent else PLAYOUT_CONCEAL
    gap = next.ts64 - playout.end_ts
    # By how much it would be played later than need be, if it were played now.
    excess_us = end_us - samples_to_us(next.ts64) - due_us
    if playout.silent or (next.in_sequence and gap > SEAM):
        # Nothing was lost. It is played in the first tick that begins when its time has come, which sets the delay
        # right without anybody hearing it.
        playout.silent = True
        if excess_us >= 0:
            return go_on(playout, next.ts64)
        samples[0] = wanted
        return PLAYOUT_SILENCE
    if gap <= SEAM:
        return go_on(playout, next.ts64)
    # A hole. What is missing has had its time when that has been concealed.
    if playout.held >= gap:
        return go_on(playout, next.ts64)
    if 0 < next.fec_samples <= gap and playout.held + next.fec_samples >= gap:
        samples[0] = next.fec_samples
        playout.end_ts = next.ts64 - samples[0]
        playout.held = 0
        return PLAYOUT_RECOVER
    rest = gap - playout.held
    if playout.held + wanted > LEAST_HELD:
        # Nothing is looked at again before it is concealed. So much less of it would do:
        cut = min(rest + min(us_to_samples(excess_us + HOLE_SLACK_US), 0), gap - LEAST_HELD)
        if cut >= STRETCH_LEAST and rest - max(cut - STRETCH_MOST, 0) <= BRIDGE_AT_MOST:
            go_on(playout, next.ts64)
            samples[0] = <uint32_t>(rest - max(cut - STRETCH_MOST, 0))
            playout.cut = <uint32_t>min(cut, STRETCH_MOST)
            return PLAYOUT_BRIDGE
    samples[0] = up_to(rest, wanted)
    return PLAYOUT_CONCEAL


cdef void playout_made(playout_t *playout, uint32_t samples, bint silent) noexcept nogil:
    playout.end_ts += samples
    playout.silent = silent
    playout.held = 0
    playout.rest -= min(playout.rest, samples)


cdef void playout_silence(playout_t *playout, const next_packet_t *next, int64_t end_us, int64_t due_us) noexcept nogil:
    cdef int64_t place = us_to_samples(end_us - due_us)
    if next.present:
        place = min(place, next.ts64)
    playout.end_ts = max(playout.end_ts, place)


# The cover moves in ticks: of those around the target, the one that costs less. A gain of nothing is not worth a move.
cdef int64_t best_cover(int64_t cover_us, int64_t tick_us, const delay_estimator_t *estimator) noexcept nogil:
    cdef int64_t away_us = delay_estimator_due(estimator) - cover_us
    cdef int64_t steps = away_us // tick_us
    cdef int64_t below_us, best_us
    if away_us < steps * tick_us:       # C rounds towards zero
        steps -= 1
    below_us = cover_us + steps * tick_us
    best_us = below_us
    if delay_estimator_cost(estimator, below_us + tick_us) < delay_estimator_cost(estimator, below_us):
        best_us += tick_us
    if delay_estimator_cost(estimator, cover_us) - delay_estimator_cost(estimator, best_us) < WORTH_IT:
        return cover_us
    return best_us


cdef stretch_wish_t playout_stretch(const playout_t *playout, const next_packet_t *next, int64_t now_us,
                                    uint32_t ready, uint32_t tick,
                                    const delay_estimator_t *estimator) noexcept nogil:
    cdef stretch_wish_t wish
    cdef uint32_t spare = ready % tick
    cdef int64_t tick_us = samples_to_us(tick)
    cdef int64_t cover_us = now_us + (ready // tick) * tick_us - samples_to_us(playout.end_ts)
    cdef int64_t wanted_us = best_cover(cover_us, tick_us, estimator)
    cdef int64_t excess_us = cover_us - max(wanted_us, estimator.envelope_us)
    cdef int64_t overdue_us = now_us - samples_to_us(next.newest_end_ts) - delay_estimator_base(estimator)
    memset(&wish, 0, sizeof(wish))
    if playout.silent or playout.rest > 0:
        return wish
    if wanted_us > cover_us or (
            overdue_us > max(OVERDUE_US, <int64_t>(OVERDUE_SHARE * estimator.target_us))
            and cover_us < wanted_us + <int64_t>(OVERDUE_MORE * estimator.target_us)):
        wish.longer = max(tick, <uint32_t>STRETCH_LEAST)
        wish.similar = ALIKE
        return wish
    excess_us = max(excess_us, 0)
    wish.shorter = spare + <uint32_t>min(excess_us // tick_us, 100) * tick
    if wish.shorter < STRETCH_LEAST:
        wish.shorter = 0
    if excess_us >= FAR_TOO_MUCH_US:
        wish.similar = SLIGHTLY_ALIKE
    elif excess_us >= tick_us:
        wish.similar = ALIKE
    else:
        wish.similar = VERY_ALIKE
    return wish


cdef void playout_stretched(playout_t *playout, uint32_t removed, uint32_t added) noexcept nogil:
    playout.rest = removed * REST_SHORTER + added * REST_LONGER if removed + added > 0 else RETRY
