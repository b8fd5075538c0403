"""Packets into the buffer, sound out of it: see jitter_buffer.pxd."""
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from mediaplane.audio.delay_estimator cimport (
    delay_estimator_base, delay_estimator_due, delay_estimator_init, delay_estimator_packet, delay_estimator_rebase,
)
from mediaplane.audio.opus cimport opus_packet_has_fec, opus_packet_is_dtx, opus_packet_samples
from mediaplane.audio.packet_store cimport (
    packet_store_add, packet_store_at, packet_store_clear, packet_store_data, packet_store_free, packet_store_init,
    packet_store_pop, stored_packet_t,
)
from mediaplane.audio.playout cimport (
    PLAYOUT_BRIDGE, PLAYOUT_CONCEAL, PLAYOUT_DECODE, PLAYOUT_RECOVER, next_packet_t, playout_action_t, playout_init,
    playout_made, playout_next, playout_silence, playout_stretch, playout_stretched, samples_to_us, stretch_wish_t,
)
from mediaplane.audio.red cimport RED_MAX_BLOCKS, red_block_t, red_parse
from mediaplane.audio.sound cimport (
    SOUND_MAX_TICK, sound_conceal, sound_cut, sound_decode, sound_fetch, sound_free, sound_has_room, sound_init,
    sound_recover, sound_set_silent_run, sound_stretch,
)
from mediaplane.debug cimport invariant
from mediaplane.status cimport NO_MEMORY, OK
from mediaplane.wire.seq cimport seq16_difference, timestamp32_difference, unwrap16, unwrap32

cdef enum:
    ARENA_SIZE = 65536           # one second of the highest rate of Opus, eight of what browsers send
    SEAM = 120                   # samples by which a packet may begin before the end of the one before
    JUMP_US = 1000000            # a timestamp that is off by so much is not believed at once
    JUMP_PACKETS = 500           # likewise a sequence number
    ALIKE_US = 500000            # two implausible packets that agree up to this are believed
    HELD_AT_MOST = 48000         # samples; after a second without a packet the source has stopped
    LOOK_AHEAD_US = 10000        # a hole is concealed so much shorter if the packet behind it is there
    SKIP_US = 500000             # too much delay to be caught up by playing faster


cdef int jitter_buffer_new(jitter_buffer_t **buffer, int channels, uint8_t opus_payload_type,
                           uint8_t red_payload_type) noexcept nogil:
    cdef int status
    cdef jitter_buffer_t *made = <jitter_buffer_t *>calloc(1, sizeof(jitter_buffer_t))
    buffer[0] = NULL
    if made == NULL:
        return NO_MEMORY
    status = sound_init(&made.sound, channels)
    if status == OK:
        status = packet_store_init(&made.store, ARENA_SIZE)
    if status != OK:
        jitter_buffer_free(made)
        return status
    jitter_buffer_take(made, opus_payload_type, False)
    jitter_buffer_take(made, red_payload_type, True)
    delay_estimator_init(&made.estimator)
    buffer[0] = made
    return OK


cdef void jitter_buffer_take(jitter_buffer_t *buffer, uint8_t payload_type, bint is_red) noexcept nogil:
    cdef uint64_t *types = &buffer.red_types[0] if is_red else &buffer.opus_types[0]
    if payload_type < 128:
        types[payload_type >> 6] |= <uint64_t>1 << (payload_type & 63)


cdef inline bint _is_one_of(const uint64_t *types, uint8_t payload_type) noexcept nogil:
    return payload_type < 128 and types[payload_type >> 6] >> (payload_type & 63) & 1


cdef void jitter_buffer_free(jitter_buffer_t *buffer) noexcept nogil:
    if buffer == NULL:
        return
    sound_free(&buffer.sound)
    packet_store_free(&buffer.store)
    free(buffer)


# --- packets in ------------------------------------------------------------------------------------------------------

