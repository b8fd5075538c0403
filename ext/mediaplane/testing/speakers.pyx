"""The units of mediaplane.audio that tell who speaks, as Python objects, for tests. Units are those of their .pxd."""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from mediaplane.audio.active_speaker cimport (
    MAX_RANKED, speaker_group_add, speaker_group_decide, speaker_group_init, speaker_group_mute, speaker_group_remove,
    speaker_group_t, speaker_init, speaker_t,
)
from mediaplane.audio.speech_activity cimport (
    speech_activity_advance, speech_activity_init, speech_activity_level, speech_activity_silence, speech_activity_t,
    speech_long_blocks, speech_medium_frames, speech_scores,
)

RANKED = MAX_RANKED


cdef class SpeechActivity:
    cdef speech_activity_t activity

    def __init__(self):
        speech_activity_init(&self.activity)

    def level(self, uint8_t level, int64_t now_us):
        return bool(speech_activity_level(&self.activity, level, now_us))

    def advance(self, int64_t now_us):
        speech_activity_advance(&self.activity, now_us)

    def silence(self):
        speech_activity_silence(&self.activity)

    @property
    def floor(self):
        return self.activity.floor

    @property
    def activity_now(self):
        return self.activity.activity

    @property
    def spans(self):
        """(bands of the newest frame, frames of speech of the last five, blocks of speech of the last ten)."""
        return self.activity.bands, speech_medium_frames(&self.activity), speech_long_blocks(&self.activity)

    @property
    def scores(self):
        cdef object scores = speech_scores(&self.activity)
        return scores["immediate"], scores["medium"], scores["long_term"]


cdef class SpeakerGroup:
    """Speakers are known by their ids."""

    cdef speaker_group_t group

    def __init__(self):
        speaker_group_init(&self.group, 1)

    def __dealloc__(self):
        cdef speaker_t *speaker = self.group.speakers
        cdef speaker_t *rest
        while speaker != NULL:
            rest = speaker.next
            free(speaker)
            speaker = rest

    cdef speaker_t *_of(self, uint32_t id) except NULL:
        cdef speaker_t *speaker = self.group.speakers
        while speaker != NULL:
            if speaker.id == id:
                return speaker
            speaker = speaker.next
        raise KeyError(id)

    def add(self, uint32_t id):
        cdef speaker_t *speaker = <speaker_t *>calloc(1, sizeof(speaker_t))
        if speaker == NULL:
            raise MemoryError
        speaker_init(speaker, id)
        speaker_group_add(&self.group, speaker)

    def remove(self, uint32_t id):
        cdef speaker_t *speaker = self._of(id)
        speaker_group_remove(&self.group, speaker)
        free(speaker)

    def mute(self, uint32_t id):
        speaker_group_mute(&self.group, self._of(id))

    def level(self, uint32_t id, uint8_t level, int64_t now_us):
        return bool(speech_activity_level(&self._of(id).speech, level, now_us))

    def decide(self, int64_t now_us):
        return bool(speaker_group_decide(&self.group, now_us))

    def activity(self, uint32_t id):
        return self._of(id).speech.activity

    def take_changed(self):
        """Whether anything changed since the last call."""
        cdef bint changed = self.group.changed
        self.group.changed = False
        return bool(changed)

    @property
    def count(self):
        return self.group.count

    @property
    def dominant(self):
        return self.group.dominant.id if self.group.dominant != NULL else None

    @property
    def ranking(self):
        return [self.group.ranked[i].id for i in range(<int>self.group.ranked_count)]
