"""From packets to ticks of sound: see sound.pxd."""
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memmove, memset

from mediaplane.audio.opus cimport (
    OPUS_CONCEAL_STEP, OPUS_MAX_SAMPLES, OPUS_SILK_STEP, opus_conceal, opus_decode_fec, opus_decode_packet,
    opus_decoder_free, opus_decoder_new, opus_decoder_reset, opus_packet_is_silk,
)
from mediaplane.audio.packet_store cimport packet_store_data, packet_store_past, stored_packet_t
from mediaplane.audio.time_stretch cimport (
    STRETCH_HISTORY, STRETCH_LEAST, STRETCH_MOST, stretch_energy, stretch_longer, stretch_shorter,
)
from mediaplane.debug cimport invariant
from mediaplane.status cimport MALFORMED, NO_MEMORY, OK, UNSUPPORTED

cdef enum:
    # What is at hand when the longest packet is appended: less than a tick and what two stretches have added, or the
    # packet that was decoded early, to have more to compare.
    MAX_READY = OPUS_MAX_SAMPLES + 4 * SOUND_MAX_TICK
    MOVE_ROOM = 2 * SOUND_MAX_TICK          # so that sound is moved to the front only now and then
    CUT_SLACK = 120                         # samples: half a period of 200 Hz
    QUIET_LAG = 240                         # assumed where nothing is decoded

cdef float QUIET = 4.0                      # times the noise: so quiet that no seam is heard
cdef float NOISE_RISE = 1.01                # for each packet: 6 dB in a second and a half
cdef float NOISE_AT_MOST = 250000.0         # -36 dBFS: what is louder is no background


cdef int sound_init(sound_t *sound, int channels) noexcept nogil:
    cdef int status
    memset(sound, 0, sizeof(sound_t))
    if channels != 1 and channels != 2:
        return UNSUPPORTED
    sound.channels = channels
    sound.capacity = STRETCH_HISTORY + MAX_READY + MOVE_ROOM
    sound.head = STRETCH_HISTORY
    sound.noise = NOISE_AT_MOST
    sound.conceal_step = OPUS_CONCEAL_STEP
    sound.pcm = <int16_t *>calloc(sound.capacity * channels, sizeof(int16_t))
    if sound.pcm == NULL:
        return NO_MEMORY
    status = opus_decoder_new(&sound.decoder, channels)
    if status != OK:
        sound_free(sound)
    return status


cdef void sound_free(sound_t *sound) noexcept nogil:
    opus_decoder_free(sound.decoder)
    free(sound.pcm)
    sound.decoder = NULL
    sound.pcm = NULL


cdef bint sound_has_room(const sound_t *sound, uint32_t samples) noexcept nogil:
    return sound.ready + samples <= MAX_READY


# Where `samples` may be appended; what is at hand moves to the front if need be.
cdef int16_t *room_for(sound_t *sound, uint32_t samples) noexcept nogil:
    invariant(sound.ready + samples <= MAX_READY, "sound fits where it is appended")
    if sound.head + sound.ready + samples > sound.capacity:
        memmove(sound.pcm, sound.pcm + (sound.head - STRETCH_HISTORY) * sound.channels,
                (STRETCH_HISTORY + sound.ready) * sound.channels * sizeof(int16_t))
        sound.head = STRETCH_HISTORY
    return sound.pcm + (sound.head + sound.ready) * sound.channels


cdef void sound_set_silent_run(sound_t *sound, bint silent_run, const packet_store_t *store) noexcept nogil:
    cdef const stored_packet_t *packet
    cdef const uint8_t *data
    cdef uint32_t age, ready
    cdef int made = 0
    if sound.silent_run == silent_run:
        return
    sound.silent_run = silent_run
    if silent_run or not sound.stale:
        return
    sound.stale = False
    ready = sound.ready
    sound.head = STRETCH_HISTORY
    sound.ready = 0
    memset(sound.pcm, 0, sound.capacity * sound.channels * sizeof(int16_t))
    opus_decoder_reset(sound.decoder)
    for age in range(store.past, 0, -1):
        packet = packet_store_past(store, age)
        data = packet_store_data(store, packet)
        if data != NULL:
            made = opus_decode_packet(sound.decoder, data, packet.size, room_for(sound, packet.samples),
                                      packet.samples)
            sound.heard = True
    # The end of the last one is what was at hand.
    if made > 0 and <uint32_t>made > ready:
        memmove(sound.pcm + sound.head * sound.channels, sound.pcm + (sound.head + made - ready) * sound.channels,
                ready * sound.channels * sizeof(int16_t))
    sound.ready = ready