# Everything that waits is of a source, or of a clock, that is no more. What is decoded is still played.
cdef void begin_source(jitter_buffer_t *buffer, uint16_t seq16, uint32_t ts32, uint32_t ssrc) noexcept nogil:
    packet_store_clear(&buffer.store)
    delay_estimator_rebase(&buffer.estimator)
    # Far above 0, so that what came before the first packet stays positive; a multiple of 6 is a whole time in us.
    buffer.highest_seq64 = (<int64_t>1 << 32) + seq16 - 1
    buffer.highest_ts64 = (<int64_t>3 << 47) + ts32
    buffer.floor_ts64 = 0
    buffer.played_seq64 = -1
    buffer.seen = 0
    buffer.ssrc = ssrc
    buffer.has_source = True
    buffer.playing = False
    buffer.suspecting = False


# Whether the numbers of a packet fit to those before: a newer packet has a newer timestamp, none is from the future.
cdef bint is_plausible(const jitter_buffer_t *buffer, int64_t steps, int64_t ts64, int64_t now_us) noexcept nogil:
    if steps <= -JUMP_PACKETS or steps >= JUMP_PACKETS or (steps > 0 and ts64 < buffer.highest_ts64):
        return False
    return now_us - samples_to_us(ts64) > delay_estimator_base(&buffer.estimator) - JUMP_US


# Whether this implausible packet follows the last one, so that the source must have begun anew.
cdef bint confirms_suspicion(const jitter_buffer_t *buffer, uint16_t seq16, uint32_t ts32,
                             int64_t now_us) noexcept nogil:
    cdef int64_t sent_us = samples_to_us(timestamp32_difference(ts32, buffer.suspect_ts32))
    cdef int64_t apart_us = sent_us - (now_us - buffer.suspect_us)
    return (buffer.suspecting and 0 < seq16_difference(seq16, buffer.suspect_seq16) < 4
            and -ALIKE_US < apart_us < ALIKE_US)


# Finds the packet's place among the others. Returns whether it is to be kept; `steps`: by how many numbers it is ahead
# of all others.
cdef bint admit(jitter_buffer_t *buffer, uint16_t seq16, uint32_t ts32, uint32_t ssrc, int64_t now_us, int64_t *seq64,
                int64_t *ts64, int64_t *steps) noexcept nogil:
    if not buffer.has_source or buffer.ssrc != ssrc:
        buffer.statistics.restarts += buffer.has_source
        begin_source(buffer, seq16, ts32, ssrc)
    elif not is_plausible(buffer, seq16_difference(seq16, <uint16_t>buffer.highest_seq64),
                          unwrap32(buffer.highest_ts64, ts32), now_us):
        if not confirms_suspicion(buffer, seq16, ts32, now_us):
            buffer.statistics.implausible += 1
            buffer.suspecting = True
            buffer.suspect_seq16 = seq16
            buffer.suspect_ts32 = ts32
            buffer.suspect_us = now_us
            return False
        buffer.statistics.restarts += 1
        begin_source(buffer, seq16, ts32, ssrc)
    buffer.suspecting = False
    seq64[0] = unwrap16(buffer.highest_seq64, seq16)
    ts64[0] = unwrap32(buffer.highest_ts64, ts32)
    steps[0] = seq64[0] - buffer.highest_seq64
    if steps[0] > 0:
        buffer.seen = (buffer.seen << steps[0] if steps[0] < 64 else 0) | 1
        buffer.highest_seq64 = seq64[0]
        buffer.highest_ts64 = ts64[0]
    elif steps[0] > -64:
        if (buffer.seen >> -steps[0]) & 1:
            buffer.statistics.duplicates += 1
            return False
        buffer.seen |= <uint64_t>1 << -steps[0]
    return True


cdef void insert_opus(jitter_buffer_t *buffer, int64_t ts64, int64_t seq64, const uint8_t *data, uint32_t size,
                      uint32_t samples, bint redundant) noexcept nogil:
    cdef stored_packet_t *packet
    if ts64 < buffer.floor_ts64 - SEAM:
        buffer.statistics.late += not redundant
        return
    packet = packet_store_add(&buffer.store, ts64, seq64, data, size, samples, &buffer.statistics.evicted)
    if packet == NULL:
        buffer.statistics.duplicates += not redundant
    else:
        packet.redundant = redundant
        buffer.statistics.red_recovered += redundant


