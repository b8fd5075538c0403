"""The choice of talkers: see talkers.pxd."""
from libc.stdint cimport INT64_MAX, int32_t
from libc.string cimport memset

from mediaplane.audio.speech_activity cimport (
    ACTIVITY_PER_DB, SPEECH_BANDS, speech_activity_advance, speech_activity_init, speech_activity_level,
    speech_medium_frames,
)

cdef enum:
    HELD_US = 500000             # so long a talker who speaks keeps its place, whoever comes
    PAUSE_US = 400000            # who has been silent for longer gives way to anybody who speaks
    SILENT_US = 2000000          # and leaves for nobody after this
    ENTRY_FRAMES = 3             # of speech in the last 100 ms: only then another's place is taken
    CLEARLY = 6 * ACTIVITY_PER_DB    # and an eighth: who is so much louder is clearly louder


cdef void talkers_init(talkers_t *talkers, uint32_t capacity) noexcept nogil:
    memset(talkers, 0, sizeof(talkers_t))
    talkers.capacity = max(1, min(capacity, MAX_TALKERS))


cdef void talker_init(talker_t *talker) noexcept nogil:
    memset(talker, 0, sizeof(talker_t))
    speech_activity_init(&talker.speech)
    talker.place = NO_PLACE


cdef void talker_level(talker_t *talker, uint8_t level, int64_t now_us) noexcept nogil:
    if speech_activity_level(&talker.speech, level, now_us):
        talker.spoke_us = now_us


cdef void talkers_begin(talkers_t *talkers) noexcept nogil:
    talkers.candidate_count = 0


cdef inline int32_t _loudness(const talker_t *talker) noexcept nogil:
    """How loud it is now, and has been."""
    return talker.speech.above * ACTIVITY_PER_DB + talker.speech.activity


cdef void talkers_consider(talkers_t *talkers, talker_t *talker, int64_t now_us) noexcept nogil:
    cdef uint32_t place
    speech_activity_advance(&talker.speech, now_us)
    if talker.place != NO_PLACE or talker.speech.bands < SPEECH_BANDS:
        return
    place = talkers.candidate_count
    if place < talkers.capacity:
        talkers.candidate_count += 1
    elif _loudness(talker) > _loudness(talkers.candidates[place - 1]):
        place -= 1
    else:
        return
    while place and _loudness(talker) > _loudness(talkers.candidates[place - 1]):
        talkers.candidates[place] = talkers.candidates[place - 1]
        place -= 1
    talkers.candidates[place] = talker


cdef void _enter(talkers_t *talkers, talker_t *talker, int64_t now_us) noexcept nogil:
    cdef int16_t place = 0
    while talkers.places[place] != NULL:
        place += 1
    talkers.places[place] = talker
    talkers.count += 1
    talker.place = place
    talker.leaving = False
    talker.since_us = now_us
    talker.spoke_us = now_us


cdef inline bint _may_displace(const talker_t *candidate, const talker_t *talker, int64_t now_us) noexcept nogil:
    cdef int32_t theirs = talker.speech.activity
    if now_us - talker.spoke_us >= PAUSE_US:
        return True
    return (now_us - talker.since_us >= HELD_US and speech_medium_frames(&candidate.speech) >= ENTRY_FRAMES
            and candidate.speech.activity > theirs + (theirs >> 3) + CLEARLY)


cdef talker_t *_weakest(talkers_t *talkers, int64_t now_us) noexcept nogil:
    """Who is silent for longest, or else is the quietest; NULL: everybody leaves already."""
    cdef talker_t *weakest = NULL
    cdef talker_t *talker
    cdef int64_t worth
    cdef int64_t least = INT64_MAX
    cdef uint32_t i
    for i in range(talkers.capacity):
        talker = talkers.places[i]
        if talker == NULL or talker.leaving:
            continue
        worth = talker.speech.activity
        if now_us - talker.spoke_us >= PAUSE_US:
            worth = talker.spoke_us - now_us        # below all that speak
        if worth < least:
            least = worth
            weakest = talker
    return weakest


cdef void talkers_decide(talkers_t *talkers, uint32_t allowed, int64_t now_us) noexcept nogil:
    cdef talker_t *talker
    cdef uint32_t staying = 0
    cdef uint32_t i
    allowed = max(1, min(allowed, talkers.capacity))
    for i in range(talkers.capacity):
        talker = talkers.places[i]
        if talker != NULL:
            talker.leaving = now_us - talker.spoke_us >= SILENT_US
            staying += not talker.leaving
    while staying > allowed:
        _weakest(talkers, now_us).leaving = True
        staying -= 1
    for i in range(talkers.candidate_count):
        if talkers.count < allowed:
            _enter(talkers, talkers.candidates[i], now_us)
            continue
        talker = _weakest(talkers, now_us)
        if talker == NULL or not _may_displace(talkers.candidates[i], talker, now_us):
            return
        talker.leaving = True


cdef void talkers_remove(talkers_t *talkers, talker_t *talker) noexcept nogil:
    if talker.place == NO_PLACE:
        return
    talkers.places[talker.place] = NULL
    talkers.count -= 1
    talker.place = NO_PLACE
    talker.leaving = False
