"""The records of the pipes between mixes and workers: see mix_pipes.pxd."""
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memcpy, memset

from mediaplane.audio.audio_mixer cimport MIXER_LEVEL_UNKNOWN, MIXER_TICK, audio_mixer_receive, mixer_output_t
from mediaplane.audio.mixing cimport MIX_PAYLOAD_TYPE, source_key
from mediaplane.audio.opus cimport OPUS_CLOCK_RATE
from mediaplane.pipes.pipe cimport (
    PIPE_CONTROL_BYTES, pipe_commit, pipe_give_back, pipe_look, pipe_next, pipe_publish, pipe_record_t, pipe_reserve,
    pipe_t, pipe_take,
)
from mediaplane.pipes.records cimport (
    PIPE_END, PIPE_PACKET, PIPE_STATE, PIPE_WISH, PipeRecordKind, pipe_packet_t, pipe_state_size, pipe_state_t,
    pipe_wish_t,
)
from mediaplane.status cimport OK
from mediaplane.tables cimport id_table_find
from mediaplane.wire.rtp cimport RTP_FIXED_HEADER_SIZE, rtp_header_t, rtp_parse_header, rtp_write_fixed_header
from mediaplane.wire.rtp_extensions cimport EXT_AUDIO_LEVEL, EXT_MAX_ELEMENTS, extension_element_t, extensions_parse

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long value) noexcept nogil

cdef enum:
    RENEW_TICKS = 50             # states and wishes are said again every second
    UNANSWERED_TICKS = 5         # a wish that may have come before its producer was made
    TRUSTED_TICKS = 25           # for so long whoever begins or ceases to talk is taken to listen, before a wish comes


# --- wishes, to a microphone's worker ------------------------------------------------------------------------------

cdef void mix_wish(mixing_t *mixing, const mix_source_t *source, PipeRecordKind kind) noexcept nogil:
    cdef pipe_t *pipe = mixing.links[(source.key >> 32) - 1].outgoing
    cdef pipe_wish_t *out = <pipe_wish_t *>pipe_reserve(pipe, sizeof(pipe_wish_t), 0)
    if out == NULL:
        return                   # it is said again
    out.producer = <uint32_t>source.key
    out.encodings = 1
    out.keyframes = 0
    pipe_commit(pipe, out, kind, sizeof(pipe_wish_t))


cdef void mix_renew_wishes(mixing_t *mixing, mix_t *mix) noexcept nogil:
    cdef mix_source_t *source = mix.sources
    while source != NULL:
        source.untold += 1
        if source.untold >= (RENEW_TICKS if source.answered else UNANSWERED_TICKS):
            mix_wish(mixing, source, PIPE_WISH)
            source.untold = 0
        source = source.next


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
    cdef mix_t *mix = <mix_t *>id_table_find(&mixing.mix_by_id, wish.producer)
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


cdef void mix_send(mixing_t *mixing, mix_t *mix, uint32_t index, uint32_t worker) noexcept nogil:
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


cdef uint64_t mix_listening(const mixing_t *mixing, const mix_t *mix, uint32_t index) noexcept nogil:
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


cdef void mix_note_talkers(mixing_t *mixing, mix_t *mix) noexcept nogil:
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


cdef uint64_t mixing_publish(mixing_t *mixing) noexcept nogil:
    cdef uint64_t workers = mixing.workers
    cdef uint64_t asleep = 0
    while workers:
        if pipe_publish(mixing.links[count_trailing_zeros(workers)].outgoing):
            asleep |= workers & -workers
        workers &= workers - 1
    return asleep
