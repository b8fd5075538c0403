"""Mixes, their sources and their ticks: see mixing.pxd."""
from libc.stdlib cimport free
from libc.string cimport memset

from mediaplane.audio.audio_mixer cimport (
    MIXER_TICK, audio_mixer_add, audio_mixer_choose, audio_mixer_free, audio_mixer_mix, audio_mixer_remove,
    audio_mixer_set, audio_mixer_skip, mixer_source_free,
)
from mediaplane.audio.jitter_buffer cimport jitter_statistics_t
from mediaplane.audio.mix_pipes cimport (
    mix_listening, mix_note_talkers, mix_renew_wishes, mix_send, mix_wish,
)
from mediaplane.audio.opus cimport opus_settings_t
from mediaplane.audio.overload cimport overload_init
from mediaplane.audio.source_report cimport source_report_release, source_report_write
from mediaplane.audio.talkers cimport NO_PLACE
from mediaplane.audio.tap cimport tap_release, tap_write
from mediaplane.model cimport MIXER_WORKER
from mediaplane.pipes.pipe cimport pipe_new, pipe_release
from mediaplane.pipes.pipes cimport pipes_attach
from mediaplane.pipes.records cimport PIPE_END, PIPE_WISH
from mediaplane.rings cimport ring_pop
from mediaplane.status cimport BAD_STATE, NO_MEMORY, NO_SPACE, OK
from mediaplane.tables cimport id_table_find, id_table_free, id_table_init, id_table_put, id_table_remove
from mediaplane.wire.rtp_extensions cimport EXT_KIND_COUNT

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long value) noexcept nogil

cdef enum:
    REPORT_TICKS = 50            # statistics are a second old at most


# --- life ----------------------------------------------------------------------------------------------------------

cdef int mixing_init(mixing_t *mixing, uint32_t limit) noexcept nogil:
    cdef int kind
    memset(mixing, 0, sizeof(mixing_t))
    overload_init(&mixing.overload)
    for kind in range(1, EXT_KIND_COUNT):
        mixing.kind_by_id[kind] = kind
    if id_table_init(&mixing.mix_by_id, limit) != OK or id_table_init(&mixing.source_by_key, limit) != OK:
        return NO_MEMORY
    return OK


cdef void mixing_free(mixing_t *mixing) noexcept nogil:
    cdef mix_t *mix
    cdef uint64_t workers = mixing.workers
    while mixing.mixes != NULL:
        mix = mixing.mixes
        mixing.mixes = mix.next
        mix_free(mix)
    while workers:
        pipe_release(mixing.links[count_trailing_zeros(workers)].incoming)
        pipe_release(mixing.links[count_trailing_zeros(workers)].outgoing)
        workers &= workers - 1
    mixing.workers = 0
    id_table_free(&mixing.mix_by_id)
    id_table_free(&mixing.source_by_key)


cdef void mixing_begin(mixing_t *mixing, int64_t now_us, uint64_t now_ntp) noexcept nogil:
    mixing.begun_us = now_us
    mixing.begun_ntp = now_ntp


cdef void _release_pipes(pipe_t *one, pipe_t *other) noexcept nogil:
    pipe_release(one)
    pipe_release(other)


cdef int mixing_attach(mixing_t *mixing, uint32_t worker, plane_t *plane, int wake_fd,
                       uint32_t capacity) noexcept nogil:
    cdef pipe_t *from_worker
    cdef pipe_t *to_worker
    cdef int status
    if worker >= MIXING_MAX_WORKERS:
        return NO_SPACE
    if mixing.workers >> worker & 1:
        return BAD_STATE
    from_worker = pipe_new(capacity, -1)
    to_worker = pipe_new(capacity, wake_fd)
    if from_worker == NULL or to_worker == NULL:
        _release_pipes(from_worker, to_worker)
        _release_pipes(from_worker, to_worker)
        return NO_MEMORY
    status = pipes_attach(plane, MIXER_WORKER, to_worker, from_worker)
    if status != OK:
        _release_pipes(from_worker, to_worker)
        return status
    mixing.links[worker].incoming = from_worker
    mixing.links[worker].outgoing = to_worker
    mixing.workers |= <uint64_t>1 << worker
    return OK


cdef void mix_source_free(mix_source_t *source) noexcept nogil:
    if source != NULL:
        source_report_release(source.report)
        mixer_source_free(source.source)
        free(source)


