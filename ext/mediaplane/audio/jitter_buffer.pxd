"""The jitter buffer of one Opus stream: packets in as they come, sound out in even ticks.

Sans-IO: every call says what time it is. Nothing is allocated but by jitter_buffer_new(), nothing blocks, and nothing a
sender does makes it grow. One thread at a time. Timestamps with 64 in their name do not wrap.

Parts: delay_estimator says how long to wait, packet_store keeps what waits, playout decides what is played, and sound
makes it, with libopus and time_stretch.
"""
from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.audio.delay_estimator cimport delay_estimator_t
from mediaplane.audio.packet_store cimport packet_store_t
from mediaplane.audio.playout cimport playout_t
from mediaplane.audio.sound cimport sound_t

cdef enum:
    JITTER_MAX_TICK = 960        # samples that are fetched at once: 20 ms
    JITTER_NO_PAYLOAD_TYPE = 255

cdef struct jitter_statistics_t:
    uint64_t packets             # that came, of any kind
    uint64_t duplicates
    uint64_t late                # their place had been played
    uint64_t malformed           # RED or Opus that breaks its format, or that libopus refuses
    uint64_t unknown_payload_type
    uint64_t implausible         # timestamps or sequence numbers far from the others
    uint64_t restarts            # the source or its clock became another one
    uint64_t evicted             # no room: the oldest went
    uint64_t skipped             # played not at all, because the delay had grown too long
    uint64_t red_recovered       # packets that came only inside later ones
    uint64_t fec_recovered       # by in-band FEC
    uint64_t concealments        # times that something was missing
    # Samples, of what was fetched:
    uint64_t played
    uint64_t concealed
    uint64_t silent              # the source was: DTX, and after it stopped
    # Samples of the source that were not given out, or twice, so that the delay becomes the target:
    uint64_t removed
    uint64_t added
    # In us above the base: what is aimed at, and what the sample that was fetched last had waited.
    int64_t target_us
    int64_t delay_us

# What one call of jitter_buffer_pull() gave.
cdef struct pulled_t:
    int64_t from_ts64            # place in the source's time of the first sample, and behind the last one
    int64_t to_ts64
    uint32_t concealed           # samples
    uint32_t silent
    bint started

ctypedef struct jitter_buffer_t:
    delay_estimator_t estimator
    packet_store_t store
    playout_t playout
    jitter_statistics_t statistics
    sound_t sound
    uint64_t opus_types[2]       # payload types, a bit each
    uint64_t red_types[2]
    bint has_source              # ssrc and the numbers below are those of a source
    bint playing
    uint32_t ssrc
    int64_t highest_seq64
    int64_t highest_ts64
    int64_t newest_end_ts64      # where the one after the newest packet is expected to begin
    uint64_t seen                # bit n: highest_seq64 - n came
    int64_t played_seq64         # of the packet that was played last
    int64_t floor_ts64           # what begins before it is late
    int64_t pulled_us            # when the last tick was fetched
    int64_t tick_us              # and how long it was
    bint suspecting              # the last packet was implausible; another one like it is believed
    uint16_t suspect_seq16
    uint32_t suspect_ts32
    int64_t suspect_us
    uint32_t aside               # samples at the head of the sound that are not of the source's time
    bint aside_silent            # because the source was silent; else they conceal
    int64_t place_ts64           # in the source's time, of what is fetched next

# `channels` of the sound that is given out, 1 or 2. `red_payload_type`: JITTER_NO_PAYLOAD_TYPE if not negotiated.
# OK, UNSUPPORTED or NO_MEMORY; the buffer only with OK.
cdef int jitter_buffer_new(jitter_buffer_t **buffer, int channels, uint8_t opus_payload_type,
                           uint8_t red_payload_type) noexcept nogil
# Another payload type that the source may use: of Opus, or of RED around any of those.
cdef void jitter_buffer_take(jitter_buffer_t *buffer, uint8_t payload_type, bint is_red) noexcept nogil
cdef void jitter_buffer_free(jitter_buffer_t *buffer) noexcept nogil            # NULL is allowed
# An authentic packet of the stream; `payload` without padding. Copies what it keeps.
cdef void jitter_buffer_insert(jitter_buffer_t *buffer, const uint8_t *payload, uint32_t size, uint16_t seq16,
                               uint32_t ts32, uint8_t payload_type, uint32_t ssrc, int64_t now_us) noexcept nogil
# Always gives `samples`, 1 .. JITTER_MAX_TICK, for the time from `now_us` on. `pcm` NULL: time goes on as always, but
# nothing is decoded; when sound is asked for again, the decoder is warmed up with what was played last.
cdef void jitter_buffer_pull(jitter_buffer_t *buffer, int64_t now_us, int16_t *pcm, uint32_t samples,
                             pulled_t *pulled) noexcept nogil
