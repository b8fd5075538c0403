"""Scores of speech: see speech_activity.pxd."""
from libc.math cimport lgamma, log
from libc.stdint cimport uint8_t
from libc.string cimport memset

cdef enum:
    QUIETEST_FLOOR = 37          # -90 dBov: what is quieter is digital silence, which says nothing of the noise
    LOUDEST_FLOOR = 77           # -50 dBov: who speaks without a pause is no noise
    FLOOR_RISE_FRAMES = 10       # 1 dB in 200 ms
    RISE_SHIFT = 3               # activity follows what gets louder within some 160 ms,
    FALL_SHIFT = 6               # and what gets quieter within some 1.3 s

# By how much of a span is speech. The rates are those of the non-speech hypotheses in the paper's experiments as the
# field has settled on them.
cdef int32_t[14] _IMMEDIATE
cdef int32_t[6] _MEDIUM
cdef int32_t[11] _LONG


cdef int32_t _score(int count, int active, double rate) noexcept nogil:
    """Log-likelihood ratio of speech, a fair binomial, and of noise, an exponential: its logarithm in thousandths."""
    cdef double ways = lgamma(count + 1) - lgamma(active + 1) - lgamma(count - active + 1)
    cdef double ratio = ways + count * log(0.5) - log(rate) + rate * active
    return <int32_t>(1000 * log(max(ratio, 1e-10)))


cdef void _fill_scores() noexcept:
    cdef int i
    for i in range(MAX_BANDS + 1):
        _IMMEDIATE[i] = _score(MAX_BANDS, i, 0.78)
    for i in range(MEDIUM_FRAMES + 1):
        _MEDIUM[i] = _score(MEDIUM_FRAMES, i, 24)
    for i in range(LONG_BLOCKS + 1):
        _LONG[i] = _score(LONG_BLOCKS, i, 47)


_fill_scores()

cdef extern from *:
    int __builtin_popcountll(unsigned long long) noexcept nogil


cdef void speech_activity_init(speech_activity_t *activity) noexcept nogil:
    memset(activity, 0, sizeof(speech_activity_t))
    activity.floor = QUIETEST_FLOOR
    activity.held = HELD_FRAMES


cdef inline void _frame(speech_activity_t *activity) noexcept nogil:
    """One more frame, as loud as the last one."""
    cdef int32_t target = <int32_t>activity.above * ACTIVITY_PER_DB if activity.bands >= SPEECH_BANDS else 0
    activity.frame += 1
    activity.history = (activity.history << 1) & ((<uint64_t>1 << HISTORY_FRAMES) - 1)
    if activity.bands >= SPEECH_BANDS:
        activity.history |= 1
    if target > activity.activity:
        activity.activity += (target - activity.activity + (1 << RISE_SHIFT) - 1) >> RISE_SHIFT
    else:
        activity.activity -= (activity.activity - target + (1 << FALL_SHIFT) - 1) >> FALL_SHIFT


cdef void speech_activity_advance(speech_activity_t *activity, int64_t now_us) noexcept nogil:
    cdef int64_t frame = now_us // FRAME_US
    if frame - activity.frame > 8 << FALL_SHIFT:      # silent for ten seconds: nothing is left of what was
        speech_activity_silence(activity)
        activity.frame = frame
        return
    while activity.frame < frame:
        if activity.held >= HELD_FRAMES:
            activity.above = activity.bands = 0
        else:
            activity.held += 1
        _frame(activity)


cdef uint8_t _above_noise(speech_activity_t *activity, uint8_t level) noexcept nogil:
    """How many dB a level is above the noise, of which it is a sign itself."""
    cdef int loudness = 127 - level
    if loudness < activity.floor:
        activity.floor = max(QUIETEST_FLOOR, activity.floor - (activity.floor - loudness + 1) // 2)
        activity.rise = 0
        return 0
    activity.rise += 1
    if activity.rise >= FLOOR_RISE_FRAMES:
        activity.rise = 0
        activity.floor = min(LOUDEST_FLOOR, min(loudness, activity.floor + 1))
    return loudness - activity.floor


cdef bint speech_activity_level(speech_activity_t *activity, uint8_t level, int64_t now_us) noexcept nogil:
    cdef int64_t frame = now_us // FRAME_US
    cdef uint8_t above = _above_noise(activity, min(level, 127))
    cdef uint8_t bands = min(MAX_BANDS, above // BAND_DB)
    if frame > activity.frame:
        # The frames before this one, then this one with the new level.
        speech_activity_advance(activity, (frame - 1) * FRAME_US)
        activity.above = above
        activity.bands = bands
        activity.frame = frame - 1
        _frame(activity)
    elif above > activity.above:
        # A second packet within a frame, as a burst brings them: the louder one counts.
        activity.above = above
        activity.bands = bands
        if bands >= SPEECH_BANDS:
            activity.history |= 1
    activity.held = 1
    return bands >= SPEECH_BANDS


cdef void speech_activity_silence(speech_activity_t *activity) noexcept nogil:
    activity.history = 0
    activity.activity = 0
    activity.above = activity.bands = 0
    activity.held = HELD_FRAMES


cdef int speech_medium_frames(const speech_activity_t *activity) noexcept nogil:
    return __builtin_popcountll(activity.history & ((1 << MEDIUM_FRAMES) - 1))


cdef int speech_long_blocks(const speech_activity_t *activity) noexcept nogil:
    cdef uint64_t history = activity.history
    cdef int blocks = 0
    cdef int _i
    for _i in range(LONG_BLOCKS):
        blocks += __builtin_popcountll(history & ((1 << MEDIUM_FRAMES) - 1)) >= SPEECH_FRAMES
        history >>= MEDIUM_FRAMES
    return blocks


cdef speech_scores_t speech_scores(const speech_activity_t *activity) noexcept nogil:
    cdef speech_scores_t scores
    scores.immediate = _IMMEDIATE[activity.bands]
    scores.medium = _MEDIUM[speech_medium_frames(activity)]
    scores.long_term = _LONG[speech_long_blocks(activity)]
    return scores
