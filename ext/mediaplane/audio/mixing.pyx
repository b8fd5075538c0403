"""Mixes, their sources and their pipes: see mixing.pxd."""
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from mediaplane.audio.audio_mixer cimport (
    MIXER_LEVEL_UNKNOWN, MIXER_TICK, audio_mixer_add, audio_mixer_choose, audio_mixer_free,
    audio_mixer_mix, audio_mixer_receive, audio_mixer_remove, audio_mixer_set, audio_mixer_skip, mixer_output_t,
    mixer_source_free,
)
from mediaplane.audio.opus cimport OPUS_CLOCK_RATE, opus_settings_t
from mediaplane.audio.overload cimport overload_init
from mediaplane.audio.tap cimport tap_release, tap_write
from mediaplane.model cimport MIXER_WORKER
from mediaplane.pipes.pipe cimport (
    PIPE_CONTROL_BYTES, pipe_commit, pipe_give_back, pipe_look, pipe_new, pipe_next, pipe_publish, pipe_record_t,
    pipe_release, pipe_reserve, pipe_take,
)
from mediaplane.pipes.pipes cimport pipes_attach
from mediaplane.pipes.records cimport (
    PIPE_END, PIPE_PACKET, PIPE_STATE, PIPE_WISH, PipeRecordKind, pipe_packet_t, pipe_state_size, pipe_state_t,
    pipe_wish_t,
)
from mediaplane.rings cimport ring_pop
from mediaplane.status cimport BAD_STATE, NO_MEMORY, NO_SPACE, OK
from mediaplane.tables cimport id_table_find, id_table_free, id_table_init, id_table_put, id_table_remove
from mediaplane.wire.rtp cimport RTP_FIXED_HEADER_SIZE, rtp_header_t, rtp_parse_header, rtp_write_fixed_header
from mediaplane.wire.rtp_extensions cimport (
    EXT_AUDIO_LEVEL, EXT_KIND_COUNT, EXT_MAX_ELEMENTS, extension_element_t, extensions_parse,
)

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long value) noexcept nogil

cdef enum:
    RENEW_TICKS = 50             # states and wishes are said again every second
    UNANSWERED_TICKS = 5         # a wish that may have come before its producer was made
    TRUSTED_TICKS = 25           # for so long whoever begins or ceases to talk is taken to listen, before a wish comes


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
        free(source)             # the mixer has the rest of it
    while mix.taps != NULL:
        tap = mix.taps
        mix.taps = tap.next
        tap_release(tap)
    audio_mixer_free(mix.mixer)
    free(mix)


# --- wishes, to a microphone's worker ------------------------------------------------------------------------------

cdef void _wish(mixing_t *mixing, const mix_source_t *source, PipeRecordKind kind) noexcept nogil:
    cdef pipe_t *pipe = mixing.links[(source.key >> 32) - 1].outgoing
    cdef pipe_wish_t *out = <pipe_wish_t *>pipe_reserve(pipe, sizeof(pipe_wish_t), 0)
    if out == NULL:
        return                   # it is said again
    out.producer = <uint32_t>source.key
    out.encodings = 1
    out.keyframes = 0
    pipe_commit(pipe, out, kind, sizeof(pipe_wish_t))


cdef void _renew_wishes(mixing_t *mixing, mix_t *mix) noexcept nogil:
    cdef mix_source_t *source = mix.sources
    while source != NULL:
        source.untold += 1
        if source.untold >= (RENEW_TICKS if source.answered else UNANSWERED_TICKS):
            _wish(mixing, source, PIPE_WISH)
            source.untold = 0
        source = source.next


# --- commands ------------------------------------------------------------------------------------------------------

cdef inline mix_t *_mix(mixing_t *mixing, uint32_t id) noexcept nogil:
    return <mix_t *>id_table_find(&mixing.mix_by_id, id)


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
        _wish(mixing, source, PIPE_END)
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
    _wish(mixing, source, PIPE_WISH)
    return True


cdef void _remove_source(mixing_t *mixing, mix_source_t *source) noexcept nogil:
    cdef mix_source_t **link = &source.mix.sources
    _wish(mixing, source, PIPE_END)
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
    cdef mix_t *mix = _mix(mixing, command.mix)
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


# --- what workers write --------------------------------------------------------------------------------------------