cdef uint32_t sound_conceal(sound_t *sound, uint32_t samples) noexcept nogil:
    cdef int16_t *pcm
    cdef int made
    samples = (samples + sound.conceal_step - 1) // sound.conceal_step * sound.conceal_step
    if sound.silent_run:
        sound.ready += samples
        sound.stale = True
        return samples
    pcm = room_for(sound, samples)
    made = opus_conceal(sound.decoder, pcm, <int>samples) if sound.heard else 0
    made = max(made, 0)
    memset(pcm + made * sound.channels, 0, (samples - made) * sound.channels * sizeof(int16_t))
    sound.ready += samples
    return samples


cdef int appended(sound_t *sound, int16_t *pcm, int made, uint32_t samples) noexcept nogil:
    cdef float energy
    sound.heard = True
    if made != <int>samples:
        sound_conceal(sound, samples)
        return MALFORMED
    energy = stretch_energy(pcm, samples, sound.channels)
    sound.noise = min(min(energy, sound.noise * NOISE_RISE + 1.0), NOISE_AT_MOST)
    sound.ready += samples
    return OK


cdef int sound_decode(sound_t *sound, const uint8_t *data, uint32_t size, uint32_t samples) noexcept nogil:
    cdef int16_t *pcm
    sound.conceal_step = OPUS_SILK_STEP if opus_packet_is_silk(data) else OPUS_CONCEAL_STEP
    if sound.silent_run:
        sound.ready += samples
        sound.stale = True
        return OK
    pcm = room_for(sound, samples)
    return appended(sound, pcm, opus_decode_packet(sound.decoder, data, size, pcm, <int>samples), samples)


cdef int sound_recover(sound_t *sound, const uint8_t *data, uint32_t size, uint32_t samples) noexcept nogil:
    cdef int16_t *pcm
    if sound.silent_run:
        sound.ready += samples
        sound.stale = True
        return OK
    pcm = room_for(sound, samples)
    return appended(sound, pcm, opus_decode_fec(sound.decoder, data, size, pcm, <int>samples), samples)


cdef int sound_stretch(sound_t *sound, const stretch_wish_t *wish) noexcept nogil:
    cdef int16_t *pcm = sound.pcm + sound.head * sound.channels
    cdef float similar = wish.similar
    cdef uint32_t moved
    if sound.silent_run:
        if wish.shorter >= STRETCH_LEAST:
            moved = min(wish.shorter, <uint32_t>QUIET_LAG)
            moved = moved if sound.ready > moved + SOUND_MAX_TICK else 0
            sound.ready -= moved
            return -<int>moved
        moved = min(wish.longer, <uint32_t>QUIET_LAG)
        sound.ready += moved
        return <int>moved
    if stretch_energy(pcm, min(sound.ready, <uint32_t>SOUND_MAX_TICK), sound.channels) < QUIET * sound.noise:
        similar = -1.0
    if wish.shorter >= STRETCH_LEAST:
        moved = stretch_shorter(pcm, sound.ready, sound.channels, STRETCH_LEAST, wish.shorter, similar)
        sound.ready -= moved
        return -<int>moved
    if wish.longer >= STRETCH_LEAST and sound_has_room(sound, STRETCH_MOST):
        room_for(sound, STRETCH_MOST)
        pcm = sound.pcm + sound.head * sound.channels
        moved = stretch_longer(pcm, sound.ready, sound.channels, wish.longer, similar)
        sound.ready += moved
        return <int>moved
    return 0


cdef uint32_t sound_cut(sound_t *sound, uint32_t from_sample, uint32_t most) noexcept nogil:
    cdef uint32_t moved
    if sound.silent_run:
        moved = min(most, <uint32_t>QUIET_LAG)
    else:
        moved = stretch_shorter(sound.pcm + (sound.head + from_sample) * sound.channels, sound.ready - from_sample,
                                sound.channels, most - min(most, CUT_SLACK), most, -1.0)
    sound.ready -= moved
    return moved


cdef void sound_fetch(sound_t *sound, int16_t *pcm, uint32_t samples) noexcept nogil:
    invariant(samples <= sound.ready, "no more is fetched than is at hand")
    if sound.silent_run:
        sound.ready -= samples
        return
    memcpy(pcm, sound.pcm + sound.head * sound.channels, samples * sound.channels * sizeof(int16_t))
    sound.head += samples
    sound.ready -= samples
