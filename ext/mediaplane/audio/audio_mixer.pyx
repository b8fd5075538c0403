"""A tick of the mixer, step by step: see audio_mixer.pxd."""
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from mediaplane.audio.jitter_buffer cimport (
    jitter_buffer_free, jitter_buffer_insert, jitter_buffer_new, jitter_buffer_pull, pulled_t,
)
from mediaplane.audio.limiter cimport limiter_follow, limiter_init, limiter_run
from mediaplane.audio.mix_kernels cimport MIX_UNITY, mix_take, mix_take_ramped, mix_without
from mediaplane.audio.opus cimport (
    opus_encode_packet, opus_encoder_free, opus_encoder_new, opus_encoder_reset, opus_encoder_set, opus_packet_is_dtx,
)
from mediaplane.audio.overload cimport shed_complexity, shed_talkers
from mediaplane.audio.talkers cimport (
    MAX_TALKERS, NO_PLACE, talker_init, talker_level, talkers_begin, talkers_consider, talkers_decide, talkers_init,
    talkers_remove,
)
from mediaplane.status cimport NO_MEMORY, OK, UNSUPPORTED

cdef enum:
    FADE_IN = 240                # frames: 5 ms, too short to swallow a consonant, long enough not to click
    FADE_OUT = 960
    MUTE = 240                   # who was muted is to be silent at once
    ASLEEP_US = 2000000          # a source that sends nothing for so long costs nothing: DTX sends more often
    ASSUMED_LEVEL = 30           # -dBov, of a source that tells no levels and sends more than comfort noise
    SILENT_LEVEL = 127


# --- life ----------------------------------------------------------------------------------------------------------

cdef int _init_output(mixer_output_t *output, const mixer_settings_t *settings) noexcept nogil:
    limiter_init(&output.limiter, settings.channels)
    output.complexity = settings.opus.complexity
    return opus_encoder_new(&output.encoder, settings.channels, &settings.opus)


cdef int _init_outputs(audio_mixer_t *mixer) noexcept nogil:
    cdef uint32_t i
    cdef int status
    mixer.output_count = mixer.settings.talkers + 1
    mixer.outputs = <mixer_output_t *>calloc(mixer.output_count, sizeof(mixer_output_t))
    if mixer.outputs == NULL:
        return NO_MEMORY
    for i in range(mixer.output_count):
        status = _init_output(&mixer.outputs[i], &mixer.settings)
        if status != OK:
            return status
    return OK


cdef int audio_mixer_new(audio_mixer_t **mixer, const mixer_settings_t *settings) noexcept nogil:
    cdef audio_mixer_t *made
    cdef size_t count = MIXER_TICK * settings.channels
    cdef int status
    mixer[0] = NULL
    if not 1 <= settings.channels <= 2 or not 1 <= settings.talkers <= MAX_TALKERS:
        return UNSUPPORTED
    made = <audio_mixer_t *>calloc(1, sizeof(audio_mixer_t))
    if made == NULL:
        return NO_MEMORY
    made.settings = settings[0]
    talkers_init(&made.talkers, settings.talkers)
    status = _init_outputs(made)
    made.placed = <mixer_source_t **>calloc(settings.talkers, sizeof(mixer_source_t *))
    made.own = <int32_t *>calloc(settings.talkers * count, sizeof(int32_t))
    made.sum = <int32_t *>calloc(count, sizeof(int32_t))
    made.scratch = <int32_t *>calloc(count, sizeof(int32_t))
    made.pulled = <int16_t *>calloc(count, sizeof(int16_t))
    if status == OK and (made.placed == NULL or made.own == NULL or made.sum == NULL or made.scratch == NULL
                         or made.pulled == NULL):
        status = NO_MEMORY
    if status != OK:
        audio_mixer_free(made)
        return status
    mixer[0] = made
    return OK


cdef void audio_mixer_free(audio_mixer_t *mixer) noexcept nogil:
    cdef mixer_source_t *source
    cdef uint32_t i
    if mixer == NULL:
        return
    while mixer.sources != NULL:
        source = mixer.sources
        mixer.sources = source.next
        mixer_source_free(source)
    if mixer.outputs != NULL:
        for i in range(mixer.output_count):
            opus_encoder_free(mixer.outputs[i].encoder)
    free(mixer.outputs)
    free(mixer.placed)
    free(mixer.own)
    free(mixer.sum)
    free(mixer.scratch)
    free(mixer.pulled)
    free(mixer)


cdef int _apply(audio_mixer_t *mixer, mixer_output_t *output, uint8_t complexity) noexcept nogil:
    cdef opus_settings_t settings = mixer.settings.opus
    settings.complexity = complexity
    output.complexity = complexity
    return opus_encoder_set(output.encoder, &settings)


cdef int _apply_to_all(audio_mixer_t *mixer) noexcept nogil:
    cdef uint8_t complexity = shed_complexity(mixer.shed, mixer.settings.opus.complexity)
    cdef int status = OK
    cdef uint32_t i
    for i in range(mixer.output_count):
        if status == OK:
            status = _apply(mixer, &mixer.outputs[i], complexity)
    return status