# What earlier packets carried, from inside a later one: kept where it is still missing.
cdef void insert_redundant(jitter_buffer_t *buffer, const uint8_t *payload, const red_block_t *blocks, int count,
                           int64_t ts64, int64_t seq64) noexcept nogil:
    cdef int position, samples
    for position in range(count):
        if not _is_one_of(buffer.opus_types, blocks[position].payload_type) or blocks[position].size == 0:
            continue
        samples = opus_packet_samples(payload + blocks[position].offset, blocks[position].size)
        if samples < 0:
            buffer.statistics.malformed += 1
            continue
        insert_opus(buffer, ts64 - blocks[position].age, seq64 - (count - position),
                    payload + blocks[position].offset, blocks[position].size, <uint32_t>samples, True)


# The first tick in which a packet that comes now can be played.
cdef int64_t tick_after(const jitter_buffer_t *buffer, int64_t now_us) noexcept nogil:
    cdef int64_t ticks
    if buffer.tick_us == 0:
        return now_us
    ticks = (now_us - buffer.pulled_us + buffer.tick_us - 1) // buffer.tick_us
    return buffer.pulled_us + max(1, ticks) * buffer.tick_us


# How much less would be concealed of what is missing before a packet, if that one were there in time.
cdef int64_t hole_us(const jitter_buffer_t *buffer, int64_t steps, bint redundant, int samples) noexcept nogil:
    if steps < 2 or not buffer.playing:
        return 0
    return samples_to_us(samples) if redundant else LOOK_AHEAD_US


cdef void jitter_buffer_insert(jitter_buffer_t *buffer, const uint8_t *payload, uint32_t size, uint16_t seq16,
                               uint32_t ts32, uint8_t payload_type, uint32_t ssrc, int64_t now_us) noexcept nogil:
    cdef red_block_t blocks[RED_MAX_BLOCKS]
    cdef int64_t seq64 = 0
    cdef int64_t ts64 = 0
    cdef int samples
    cdef int last = 0
    cdef int64_t steps = 0
    buffer.statistics.packets += 1
    if _is_one_of(buffer.opus_types, payload_type):
        blocks[0].offset = 0
        blocks[0].size = <uint16_t>min(size, 0xffff)
        blocks[0].payload_type = payload_type
    elif _is_one_of(buffer.red_types, payload_type):
        last = red_parse(payload, size, blocks) - 1
        if last < 0:
            buffer.statistics.malformed += 1
            return
    else:
        buffer.statistics.unknown_payload_type += 1
        return
    if not _is_one_of(buffer.opus_types, blocks[last].payload_type):
        buffer.statistics.unknown_payload_type += 1
        return
    samples = opus_packet_samples(payload + blocks[last].offset, blocks[last].size)
    if samples < 0:
        buffer.statistics.malformed += 1
        return
    if not admit(buffer, seq16, ts32, ssrc, now_us, &seq64, &ts64, &steps):
        return
    delay_estimator_packet(&buffer.estimator, samples_to_us(ts64), samples_to_us(samples), steps > 0,
                           hole_us(buffer, steps, last > 0, samples), tick_after(buffer, now_us))
    buffer.newest_end_ts64 = buffer.highest_ts64 + samples
    insert_redundant(buffer, payload, blocks, last, ts64, seq64)
    insert_opus(buffer, ts64, seq64, payload + blocks[last].offset, blocks[last].size, <uint32_t>samples, False)


# --- sound out -------------------------------------------------------------------------------------------------------

# The first packet that can still be played.
cdef stored_packet_t *find_next(jitter_buffer_t *buffer, next_packet_t *next) noexcept nogil:
    cdef stored_packet_t *packet
    cdef const uint8_t *data
    memset(next, 0, sizeof(next_packet_t))
    next.newest_end_ts = buffer.newest_end_ts64
    while buffer.store.count > 0:
        packet = packet_store_at(&buffer.store, 0)
        if packet.ts64 >= buffer.floor_ts64 - SEAM:
            next.present = True
            next.in_sequence = packet.seq64 == buffer.played_seq64 + 1
            next.ts64 = packet.ts64
            if packet.ts64 > buffer.playout.end_ts + SEAM and not next.in_sequence:
                data = packet_store_data(&buffer.store, packet)
                if data != NULL and opus_packet_has_fec(data, packet.size):
                    next.fec_samples = packet.samples
            return packet
        packet_store_pop(&buffer.store)
        buffer.statistics.late += 1
    return NULL


