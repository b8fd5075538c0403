"""Decoded sound on its way out: what libopus makes is appended, ticks are fetched from the head, and near the head time
is stretched.

Counts are samples of each channel. With `silent_run` nothing is decoded and no sample touched: only the counts change.
"""
from libc.stdint cimport int16_t, uint8_t, uint32_t

from mediaplane.audio.opus cimport OpusDecoder
from mediaplane.audio.packet_store cimport packet_store_t
from mediaplane.audio.playout cimport stretch_wish_t

cdef enum:
    SOUND_MAX_TICK = 960         # samples that are fetched at once: 20 ms

cdef struct sound_t:
    OpusDecoder *decoder
    int16_t *pcm                 # pcm[head .. head + ready - 1] is at hand; what was fetched lies before it
    uint32_t capacity
    uint32_t head
    uint32_t ready
    int channels
    bint silent_run
    uint32_t conceal_step        # concealment comes in multiples of it
    bint stale                   # the decoder has not heard what was played last
    bint heard                   # something has been decoded since the beginning
    float noise                  # mean square of the quietest that was heard of late

cdef int sound_init(sound_t *sound, int channels) noexcept nogil
cdef void sound_free(sound_t *sound) noexcept nogil
# Ends or begins a silent run. At its end the decoder is warmed up with the packets that were played last.
cdef void sound_set_silent_run(sound_t *sound, bint silent_run, const packet_store_t *store) noexcept nogil
# Each appends `samples`; MALFORMED if libopus refused the packet, and what is appended is concealment.
cdef int sound_decode(sound_t *sound, const uint8_t *data, uint32_t size, uint32_t samples) noexcept nogil
cdef int sound_recover(sound_t *sound, const uint8_t *data, uint32_t size, uint32_t samples) noexcept nogil
# Rounds up to what libopus can do, and returns how many samples that are.
cdef uint32_t sound_conceal(sound_t *sound, uint32_t samples) noexcept nogil
# Whether `samples` more may be appended now.
cdef bint sound_has_room(const sound_t *sound, uint32_t samples) noexcept nogil
# Makes what is at hand shorter or longer, as far as the sound allows it. Returns the samples added; negative: removed.
cdef int sound_stretch(sound_t *sound, const stretch_wish_t *wish) noexcept nogil
# Leaves out `most` samples or fewer from `from_sample` of what is at hand on, where two parts are most alike. Returns
# how many.
cdef uint32_t sound_cut(sound_t *sound, uint32_t from_sample, uint32_t most) noexcept nogil
# The first `samples` (there are as many) leave; `pcm` may be NULL in a silent run.
cdef void sound_fetch(sound_t *sound, int16_t *pcm, uint32_t samples) noexcept nogil