cdef int audio_mixer_set(audio_mixer_t *mixer, const opus_settings_t *opus) noexcept nogil:
    cdef opus_settings_t before = mixer.settings.opus
    cdef int status
    mixer.settings.opus = opus[0]
    status = _apply_to_all(mixer)
    if status != OK:
        mixer.settings.opus = before
        _apply_to_all(mixer)
    return status


cdef int mixer_source_new(mixer_source_t **source, int channels, uint64_t id, uint64_t owner, uint8_t opus_payload_type,
                          uint8_t red_payload_type) noexcept nogil:
    cdef mixer_source_t *made = <mixer_source_t *>calloc(1, sizeof(mixer_source_t))
    cdef int status
    source[0] = NULL
    if made == NULL:
        return NO_MEMORY
    status = jitter_buffer_new(&made.buffer, channels, opus_payload_type, red_payload_type)
    if status != OK:
        free(made)
        return status
    talker_init(&made.talker)
    made.id = id
    made.owner = owner
    made.open = True
    made.packet_us = -ASLEEP_US
    source[0] = made
    return OK


cdef void mixer_source_free(mixer_source_t *source) noexcept nogil:
    if source != NULL:
        jitter_buffer_free(source.buffer)
        free(source)


cdef void audio_mixer_add(audio_mixer_t *mixer, mixer_source_t *source) noexcept nogil:
    source.next = mixer.sources
    mixer.sources = source
    mixer.source_count += 1


cdef void audio_mixer_remove(audio_mixer_t *mixer, mixer_source_t *source) noexcept nogil:
    cdef mixer_source_t **link = &mixer.sources
    while link[0] != source:
        link = &link[0].next
    link[0] = source.next
    source.next = NULL
    mixer.source_count -= 1
    if source.talker.place != NO_PLACE:
        _vacate(mixer, source)


# --- packets in ----------------------------------------------------------------------------------------------------

cdef void audio_mixer_receive(audio_mixer_t *mixer, mixer_source_t *source, const uint8_t *payload, uint32_t size,
                              uint16_t seq16, uint32_t ts32, uint8_t payload_type, uint32_t ssrc, uint8_t level,
                              int64_t now_us) noexcept nogil:
    source.packets += 1
    if source.packets > MIXER_PACKETS_PER_TICK:
        source.flooded += 1
        mixer.statistics.flooded += 1
        return
    source.packet_us = now_us
    if level == MIXER_LEVEL_UNKNOWN:
        level = SILENT_LEVEL if opus_packet_is_dtx(size) else ASSUMED_LEVEL
    talker_level(&source.talker, level, now_us)
    jitter_buffer_insert(source.buffer, payload, size, seq16, ts32, payload_type, ssrc, now_us)


# --- who is heard --------------------------------------------------------------------------------------------------

cdef void _vacate(audio_mixer_t *mixer, mixer_source_t *source) noexcept nogil:
    cdef int place = source.talker.place
    talkers_remove(&mixer.talkers, &source.talker)
    mixer.placed[place] = NULL
    mixer.outputs[place + 1].without = 0
    mixer.outputs[place + 1].running = False
    source.heard = False


cdef void _occupy(audio_mixer_t *mixer, mixer_source_t *source) noexcept nogil:
    cdef int place = source.talker.place
    mixer.placed[place] = source
    mixer.outputs[place + 1].without = source.owner
    mixer.outputs[place + 1].running = False
    mixer.statistics.changes += 1


cdef void audio_mixer_choose(audio_mixer_t *mixer, int64_t now_us) noexcept nogil:
    cdef mixer_source_t *source = mixer.sources
    cdef int place
    talkers_begin(&mixer.talkers)
    while source != NULL:
        source.packets = 0
        if not source.open:
            if source.talker.place != NO_PLACE and not source.heard:
                _vacate(mixer, source)
        elif source.talker.place != NO_PLACE or now_us - source.packet_us < ASLEEP_US:
            talkers_consider(&mixer.talkers, &source.talker, now_us)
        source = source.next
    talkers_decide(&mixer.talkers, shed_talkers(mixer.shed, mixer.settings.talkers), now_us)
    source = mixer.sources
    while source != NULL:
        place = source.talker.place
        if place != NO_PLACE and mixer.placed[place] != source:
            _occupy(mixer, source)
        source = source.next


# --- sound ---------------------------------------------------------------------------------------------------------

cdef void _take(audio_mixer_t *mixer, mixer_source_t *source, int64_t now_us) noexcept nogil:
    """Decode a talker's 20 ms and add them, faded in or out where it begins or ends."""
    cdef int channels = mixer.settings.channels
    cdef int32_t *own = mixer.own + source.talker.place * MIXER_TICK * channels
    cdef pulled_t pulled
    cdef bint ends = source.talker.leaving or not source.open
    jitter_buffer_pull(source.buffer, now_us, mixer.pulled, MIXER_TICK, &pulled)
    mixer.statistics.decoded += 1
    if ends:
        mix_take_ramped(mixer.pulled, own, mixer.sum, MIXER_TICK, channels, MIX_UNITY if source.heard else 0, 0,
                        FADE_OUT if source.open else MUTE)
    elif not source.heard:
        mix_take_ramped(mixer.pulled, own, mixer.sum, MIXER_TICK, channels, 0, MIX_UNITY, FADE_IN)
    else:
        mix_take(mixer.pulled, own, mixer.sum, MIXER_TICK * channels)
    source.heard = not ends