cdef void play_packet(jitter_buffer_t *buffer, const stored_packet_t *packet) noexcept nogil:
    cdef const uint8_t *data = packet_store_data(&buffer.store, packet)
    if data == NULL:
        buffer.statistics.evicted += 1
        sound_conceal(&buffer.sound, packet.samples)
    elif sound_decode(&buffer.sound, data, packet.size, packet.samples) != OK:
        buffer.statistics.malformed += 1
    buffer.played_seq64 = packet.seq64
    playout_made(&buffer.playout, packet.samples, opus_packet_is_dtx(packet.size))
    buffer.floor_ts64 = buffer.playout.end_ts
    packet_store_pop(&buffer.store)


# Appends what comes next, `wanted` samples or what a packet has. Returns how many of them are not of the source's time;
# negative: so many fewer of those at hand are, since what they concealed has come after all.
cdef int append(jitter_buffer_t *buffer, int64_t now_us, uint32_t wanted, pulled_t *pulled) noexcept nogil:
    cdef next_packet_t next
    cdef stored_packet_t *packet
    cdef uint32_t samples = 0
    cdef uint32_t ready
    cdef bint holding = buffer.playout.held > 0
    cdef int64_t place_ts64 = buffer.playout.end_ts
    cdef playout_action_t action
    if not buffer.playing:
        return sound_conceal(&buffer.sound, wanted)
    packet = find_next(buffer, &next)
    action = playout_next(&buffer.playout, &next, now_us + samples_to_us(buffer.sound.ready),
                          delay_estimator_due(&buffer.estimator), wanted, &samples)
    if action == PLAYOUT_DECODE:
        ready = buffer.sound.ready
        play_packet(buffer, packet)
        if holding and next.ts64 <= place_ts64 + SEAM and ready == buffer.aside:
            return -<int>sound_cut(&buffer.sound, 0, ready)
        return 0
    if action == PLAYOUT_RECOVER:
        buffer.statistics.fec_recovered += 1
        sound_recover(&buffer.sound, packet_store_data(&buffer.store, packet), packet.size, samples)
        playout_made(&buffer.playout, samples, False)
        buffer.floor_ts64 = buffer.playout.end_ts
        return 0
    if action == PLAYOUT_BRIDGE:
        # libopus has to live through all of it, or else the packet behind it would not fit to what it remembers.
        ready = buffer.sound.ready
        samples = sound_conceal(&buffer.sound, samples)
        play_packet(buffer, packet)
        buffer.statistics.concealments += not holding
        return <int>samples - <int>sound_cut(&buffer.sound, ready, buffer.playout.cut)
    samples = sound_conceal(&buffer.sound, samples)
    if action == PLAYOUT_CONCEAL:
        buffer.statistics.concealments += not holding
        buffer.playout.held += samples
        if buffer.playout.held > HELD_AT_MOST:
            buffer.playing = False
    else:
        pulled.silent += samples
        playout_silence(&buffer.playout, &next, now_us + samples_to_us(buffer.sound.ready),
                        delay_estimator_due(&buffer.estimator))
    return samples


# A delay that would take too long to be caught up by playing faster: what is older than need be goes.
cdef void skip_excess(jitter_buffer_t *buffer, int64_t now_us) noexcept nogil:
    cdef int64_t due_us = delay_estimator_due(&buffer.estimator)
    cdef int64_t end_us = now_us + samples_to_us(buffer.sound.ready)
    if end_us - samples_to_us(buffer.playout.end_ts) - due_us < SKIP_US:
        return
    while buffer.store.count > 1 and end_us - samples_to_us(packet_store_at(&buffer.store, 1).ts64) >= due_us:
        packet_store_pop(&buffer.store)
        buffer.statistics.skipped += 1


cdef bint may_start(const jitter_buffer_t *buffer, int64_t now_us) noexcept nogil:
    if not buffer.has_source or buffer.store.count == 0:
        return False
    return now_us - samples_to_us(packet_store_at(&buffer.store, 0).ts64) >= delay_estimator_due(&buffer.estimator)