cdef void _receive_packet(mixing_t *mixing, uint32_t worker, const pipe_packet_t *record,
                          int64_t now_us) noexcept nogil:
    cdef mix_source_t *source = <mix_source_t *>id_table_find(
        &mixing.source_by_key, source_key(worker, record.producer))
    cdef const uint8_t *data = <const uint8_t *>(record + 1)
    cdef extension_element_t elements[EXT_MAX_ELEMENTS]
    cdef rtp_header_t header
    cdef uint8_t level = MIXER_LEVEL_UNKNOWN
    cdef int count, i
    if source == NULL or rtp_parse_header(data, record.size, &header) != OK:
        mixing.counters.packets_unknown += 1
        return
    mixing.counters.packets_received += 1
    if record.size <= header.header_size:
        return                   # numbers alone: padding, or something that was dropped
    count = extensions_parse(data, &header, mixing.kind_by_id, elements)
    for i in range(count):
        if elements[i].kind == EXT_AUDIO_LEVEL and elements[i].size >= 1:
            level = data[elements[i].offset] & 0x7f
    audio_mixer_receive(source.mix.mixer, source.source, data + header.header_size, record.size - header.header_size,
                        header.seq16, header.timestamp, header.payload_type, header.ssrc, level, now_us)


cdef void _receive_state(mixing_t *mixing, uint32_t worker, const pipe_state_t *state) noexcept nogil:
    cdef mix_source_t *source = <mix_source_t *>id_table_find(
        &mixing.source_by_key, source_key(worker, state.producer))
    if source != NULL:
        source.answered = True
        source.source.open = state.open


cdef void _receive_wish(mixing_t *mixing, uint32_t worker, const pipe_wish_t *wish) noexcept nogil:
    cdef mix_t *mix = _mix(mixing, wish.producer)
    cdef uint64_t bit = <uint64_t>1 << worker
    if mix == NULL:
        return
    if wish.record.kind == PIPE_END:
        mix.wished_by &= ~bit
        mix.wishes[worker] = 0
        return
    mix.wishes[worker] = wish.encodings
    if not mix.wished_by & bit:
        mix.wished_by |= bit
        _tell(mixing, mix, worker)


cdef void _receive_from(mixing_t *mixing, uint32_t worker, int64_t now_us) noexcept nogil:
    cdef pipe_t *pipe = mixing.links[worker].incoming
    cdef const pipe_record_t *record
    pipe_look(pipe)
    record = pipe_next(pipe)
    while record != NULL:
        if record.kind == PIPE_PACKET:
            _receive_packet(mixing, worker, <const pipe_packet_t *>record, now_us)
        elif record.kind == PIPE_STATE:
            _receive_state(mixing, worker, <const pipe_state_t *>record)
        else:
            _receive_wish(mixing, worker, <const pipe_wish_t *>record)
        pipe_take(pipe, record)
        record = pipe_next(pipe)
    pipe_give_back(pipe)


cdef void mixing_receive(mixing_t *mixing, int64_t now_us) noexcept nogil:
    cdef uint64_t workers = mixing.workers
    while workers:
        _receive_from(mixing, count_trailing_zeros(workers), now_us)
        workers &= workers - 1


# --- what workers get ----------------------------------------------------------------------------------------------

cdef inline uint32_t _timestamp(const mixing_t *mixing, const mix_t *mix) noexcept nogil:
    return mix.timestamp + <uint32_t>(mixing.tick * MIXER_TICK)


cdef void _tell(mixing_t *mixing, mix_t *mix, uint32_t worker) noexcept nogil:
    """How the mix stands: for whom of this worker's transports there is one without themself."""
    cdef pipe_t *pipe = mixing.links[worker].outgoing
    cdef uint32_t size = pipe_state_size(mix.mixer.output_count)
    cdef pipe_state_t *out = <pipe_state_t *>pipe_reserve(pipe, size, 0)
    cdef uint32_t i
    if out == NULL:
        return                   # it is said again
    memset(out, 0, size)
    out.producer = mix.id
    out.open = True
    out.mixed = True
    out.encoding_count = <uint8_t>mix.mixer.output_count
    for i in range(mix.mixer.output_count):
        out.encodings[i].active = True
        out.encodings[i].clock.ntp = mixing.begun_ntp
        out.encodings[i].clock.rtp = mix.timestamp
        out.encodings[i].clock.received_us = mixing.begun_us
        out.encodings[i].clock.clock_rate = OPUS_CLOCK_RATE
        if i and mix.without[i] >> 32 == worker + 1:
            out.apart[i - 1] = <uint32_t>mix.without[i]
    pipe_commit(pipe, out, PIPE_STATE, size)


cdef void _tell_all(mixing_t *mixing, mix_t *mix) noexcept nogil:
    cdef uint64_t workers = mix.wished_by
    while workers:
        _tell(mixing, mix, count_trailing_zeros(workers))
        workers &= workers - 1