cdef void mix_free(mix_t *mix) noexcept nogil:
    cdef mix_source_t *source
    cdef tap_t *tap
    if mix == NULL:
        return
    while mix.sources != NULL:
        source = mix.sources
        mix.sources = source.next
        source_report_release(source.report)
        free(source)             # the mixer has the rest of it
    while mix.taps != NULL:
        tap = mix.taps
        mix.taps = tap.next
        tap_release(tap)
    audio_mixer_free(mix.mixer)
    free(mix)


# --- commands ------------------------------------------------------------------------------------------------------

cdef bint _open(mixing_t *mixing, mix_t *mix) noexcept nogil:
    if id_table_put(&mixing.mix_by_id, mix.id, mix) != OK:
        return False
    mix.next = mixing.mixes
    mixing.mixes = mix
    return True


cdef void _close(mixing_t *mixing, mix_t *mix) noexcept nogil:
    cdef mix_t **link = &mixing.mixes
    cdef mix_source_t *source = mix.sources
    while source != NULL:
        _sum_source(mixing, source)
        mix_wish(mixing, source, PIPE_END)
        id_table_remove(&mixing.source_by_key, source.key)
        source = source.next
    while link[0] != mix:
        link = &link[0].next
    link[0] = mix.next
    id_table_remove(&mixing.mix_by_id, mix.id)
    mix_free(mix)


cdef bint _add_source(mixing_t *mixing, mix_t *mix, mix_source_t *source) noexcept nogil:
    if not mixing.workers >> ((source.key >> 32) - 1) & 1:
        return False
    if id_table_put(&mixing.source_by_key, source.key, source) != OK:
        return False
    source.mix = mix
    source.next = mix.sources
    mix.sources = source
    audio_mixer_add(mix.mixer, source.source)
    mix_wish(mixing, source, PIPE_WISH)
    return True


cdef void _remove_source(mixing_t *mixing, mix_source_t *source) noexcept nogil:
    cdef mix_source_t **link = &source.mix.sources
    _sum_source(mixing, source)
    mix_wish(mixing, source, PIPE_END)
    while link[0] != source:
        link = &link[0].next
    link[0] = source.next
    audio_mixer_remove(source.mix.mixer, source.source)
    id_table_remove(&mixing.source_by_key, source.key)
    mix_source_free(source)


cdef void _remove_tap(mix_t *mix, tap_t *tap) noexcept nogil:
    cdef tap_t **link = &mix.taps
    while link[0] != NULL:
        if link[0] == tap:
            link[0] = tap.next
            tap_release(tap)
            return
        link = &link[0].next


cdef void mixing_discard(mixing_command_t *command) noexcept nogil:
    if command.kind == MIXING_OPEN:
        mix_free(<mix_t *>command.data)
    elif command.kind == MIXING_ADD_SOURCE:
        mix_source_free(<mix_source_t *>command.data)
    elif command.kind == MIXING_ADD_TAP or command.kind == MIXING_REMOVE_TAP:
        tap_release(<tap_t *>command.data)
    else:
        free(command.data)
    command.data = NULL


cdef bint _carry_out(mixing_t *mixing, mixing_command_t *command) noexcept nogil:
    """What it brings is the command's no more where it is taken over. False: it concerns nothing that is there."""
    cdef mix_t *mix = <mix_t *>id_table_find(&mixing.mix_by_id, command.mix)
    cdef mix_source_t *source
    cdef tap_t *tap
    if command.kind == MIXING_OPEN:
        if not _open(mixing, <mix_t *>command.data):
            return False
        command.data = NULL
        return True
    if mix == NULL:
        return False
    if command.kind == MIXING_CLOSE:
        _close(mixing, mix)
    elif command.kind == MIXING_SET:
        return audio_mixer_set(mix.mixer, <opus_settings_t *>command.data) == OK
    elif command.kind == MIXING_ADD_SOURCE:
        if not _add_source(mixing, mix, <mix_source_t *>command.data):
            return False
        command.data = NULL
    elif command.kind == MIXING_REMOVE_SOURCE:
        source = <mix_source_t *>id_table_find(&mixing.source_by_key, command.key)
        if source == NULL or source.mix != mix:
            return False
        _remove_source(mixing, source)
    elif command.kind == MIXING_ADD_TAP:
        tap = <tap_t *>command.data
        if tap.output >= mix.mixer.output_count or tap.samples != MIXER_TICK * mix.mixer.settings.channels:
            return False
        tap.next = mix.taps
        mix.taps = tap
        command.data = NULL
    elif command.kind == MIXING_REMOVE_TAP:
        _remove_tap(mix, <tap_t *>command.data)
    return True


