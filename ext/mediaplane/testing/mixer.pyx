"""The audio mixer and its parts as Python objects. PCM is bytes: native, interleaved, 16 bits, or 32 where sums are."""
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from mediaplane.audio.audio_mixer cimport (
    MIXER_LEVEL_UNKNOWN, MIXER_TICK, audio_mixer_add, audio_mixer_choose, audio_mixer_free, audio_mixer_mix,
    audio_mixer_new, audio_mixer_receive, audio_mixer_remove, audio_mixer_set, audio_mixer_skip, audio_mixer_t,
    mixer_settings_t, mixer_source_free, mixer_source_new, mixer_source_t,
)
from mediaplane.audio.jitter_buffer cimport JITTER_NO_PAYLOAD_TYPE
from mediaplane.audio.limiter cimport limiter_follow, limiter_init, limiter_run, limiter_t
from mediaplane.audio.mix_kernels cimport mix_take_ramped
from mediaplane.audio.opus cimport OPUS_MUSIC, OPUS_VOICE, opus_settings_t
from mediaplane.audio.overload cimport (
    overload_init, overload_round, overload_t, overload_tick, shed_complexity, shed_talkers,
)
from mediaplane.audio.talkers cimport (
    NO_PLACE, talker_init, talker_level, talker_t, talkers_begin, talkers_consider, talkers_decide, talkers_init,
    talkers_remove, talkers_t,
)
from mediaplane.status cimport check
from mediaplane.testing.exact_buffer cimport ExactBuffer, exact_copy, exact_room