# Returns the samples added to what is at hand; negative: removed.
cdef int stretch(jitter_buffer_t *buffer, int64_t now_us, uint32_t tick) noexcept nogil:
    cdef next_packet_t next
    cdef stretch_wish_t wish
    cdef stored_packet_t *packet = find_next(buffer, &next)
    cdef int moved
    wish = playout_stretch(&buffer.playout, &next, now_us, buffer.sound.ready, tick,
                           &buffer.estimator)
    if wish.shorter == 0 and wish.longer == 0:
        return 0
    # Two periods are compared, so more than a tick is needed; if the next packet follows, it may be decoded early.
    if (wish.shorter > 0 and packet != NULL and packet.ts64 == buffer.playout.end_ts and buffer.sound.ready < 2 * tick
            and packet.samples <= SOUND_MAX_TICK and sound_has_room(&buffer.sound, packet.samples)):
        play_packet(buffer, packet)
    moved = sound_stretch(&buffer.sound, &wish)
    playout_stretched(&buffer.playout, max(-moved, 0), max(moved, 0))
    return moved


cdef void jitter_buffer_pull(jitter_buffer_t *buffer, int64_t now_us, int16_t *pcm, uint32_t samples,
                             pulled_t *pulled) noexcept nogil:
    cdef uint32_t aside = 0
    cdef int last_aside = 0
    cdef uint32_t last_begins = 0
    cdef uint32_t left
    cdef int moved = 0
    invariant(0 < samples <= JITTER_MAX_TICK, "a tick is 1 to 960 samples")
    memset(pulled, 0, sizeof(pulled_t))
    if buffer.tick_us == 0 and buffer.has_source and buffer.store.count > 0:
        # Only now it is known when ticks begin, and so how long the first packet has waited for one.
        delay_estimator_rebase(&buffer.estimator)
        delay_estimator_packet(&buffer.estimator, samples_to_us(packet_store_at(&buffer.store, 0).ts64), 0, True, 0,
                               now_us)
    buffer.pulled_us = now_us
    buffer.tick_us = samples_to_us(samples)
    sound_set_silent_run(&buffer.sound, pcm == NULL, &buffer.store)
    if not buffer.playing and may_start(buffer, now_us):
        playout_init(&buffer.playout, packet_store_at(&buffer.store, 0).ts64)
        buffer.playing = True
        buffer.aside = buffer.sound.ready            # the end of what was before
    if buffer.playing and not buffer.playout.silent:
        skip_excess(buffer, now_us)
    pulled.started = buffer.playing
    aside = buffer.aside
    left = aside - min(aside, samples)
    if buffer.aside_silent:
        pulled.silent = aside
    while buffer.sound.ready < samples:
        last_begins = buffer.sound.ready
        last_aside = append(buffer, now_us, samples - buffer.sound.ready, pulled)
        aside += last_aside
    if buffer.playing and aside == 0:
        moved = stretch(buffer, now_us, samples)
        while buffer.sound.ready < samples:
            last_begins = buffer.sound.ready
            last_aside = append(buffer, now_us, samples - buffer.sound.ready, pulled)
            aside += last_aside
    sound_fetch(&buffer.sound, pcm, samples)

    # What is left of it lies at the head: of before, if there was more than a tick of that, or else of what came last.
    if <int>last_begins + last_aside > <int>samples:
        left += last_begins + last_aside - samples
        buffer.aside_silent = buffer.playout.silent or not buffer.playing
    aside -= left
    buffer.aside = left
    pulled.silent = aside if not buffer.playing else min(pulled.silent, aside)
    pulled.concealed = aside - pulled.silent
    buffer.place_ts64 = max(buffer.place_ts64, buffer.playout.end_ts - (buffer.sound.ready - buffer.aside))
    pulled.to_ts64 = buffer.place_ts64
    pulled.from_ts64 = buffer.place_ts64 - (<int64_t>samples - aside) + moved
    buffer.statistics.concealed += pulled.concealed
    buffer.statistics.silent += pulled.silent
    buffer.statistics.played += samples - aside
    buffer.statistics.removed += max(-moved, 0)
    buffer.statistics.added += max(moved, 0)
    buffer.statistics.target_us = buffer.estimator.target_us
    if buffer.playing:
        buffer.statistics.delay_us = now_us - samples_to_us(pulled.from_ts64) - delay_estimator_base(&buffer.estimator)