cdef void mixing_carry_out(mixing_t *mixing, mixing_command_t *command) noexcept nogil:
    mixing.counters.commands += 1
    if not _carry_out(mixing, command):
        mixing.counters.commands_stale += 1
    mixing_discard(command)


cdef uint32_t mixing_drain(mixing_t *mixing, ring_t *commands) noexcept nogil:
    cdef mixing_command_t command
    cdef uint32_t count = 0
    while ring_pop(commands, &command):
        mixing_carry_out(mixing, &command)
        count += 1
    return count


# --- statistics ------------------------------------------------------------------------------------------------------

cdef void _sum_source(mixing_t *mixing, mix_source_t *source) noexcept nogil:
    """Also of one that goes, so that the sums only grow."""
    cdef mixing_counters_t *sums = &mixing.counters
    cdef const jitter_statistics_t *now = &source.source.buffer.statistics
    cdef const jitter_statistics_t *before = &source.summed
    sums.source_packets += now.packets - before.packets
    sums.source_late += now.late - before.late
    sums.source_red_recovered += now.red_recovered - before.red_recovered
    sums.source_fec_recovered += now.fec_recovered - before.fec_recovered
    sums.source_played += now.played - before.played
    sums.source_concealed += now.concealed - before.concealed
    sums.source_removed += now.removed - before.removed
    sums.source_added += now.added - before.added
    source.summed = now[0]


cdef void _report(mixing_t *mixing) noexcept nogil:
    cdef mix_t *mix = mixing.mixes
    cdef mix_source_t *source
    cdef bint decoded
    cdef int64_t count = 0, target_us = 0, delay_us = 0
    while mix != NULL:
        source = mix.sources
        while source != NULL:
            decoded = source.source.talker.place != NO_PLACE and not mix.mixer.resting
            _sum_source(mixing, source)
            source_report_write(source.report, &source.summed, decoded)
            if decoded:
                count += 1
                target_us += source.summed.target_us
                delay_us += source.summed.delay_us
            source = source.next
        mix = mix.next
    mixing.counters.heard = <uint64_t>count
    mixing.counters.heard_target_us = <uint64_t>max(0, target_us // max(1, count))
    mixing.counters.heard_delay_us = <uint64_t>max(0, delay_us // max(1, count))


# --- ticks -----------------------------------------------------------------------------------------------------------

cdef void _tick(mixing_t *mixing, mix_t *mix, int64_t due_us) noexcept nogil:
    cdef uint64_t listening[MIX_MAX_OUTPUTS]
    cdef audio_mixer_t *mixer = mix.mixer
    cdef tap_t *tap = mix.taps
    cdef uint32_t i
    mixer.shed = mixing.overload.level
    audio_mixer_choose(mixer, due_us)
    mix_note_talkers(mixing, mix)
    mixer.resting = tap == NULL
    for i in range(mixer.output_count):
        listening[i] = mix_listening(mixing, mix, i)
        mixer.outputs[i].wanted = listening[i] != 0
        mixer.resting &= listening[i] == 0
    audio_mixer_mix(mixer, due_us)
    for i in range(mixer.output_count):
        if not mixer.outputs[i].size:
            continue
        while listening[i]:
            mix_send(mixing, mix, i, count_trailing_zeros(listening[i]))
            listening[i] &= listening[i] - 1
        mix.seq64[i] += 1
    while tap != NULL:
        if tap.output == 0 or mixer.outputs[tap.output].running:
            tap_write(tap, mixer.outputs[tap.output].pcm)
        tap = tap.next


cdef void mixing_tick(mixing_t *mixing, int64_t due_us) noexcept nogil:
    cdef mix_t *mix = mixing.mixes
    while mix != NULL:
        mix_renew_wishes(mixing, mix)
        _tick(mixing, mix, due_us)
        mix = mix.next
    mixing.tick += 1
    mixing.counters.ticks += 1
    if mixing.tick % REPORT_TICKS == 0:
        _report(mixing)


cdef void mixing_skip(mixing_t *mixing, int64_t due_us) noexcept nogil:
    cdef mix_t *mix = mixing.mixes
    while mix != NULL:
        audio_mixer_skip(mix.mixer, due_us)
        mix = mix.next
    mixing.tick += 1
    mixing.counters.skipped += 1