cdef void _send(mixing_t *mixing, mix_t *mix, uint32_t index, uint32_t worker) noexcept nogil:
    cdef mixer_output_t *output = &mix.mixer.outputs[index]
    cdef pipe_t *pipe = mixing.links[worker].outgoing
    cdef uint32_t size = RTP_FIXED_HEADER_SIZE + output.size
    cdef pipe_packet_t *out = <pipe_packet_t *>pipe_reserve(pipe, sizeof(pipe_packet_t) + size, PIPE_CONTROL_BYTES)
    cdef uint8_t *data
    if out == NULL:
        mixing.counters.packets_refused += 1
        return
    data = <uint8_t *>(out + 1)
    out.producer = mix.id
    out.begun = 0
    out.seq64 = mix.seq64[index]
    out.size = <uint16_t>size
    out.encoding = index
    rtp_write_fixed_header(data, MIX_PAYLOAD_TYPE, False, <uint16_t>out.seq64, _timestamp(mixing, mix), mix.ssrc, 0,
                           False)
    memcpy(data + RTP_FIXED_HEADER_SIZE, output.packet, output.size)
    pipe_commit(pipe, out, PIPE_PACKET, sizeof(pipe_packet_t) + size)
    mixing.counters.packets_sent += 1


cdef uint64_t _listening(const mixing_t *mixing, const mix_t *mix, uint32_t index) noexcept nogil:
    """The workers that want an output, a bit each."""
    cdef uint64_t workers = mix.wished_by
    cdef uint64_t found = 0
    cdef uint32_t worker
    if index:
        # Whoever it is for is on one worker.
        if mix.without[index] == 0:
            return 0
        worker = (mix.without[index] >> 32) - 1
        if not workers >> worker & 1:
            return 0
        if mix.wishes[worker] >> index & 1:
            return <uint64_t>1 << worker
        # Its worker learns only now that somebody there needs it.
        if mixing.tick - mix.since_tick[index] < TRUSTED_TICKS and mix.wishes[worker]:
            return <uint64_t>1 << worker
        return 0
    while workers:
        worker = count_trailing_zeros(workers)
        if mix.wishes[worker] & 1 or (mix.wishes[worker] and mixing.tick - mix.left_tick[worker] < TRUSTED_TICKS):
            found |= <uint64_t>1 << worker
        workers &= workers - 1
    return found


cdef void _note_talkers(mixing_t *mixing, mix_t *mix) noexcept nogil:
    """Before the packets of this tick: for whom of the talkers they are."""
    cdef bint changed = False
    cdef uint32_t i
    for i in range(1, mix.mixer.output_count):
        if mix.without[i] != mix.mixer.outputs[i].without:
            if mix.without[i]:
                mix.left_tick[(mix.without[i] >> 32) - 1] = mixing.tick
            mix.without[i] = mix.mixer.outputs[i].without
            mix.since_tick[i] = mixing.tick
            changed = True
    if changed or mixing.tick % RENEW_TICKS == 0:
        _tell_all(mixing, mix)


cdef void _tick(mixing_t *mixing, mix_t *mix, int64_t due_us) noexcept nogil:
    cdef uint64_t listening[MIX_MAX_OUTPUTS]
    cdef audio_mixer_t *mixer = mix.mixer
    cdef tap_t *tap = mix.taps
    cdef uint32_t i
    mixer.shed = mixing.overload.level
    audio_mixer_choose(mixer, due_us)
    _note_talkers(mixing, mix)
    mixer.resting = tap == NULL
    for i in range(mixer.output_count):
        listening[i] = _listening(mixing, mix, i)
        mixer.outputs[i].wanted = listening[i] != 0
        mixer.resting &= listening[i] == 0
    audio_mixer_mix(mixer, due_us)
    for i in range(mixer.output_count):
        if not mixer.outputs[i].size:
            continue
        while listening[i]:
            _send(mixing, mix, i, count_trailing_zeros(listening[i]))
            listening[i] &= listening[i] - 1
        mix.seq64[i] += 1
    while tap != NULL:
        if tap.output == 0 or mixer.outputs[tap.output].running:
            tap_write(tap, mixer.outputs[tap.output].pcm)
        tap = tap.next


cdef void mixing_tick(mixing_t *mixing, int64_t due_us) noexcept nogil:
    cdef mix_t *mix = mixing.mixes
    while mix != NULL:
        _renew_wishes(mixing, mix)
        _tick(mixing, mix, due_us)
        mix = mix.next
    mixing.tick += 1
    mixing.counters.ticks += 1


cdef void mixing_skip(mixing_t *mixing, int64_t due_us) noexcept nogil:
    cdef mix_t *mix = mixing.mixes
    while mix != NULL:
        audio_mixer_skip(mix.mixer, due_us)
        mix = mix.next
    mixing.tick += 1
    mixing.counters.skipped += 1


cdef uint64_t mixing_publish(mixing_t *mixing) noexcept nogil:
    cdef uint64_t workers = mixing.workers
    cdef uint64_t asleep = 0
    while workers:
        if pipe_publish(mixing.links[count_trailing_zeros(workers)].outgoing):
            asleep |= workers & -workers
        workers &= workers - 1
    return asleep
