"""What a jitter buffer plays next, and how fast: the decisions alone, without any sound.

The playout has a place in the source's time: `end_ts`, up to where sound has been made. The *cover* is the relative
delay at which the next packet is needed: what comes later than that comes too late. It moves with the ticks in which
sound is fetched, while the delay moves with every sample; so a tick's worth of delay may be without use.
"""
from libc.stdint cimport int64_t, uint32_t

from mediaplane.audio.delay_estimator cimport delay_estimator_t

cdef enum:
    PLAYOUT_STEP = 480           # samples that are concealed before it looks again: 10 ms

cdef enum playout_action_t:
    PLAYOUT_DECODE = 0           # the first packet
    PLAYOUT_RECOVER = 1          # what is missing before it, from its in-band FEC
    PLAYOUT_CONCEAL = 2          # something is missing; the place is held
    PLAYOUT_SILENCE = 3          # the source is silent, and time goes on
    PLAYOUT_BRIDGE = 4           # what is missing is concealed, up to the packet behind it, which is decoded as well

# The first packet behind `end_ts`, if there is one.
cdef struct next_packet_t:
    bint present
    bint in_sequence             # its sequence number follows that of the packet played before
    int64_t ts64
    int64_t newest_end_ts        # end of the newest packet there is
    uint32_t fec_samples         # that it can recover; 0: none

cdef struct playout_t:
    int64_t end_ts               # 48 kHz units
    uint32_t held                # samples concealed since the place is held
    uint32_t rest                # samples to be played before the speed may be changed again
    uint32_t cut                 # of a bridge: so many samples of it may be left out, as far as the sound allows it
    bint silent                  # the source said so (DTX)

cdef struct stretch_wish_t:
    uint32_t shorter             # samples, at most; 0: none
    uint32_t longer
    float similar                # how alike two periods have to be, where it is not quiet

cdef void playout_init(playout_t *playout, int64_t first_ts) noexcept nogil
# What to append when the sound at hand ends at `end_us`, at most `wanted` samples of it; `samples` receives
# how many (not for PLAYOUT_DECODE; of a bridge those to conceal). Moves `end_ts` up to where it begins. `due_us`:
# relative delay that is aimed at.
cdef playout_action_t playout_next(playout_t *playout, const next_packet_t *next, int64_t end_us, int64_t due_us,
                                   uint32_t wanted, uint32_t *samples) noexcept nogil
# `samples` have been made of the source's time, beginning at `end_ts`.
cdef void playout_made(playout_t *playout, uint32_t samples, bint silent) noexcept nogil
# Silence has been made up to `end_us`: the place moves on to where it is due then, as far as the next packet.
cdef void playout_silence(playout_t *playout, const next_packet_t *next, int64_t end_us, int64_t due_us) noexcept nogil
# Whether to play faster or slower, with `ready` samples at hand of which `tick` go now.
cdef stretch_wish_t playout_stretch(const playout_t *playout, const next_packet_t *next, int64_t now_us,
                                    uint32_t ready, uint32_t tick,
                                    const delay_estimator_t *estimator) noexcept nogil
# `removed` or `added` samples at hand; not both, and neither if the sound did not allow it.
cdef void playout_stretched(playout_t *playout, uint32_t removed, uint32_t added) noexcept nogil


cdef inline int64_t samples_to_us(int64_t samples) noexcept nogil:
    return samples * 125 // 6


cdef inline int64_t us_to_samples(int64_t us) noexcept nogil:
    return us * 6 // 125
