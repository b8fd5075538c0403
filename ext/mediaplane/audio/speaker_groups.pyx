"""Speaker groups on a plane: see speaker_groups.pxd."""
from libc.stdint cimport INT64_MAX, int32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from mediaplane.audio.active_speaker cimport (
    speaker_group_add, speaker_group_decide, speaker_group_mute, speaker_group_remove, speaker_t,
)
from mediaplane.audio.speech_activity cimport speech_activity_level, speech_scores, speech_scores_t
from mediaplane.counters cimport COUNT_EVENTS_LOST
from mediaplane.deadlines cimport REASON_SPEAKERS, deadline_add, deadline_init, deadline_remove, deadline_set
from mediaplane.events cimport EVENT_SPEAKERS, event_emit, event_t
from mediaplane.status cimport NOT_FOUND, OK
from mediaplane.tables cimport id_table_find, id_table_put, id_table_remove

cdef struct ranked_speaker_t:
    uint32_t id
    speech_scores_t scores
    int32_t activity

cdef struct ranking_t:
    uint32_t count
    ranked_speaker_t speakers[32]


cdef int speakers_join(plane_t *plane, producer_t *producer) noexcept nogil:
    cdef speaker_t *speaker = producer.speaker
    cdef speaker_group_t *spare
    cdef speaker_group_t *group
    cdef int status
    if speaker == NULL:
        return OK
    spare = speaker.group
    group = <speaker_group_t *>id_table_find(&plane.speaker_groups, spare.id)
    if group == NULL:
        group = spare
        deadline_init(&group.deadline, group)
        status = id_table_put(&plane.speaker_groups, group.id, group)
        if status != OK:
            return status
        status = deadline_add(&plane.deadlines, &group.deadline)
        if status != OK:
            id_table_remove(&plane.speaker_groups, group.id)
            return status
    else:
        free(spare)
    speaker_group_add(group, speaker)
    producer.speaks = True
    return OK


cdef void speakers_leave(plane_t *plane, producer_t *producer) noexcept nogil:
    cdef speaker_group_t *group
    if not producer.speaks:
        return
    producer.speaks = False
    group = producer.speaker.group
    speaker_group_remove(group, producer.speaker)
    if group.count == 0:
        id_table_remove(&plane.speaker_groups, group.id)
        deadline_remove(&plane.deadlines, &group.deadline)
        free(group)
    elif group.changed:
        # What has gone cannot be told any more; those behind it have moved up.
        deadline_set(&plane.deadlines, &group.deadline, REASON_SPEAKERS, group.told_us + DECIDE_INTERVAL_US)


cdef void speakers_free(producer_t *producer) noexcept nogil:
    if producer.speaker != NULL:
        free(producer.speaker.group)    # given back by speakers_leave, or never given away
        free(producer.speaker)


cdef inline void _wake(plane_t *plane, speaker_group_t *group, int64_t now_us) noexcept nogil:
    if group.deadline.due_us[<int>REASON_SPEAKERS] == INT64_MAX:
        deadline_set(&plane.deadlines, &group.deadline, REASON_SPEAKERS, now_us + DECIDE_INTERVAL_US)


cdef void speakers_level(plane_t *plane, producer_t *producer, uint8_t level, int64_t now_us) noexcept nogil:
    if producer.speaks and speech_activity_level(&producer.speaker.speech, level, now_us):
        _wake(plane, producer.speaker.group, now_us)


cdef void speakers_mute(plane_t *plane, producer_t *producer, int64_t now_us) noexcept nogil:
    cdef speaker_group_t *group
    if not producer.speaks:
        return
    group = producer.speaker.group
    speaker_group_mute(group, producer.speaker)
    if group.changed:
        _wake(plane, group, now_us)


cdef int speakers_refresh(plane_t *plane, uint32_t group_id, bint refreshed) noexcept nogil:
    cdef speaker_group_t *group = <speaker_group_t *>id_table_find(&plane.speaker_groups, group_id)
    if group == NULL:
        return NOT_FOUND
    group.refreshed = refreshed
    return OK


cdef int _tell(plane_t *plane, speaker_group_t *group) noexcept nogil:
    cdef ranking_t *ranking = <ranking_t *>malloc(sizeof(ranking_t))
    cdef event_t event
    cdef uint32_t i
    if ranking == NULL:
        plane.counters.values[<int>COUNT_EVENTS_LOST] += 1
        return NOT_FOUND
    ranking.count = group.ranked_count
    for i in range(group.ranked_count):
        ranking.speakers[i].id = group.ranked[i].id
        ranking.speakers[i].scores = speech_scores(&group.ranked[i].speech)
        ranking.speakers[i].activity = group.ranked[i].speech.activity
    memset(&event, 0, sizeof(event_t))
    event.kind = EVENT_SPEAKERS
    event.id = group.id
    event.value = group.dominant.id if group.dominant != NULL else 0
    event.data = ranking
    return event_emit(plane, &event)


cdef void speakers_timeout(plane_t *plane, speaker_group_t *group, int64_t now_us) noexcept nogil:
    cdef bint lively = speaker_group_decide(group, now_us)
    cdef bint refresh = group.refreshed and lively and now_us - group.told_us >= REFRESH_INTERVAL_US
    if group.changed or refresh:
        # What the event ring has no room for is told the next time.
        group.changed = _tell(plane, group) != OK
        group.told_us = now_us
    deadline_set(&plane.deadlines, &group.deadline, REASON_SPEAKERS,
                 now_us + DECIDE_INTERVAL_US if lively or group.changed else INT64_MAX)


cdef list speakers_to_python(const void *data):
    cdef const ranking_t *ranking = <const ranking_t *>data
    cdef uint32_t i
    return [
        (ranking.speakers[i].id, ranking.speakers[i].scores.immediate, ranking.speakers[i].scores.medium,
         ranking.speakers[i].scores.long_term, ranking.speakers[i].activity)
        for i in range(ranking.count)
    ]
