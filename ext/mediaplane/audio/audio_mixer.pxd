"""The mix of one room: Opus packets of its sources in, every 20 ms a packet for each of its outputs out.

Sans-IO: every call says what time it is. Sources are made and encoders allocated before they are used; a tick allocates
nothing. Output 0 is the whole mix. Output n is the mix for the talker who has place n - 1, without what that one says;
it rests while the place is empty. PCM is at 48 kHz, interleaved, 960 frames a tick.

Only talkers (see talkers.pxd) are decoded. Everybody else's jitter buffer goes on without sound, so that whoever begins
to speak is heard at once, from a decoder that was warmed up with the packets before.
"""
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.audio.jitter_buffer cimport jitter_buffer_t
from mediaplane.audio.limiter cimport limiter_t
from mediaplane.audio.opus cimport OpusEncoder, opus_settings_t
from mediaplane.audio.talkers cimport talker_t, talkers_t

cdef enum:
    MIXER_TICK = 960             # frames
    MIXER_TICK_US = 20000
    MIXER_PACKET_CAPACITY = 1276     # the largest packet of one Opus frame
    MIXER_PACKETS_PER_TICK = 16  # of a source; what floods is dropped
    MIXER_LEVEL_UNKNOWN = 255    # a source that does not tell it

# One incoming stream.
cdef struct mixer_source_t:
    uint64_t id                  # whatever the caller knows it by
    uint64_t owner               # whoever has this one hears nothing of it; 0: nobody
    bint open                    # else it is muted
    bint heard                   # its gain at the end of the last tick was not 0
    jitter_buffer_t *buffer
    talker_t talker
    int64_t packet_us            # when a packet came last
    uint32_t packets             # since the last tick
    uint64_t flooded             # packets that were dropped
    mixer_source_t *next

cdef struct mixer_settings_t:
    uint8_t channels             # 1 or 2
    uint8_t talkers              # 1 .. MAX_TALKERS
    opus_settings_t opus

cdef struct mixer_output_t:
    OpusEncoder *encoder
    limiter_t limiter
    uint64_t without             # the owner who does not hear itself here; 0: nobody (of output 0), or it rests
    bint wanted                  # somebody listens: set by the caller
    bint running                 # it was encoded in the last tick
    uint8_t complexity           # of the encoder at the moment
    int size                     # bytes of its packet of this tick; 0: none
    uint8_t packet[1276]
    int16_t pcm[1920]            # what was encoded

cdef struct mixer_statistics_t:
    uint64_t ticks
    uint64_t decoded             # talkers, summed over ticks
    uint64_t encoded             # packets
    uint64_t limited             # blocks of 16 frames that were too loud, in any output
    uint64_t changes             # talkers who got a place
    uint64_t flooded             # packets of sources that sent too many
    uint64_t refused             # frames that libopus did not encode

ctypedef struct audio_mixer_t:
    mixer_settings_t settings
    mixer_source_t *sources      # list
    uint32_t source_count
    talkers_t talkers
    bint resting                 # nobody listens to anything: set by the caller
    uint8_t shed                 # what is shed of its work: set by the caller, see overload.pxd
    mixer_statistics_t statistics
    uint32_t output_count        # places + 1
    mixer_output_t *outputs
    mixer_source_t **placed      # by place
    int32_t *own                 # by place: what its talker adds to the mix
    int32_t *sum
    int32_t *scratch
    int16_t *pulled

# OK, UNSUPPORTED (a setting) or NO_MEMORY; the mixer only with OK. It owns the sources that were added to it.
cdef int audio_mixer_new(audio_mixer_t **mixer, const mixer_settings_t *settings) noexcept nogil
cdef void audio_mixer_free(audio_mixer_t *mixer) noexcept nogil                 # NULL is allowed
# `opus`: other settings from the next tick on; OK or UNSUPPORTED.
cdef int audio_mixer_set(audio_mixer_t *mixer, const opus_settings_t *opus) noexcept nogil

# OK or NO_MEMORY. `channels`: those of the mixer.
cdef int mixer_source_new(mixer_source_t **source, int channels, uint64_t id, uint64_t owner, uint8_t opus_payload_type,
                          uint8_t red_payload_type) noexcept nogil
cdef void mixer_source_free(mixer_source_t *source) noexcept nogil
cdef void audio_mixer_add(audio_mixer_t *mixer, mixer_source_t *source) noexcept nogil
# It is nobody's then.
cdef void audio_mixer_remove(audio_mixer_t *mixer, mixer_source_t *source) noexcept nogil

# An authentic packet; `payload` without padding. `level`: in -dBov, or MIXER_LEVEL_UNKNOWN.
cdef void audio_mixer_receive(audio_mixer_t *mixer, mixer_source_t *source, const uint8_t *payload, uint32_t size,
                              uint16_t seq16, uint32_t ts32, uint8_t payload_type, uint32_t ssrc, uint8_t level,
                              int64_t now_us) noexcept nogil
# 20 ms of everything: who talks is chosen, decoded, mixed, and each wanted output encoded. To be called once every
# MIXER_TICK_US. audio_mixer_choose() is its first part, after which `without` of each output holds.
cdef void audio_mixer_choose(audio_mixer_t *mixer, int64_t now_us) noexcept nogil
cdef void audio_mixer_mix(audio_mixer_t *mixer, int64_t now_us) noexcept nogil
# A tick that is left out: time goes on for the sources, and nobody is heard.
cdef void audio_mixer_skip(audio_mixer_t *mixer, int64_t now_us) noexcept nogil