cdef void _collect(audio_mixer_t *mixer, int64_t now_us) noexcept nogil:
    """The sum of all talkers; everybody else's time goes on."""
    cdef mixer_source_t *source = mixer.sources
    cdef pulled_t pulled
    memset(mixer.sum, 0, MIXER_TICK * mixer.settings.channels * sizeof(int32_t))
    while source != NULL:
        if source.talker.place != NO_PLACE and not mixer.resting:
            _take(mixer, source, now_us)
        elif source.talker.place != NO_PLACE or now_us - source.packet_us < ASLEEP_US:
            jitter_buffer_pull(source.buffer, now_us, NULL, MIXER_TICK, &pulled)
            source.heard = False
        source = source.next


cdef const int32_t *_without_owner(audio_mixer_t *mixer, uint64_t owner) noexcept nogil:
    """The sum without anything that its owner says, through however many sources."""
    cdef int count = MIXER_TICK * mixer.settings.channels
    cdef const int32_t *rest = mixer.sum
    cdef uint32_t place
    for place in range(mixer.settings.talkers):
        if mixer.placed[place] != NULL and mixer.placed[place].owner == owner:
            if rest == mixer.sum:
                mix_without(rest, mixer.own + place * count, mixer.scratch, count)
                rest = mixer.scratch
            else:
                _subtract(mixer.scratch, mixer.own + place * count, count)
    return rest


cdef inline void _subtract(int32_t *rest, const int32_t *own, int count) noexcept nogil:
    cdef int i
    for i in range(count):
        rest[i] -= own[i]


cdef bint _is_first_of_owner(const audio_mixer_t *mixer, uint32_t index) noexcept nogil:
    """Whether no output before this one is for the same talker."""
    cdef uint32_t i
    for i in range(1, index):
        if mixer.outputs[i].without == mixer.outputs[index].without:
            return False
    return True


cdef void _encode(audio_mixer_t *mixer, mixer_output_t *output) noexcept nogil:
    cdef uint8_t complexity = shed_complexity(mixer.shed, mixer.settings.opus.complexity)
    if output.complexity != complexity:
        _apply(mixer, output, complexity)
    output.size = opus_encode_packet(output.encoder, output.pcm, MIXER_TICK, output.packet, MIXER_PACKET_CAPACITY)
    if output.size < 0:
        mixer.statistics.refused += 1
        output.size = 0
        return
    mixer.statistics.encoded += 1
    if mixer.settings.opus.dtx and opus_packet_is_dtx(output.size):
        output.size = 0


cdef void _run_output(audio_mixer_t *mixer, uint32_t index) noexcept nogil:
    cdef mixer_output_t *output = &mixer.outputs[index]
    cdef const int32_t *sums = mixer.sum
    cdef uint64_t before = output.limiter.limited
    output.size = 0
    if mixer.resting:
        output.running = False
        return
    if index and (output.without == 0 or not output.wanted or not _is_first_of_owner(mixer, index)):
        output.running = False
        return
    if index:
        sums = _without_owner(mixer, output.without)
        if not output.running:
            # Who listens here has heard the whole mix so far: go on from where that was.
            limiter_follow(&output.limiter, &mixer.outputs[0].limiter)
    if output.wanted and not output.running:
        opus_encoder_reset(output.encoder)
    limiter_run(&output.limiter, sums, output.pcm, MIXER_TICK)
    mixer.statistics.limited += output.limiter.limited - before
    output.running = output.wanted
    if output.wanted:
        _encode(mixer, output)


cdef void audio_mixer_mix(audio_mixer_t *mixer, int64_t now_us) noexcept nogil:
    cdef int index
    cdef mixer_source_t *source = mixer.sources
    _collect(mixer, now_us)
    # The whole mix last: the others may have to go on from its limiter as it was before this tick.
    for index in range(<int>mixer.output_count - 1, -1, -1):
        _run_output(mixer, index)
    while source != NULL:
        if source.talker.place != NO_PLACE and (source.talker.leaving or not source.open):
            _vacate(mixer, source)
        source = source.next
    mixer.statistics.ticks += 1


cdef void audio_mixer_skip(audio_mixer_t *mixer, int64_t now_us) noexcept nogil:
    cdef mixer_source_t *source = mixer.sources
    cdef pulled_t pulled
    while source != NULL:
        source.packets = 0
        if now_us - source.packet_us < ASLEEP_US:
            jitter_buffer_pull(source.buffer, now_us, NULL, MIXER_TICK, &pulled)
        source = source.next
