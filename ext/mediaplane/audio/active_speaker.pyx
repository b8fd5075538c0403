"""Ranking and dominance: see active_speaker.pxd."""
from libc.stdint cimport int32_t
from libc.string cimport memset

from mediaplane.audio.speech_activity cimport (
    ACTIVITY_PER_DB, speech_activity_advance, speech_activity_init, speech_activity_silence, speech_long_blocks,
    speech_medium_frames, speech_scores, speech_scores_t,
)

cdef enum:
    ENTRY_FRAMES = 3             # of speech within 100 ms: enough to be heard, too long for a click
    FIRST_BLOCKS = 2             # of speech within a second: enough to be the first to have the floor
    CLEAR_ACTIVITY = 3 * ACTIVITY_PER_DB    # and an eighth: who is so much louder is clearly louder
    LEAST_ACTIVITY = 4 * ACTIVITY_PER_DB    # whose last second was silent and who has no more than that left goes


cdef void speaker_group_init(speaker_group_t *group, uint32_t id) noexcept nogil:
    memset(group, 0, sizeof(speaker_group_t))
    group.id = id


cdef void speaker_init(speaker_t *speaker, uint32_t id) noexcept nogil:
    memset(speaker, 0, sizeof(speaker_t))
    speaker.id = id
    speech_activity_init(&speaker.speech)


cdef void speaker_group_add(speaker_group_t *group, speaker_t *speaker) noexcept nogil:
    speaker.group = group
    speaker.next = group.speakers
    group.speakers = speaker
    group.count += 1


cdef void _unrank(speaker_group_t *group, speaker_t *speaker) noexcept nogil:
    cdef uint32_t i
    cdef uint32_t kept = 0
    if not speaker.ranked:
        return
    for i in range(group.ranked_count):
        if group.ranked[i] != speaker:
            group.ranked[kept] = group.ranked[i]
            kept += 1
    group.ranked_count = kept
    speaker.ranked = False
    group.changed = True


cdef void speaker_group_mute(speaker_group_t *group, speaker_t *speaker) noexcept nogil:
    speech_activity_silence(&speaker.speech)
    _unrank(group, speaker)
    if group.dominant == speaker:
        group.dominant = NULL
        group.changed = True


cdef void speaker_group_remove(speaker_group_t *group, speaker_t *speaker) noexcept nogil:
    cdef speaker_t **link = &group.speakers
    speaker_group_mute(group, speaker)
    while link[0] != speaker:
        link = &link[0].next
    link[0] = speaker.next
    speaker.group = NULL
    group.count -= 1


cdef inline bint _clearly_louder(const speaker_t *one, const speaker_t *other) noexcept nogil:
    cdef int32_t theirs = other.speech.activity
    return one.speech.activity > theirs + (theirs >> 3) + CLEAR_ACTIVITY


cdef void _enter(speaker_group_t *group, speaker_t *speaker) noexcept nogil:
    cdef speaker_t *quietest
    if group.ranked_count == MAX_RANKED:
        quietest = group.ranked[MAX_RANKED - 1]
        if not _clearly_louder(speaker, quietest):
            return
        _unrank(group, quietest)
    group.ranked[group.ranked_count] = speaker
    group.ranked_count += 1
    speaker.ranked = True
    group.changed = True


cdef void _sort(speaker_group_t *group) noexcept nogil:
    cdef speaker_t *rising
    cdef uint32_t i, place
    for i in range(1, group.ranked_count):
        rising = group.ranked[i]
        place = i
        while place and _clearly_louder(rising, group.ranked[place - 1]):
            group.ranked[place] = group.ranked[place - 1]
            place -= 1
        if place != i:
            group.ranked[place] = rising
            group.changed = True


cdef speaker_t *_first(const speaker_group_t *group) noexcept nogil:
    """Who takes the floor that nobody has; NULL: nobody yet."""
    cdef speaker_t *best = NULL
    cdef int most = FIRST_BLOCKS - 1
    cdef uint32_t i
    cdef int blocks
    for i in range(group.ranked_count):
        blocks = speech_long_blocks(&group.ranked[i].speech)
        if blocks > most:
            best = group.ranked[i]
            most = blocks
    return best


cdef speaker_t *_challenger(const speaker_group_t *group) noexcept nogil:
    """Who is clearly better than the one who has the floor; NULL: nobody."""
    cdef speech_scores_t present = speech_scores(&group.dominant.speech)
    cdef speech_scores_t scores
    cdef speaker_t *best = NULL
    cdef int32_t most = 0
    cdef uint32_t i
    for i in range(group.ranked_count):
        if group.ranked[i] == group.dominant:
            continue
        scores = speech_scores(&group.ranked[i].speech)
        # Of equals the louder one, which comes first.
        if (scores.immediate - present.immediate > BETTER_IMMEDIATE and scores.medium - present.medium > BETTER_MEDIUM
                and scores.long_term - present.long_term > BETTER_LONG_TERM and (best == NULL or scores.medium > most)):
            best = group.ranked[i]
            most = scores.medium
    return best


cdef bint speaker_group_decide(speaker_group_t *group, int64_t now_us) noexcept nogil:
    cdef speaker_t *speaker = group.speakers
    cdef speaker_t *next_dominant = NULL
    cdef bint lively = False
    while speaker != NULL:
        speech_activity_advance(&speaker.speech, now_us)
        if speaker.speech.history:
            lively = True
        elif speaker.ranked and speaker.speech.activity < LEAST_ACTIVITY:
            _unrank(group, speaker)
        if not speaker.ranked and speech_medium_frames(&speaker.speech) >= ENTRY_FRAMES:
            _enter(group, speaker)
        speaker = speaker.next
    _sort(group)
    if group.dominant == NULL:
        next_dominant = _first(group)
    elif now_us - group.dominant_us >= FLOOR_HELD_US:
        next_dominant = _challenger(group)
    if next_dominant != NULL:
        group.dominant = next_dominant
        group.dominant_us = now_us
        group.changed = True
    return lively or group.ranked_count != 0