cdef class Limiter:
    cdef limiter_t limiter
    cdef int channels

    def __init__(self, int channels=1):
        limiter_init(&self.limiter, channels)
        self.channels = channels

    def run(self, bytes sums):
        """Sums of 32 bits in, PCM out, 64 frames later."""
        cdef ExactBuffer data = exact_copy(sums)
        cdef ExactBuffer out = exact_room(data.size // 2)
        cdef int frames = data.size // (4 * self.channels)
        with nogil:
            limiter_run(&self.limiter, <const int32_t *>data.data, <int16_t *>out.data, frames)
        return out.head(out.size)

    def follow(self, Limiter other):
        limiter_follow(&self.limiter, &other.limiter)

    @property
    def limited(self):
        return self.limiter.limited


def ramped(bytes pcm, bytes sums, int channels, int32_t begin, int32_t end, int ramp):
    """(own, sums) after PCM was taken with a ramp."""
    cdef ExactBuffer data = exact_copy(pcm)
    cdef ExactBuffer total = exact_copy(sums)
    cdef ExactBuffer own = exact_room(total.size)
    mix_take_ramped(<const int16_t *>data.data, <int32_t *>own.data, <int32_t *>total.data,
                    data.size // (2 * channels), channels, begin, end, ramp)
    return own.head(own.size), total.head(total.size)


cdef class Talkers:
    """Some `count` of those who may be heard, each known by its index."""
    cdef talkers_t talkers
    cdef talker_t *all
    cdef int count

    def __init__(self, uint32_t capacity, int count):
        cdef int i
        self.all = <talker_t *>malloc(count * sizeof(talker_t))
        if self.all == NULL:
            raise MemoryError
        self.count = count
        talkers_init(&self.talkers, capacity)
        for i in range(count):
            talker_init(&self.all[i])

    def __dealloc__(self):
        free(self.all)

    def level(self, int index, uint8_t level, int64_t now_us):
        talker_level(&self.all[index], level, now_us)

    def tick(self, int64_t now_us, uint32_t allowed=128):
        """(who is heard, by place; who of them fades out). Those have left their places afterwards."""
        cdef int i
        talkers_begin(&self.talkers)
        for i in range(self.count):
            talkers_consider(&self.talkers, &self.all[i], now_us)
        talkers_decide(&self.talkers, allowed, now_us)
        heard = {self.all[i].place: i for i in range(self.count) if self.all[i].place != NO_PLACE}
        leaving = [i for i in range(self.count) if self.all[i].leaving]
        for i in leaving:
            talkers_remove(&self.talkers, &self.all[i])
        return heard, leaving


cdef class Overload:
    cdef overload_t overload

    def __init__(self):
        overload_init(&self.overload)

    def tick(self, int64_t busy_us, int64_t tick_us=20000):
        return overload_tick(&self.overload, busy_us, tick_us)

    def round(self, int64_t busy_us, bint late, int64_t tick_us=20000):
        return overload_round(&self.overload, busy_us, tick_us, late)


def shed(uint8_t level, uint8_t complexity, uint32_t talkers):
    """(complexity, talkers) that are left."""
    return shed_complexity(level, complexity), shed_talkers(level, talkers)


cdef class AudioMixer:
    cdef audio_mixer_t *mixer
    cdef dict sources
    cdef int channels

    def __init__(self, *, int channels=1, int talkers=3, bitrate_bps=32_000, complexity=5, music=False, fec=False,
                 dtx=False, expected_loss=0):
        cdef mixer_settings_t settings
        memset(&settings, 0, sizeof(settings))
        settings.channels = channels
        settings.talkers = talkers
        settings.opus.bitrate_bps = bitrate_bps
        settings.opus.complexity = complexity
        settings.opus.content = OPUS_MUSIC if music else OPUS_VOICE
        settings.opus.fec = fec
        settings.opus.dtx = dtx
        settings.opus.expected_loss = expected_loss
        check(audio_mixer_new(&self.mixer, &settings))
        self.sources = {}
        self.channels = channels
        self.mixer.outputs[0].wanted = True

    def __dealloc__(self):
        audio_mixer_free(self.mixer)

    cdef mixer_source_t *source(self, uint64_t id) except NULL:
        return <mixer_source_t *><size_t>self.sources[id]

    def set(self, *, bitrate_bps, complexity, fec=False, dtx=False, expected_loss=0):
        cdef opus_settings_t settings = self.mixer.settings.opus
        settings.bitrate_bps = bitrate_bps
        settings.complexity = complexity
        settings.fec = fec
        settings.dtx = dtx
        settings.expected_loss = expected_loss
        check(audio_mixer_set(self.mixer, &settings))

    def add(self, uint64_t id, uint64_t owner=0, uint8_t opus_payload_type=111, red_payload_type=None):
        cdef mixer_source_t *source
        check(mixer_source_new(&source, self.channels, id, owner, opus_payload_type,
                               JITTER_NO_PAYLOAD_TYPE if red_payload_type is None else red_payload_type))
        audio_mixer_add(self.mixer, source)
        self.sources[id] = <size_t>source

    def remove(self, uint64_t id):
        cdef mixer_source_t *source = self.source(id)
        del self.sources[id]
        audio_mixer_remove(self.mixer, source)
        mixer_source_free(source)

    def gate(self, uint64_t id, bint open):
        self.source(id).open = open

    def want(self, outputs):
        """Which outputs somebody listens to; at first it is the whole mix alone."""
        cdef uint32_t i
        for i in range(self.mixer.output_count):
            self.mixer.outputs[i].wanted = i in outputs

    def shed(self, uint8_t level):
        self.mixer.shed = level

    def receive(self, uint64_t id, bytes payload, uint16_t seq16, uint32_t ts32, int64_t now_us, *, level=None,
                uint8_t payload_type=111, uint32_t ssrc=1):
        cdef ExactBuffer data = exact_copy(payload)
        audio_mixer_receive(self.mixer, self.source(id), data.data, data.size, seq16, ts32, payload_type, ssrc,
                            MIXER_LEVEL_UNKNOWN if level is None else level, now_us)

    def tick(self, int64_t now_us):
        """The packet of each output; empty: none."""
        cdef uint32_t i
        with nogil:
            audio_mixer_choose(self.mixer, now_us)
            audio_mixer_mix(self.mixer, now_us)
        return [self.mixer.outputs[i].packet[:self.mixer.outputs[i].size] for i in range(self.mixer.output_count)]

    def skip(self, int64_t now_us):
        audio_mixer_skip(self.mixer, now_us)

    def pcm(self, int output=0):
        """What was encoded last, or would have been."""
        cdef int16_t *pcm = self.mixer.outputs[output].pcm
        return (<uint8_t *>pcm)[:2 * MIXER_TICK * self.channels]

    @property
    def heard(self):
        """Who has a place after the last tick: source by place."""
        return {i: self.mixer.placed[i].id for i in range(self.mixer.settings.talkers) if self.mixer.placed[i] != NULL}

    @property
    def without(self):
        return [self.mixer.outputs[i].without for i in range(self.mixer.output_count)]

    @property
    def complexity(self):
        return self.mixer.outputs[0].complexity

    @property
    def statistics(self):
        return self.mixer.statistics

    def jitter(self, uint64_t id):
        """Statistics of a source's jitter buffer."""
        return self.source(id).buffer.statistics
