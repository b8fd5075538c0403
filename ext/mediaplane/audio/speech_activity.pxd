"""How much one source speaks, on three time scales, from its audio levels alone (RFC 6464).

The method is that of Volfin and Cohen, "Dominant speaker identification for multipoint videoconferencing" (Computer
Speech & Language 27, 2013): the more of a span is speech, the likelier somebody holds the floor rather than coughs.
Time is cut into frames of 20 ms. Loudness counts in steps above the source's own noise, so that a loud fan is none.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

cdef enum:
    FRAME_US = 20000
    BAND_DB = 3                  # a step of loudness above the noise
    MAX_BANDS = 13
    SPEECH_BANDS = 4             # so many above the noise are speech
    MEDIUM_FRAMES = 5            # frames of the middle span, 100 ms
    SPEECH_FRAMES = 4            # so many of them in speech make a block of speech
    LONG_BLOCKS = 10             # such blocks in the long span, 1 s
    HISTORY_FRAMES = 50
    HELD_FRAMES = 3              # a level holds for at most so long: packets of 60 ms, and jitter
    ACTIVITY_PER_DB = 64

# Log-likelihood scores of speech, as natural logarithms in thousandths: the differences of two speakers' are compared.
cdef struct speech_scores_t:
    int32_t immediate
    int32_t medium
    int32_t long_term

cdef struct speech_activity_t:
    uint64_t history             # the last 50 frames, the newest in bit 0: whether they were speech
    int64_t frame                # number of the newest
    int32_t activity             # dB of speech above the noise * 64, smoothed: it rises faster than it falls
    uint8_t above                # loudness of the newest frame above the noise, in dB
    uint8_t bands                # of the newest frame
    uint8_t floor                # the noise, in dB above -127 dBov
    uint8_t rise                 # frames since the noise was last taken to have risen
    uint8_t held                 # frames since the level was told

cdef void speech_activity_init(speech_activity_t *activity) noexcept nogil
# A level in -dBov was told: 0 the loudest, 127 silence. Returns whether it is speech.
cdef bint speech_activity_level(speech_activity_t *activity, uint8_t level, int64_t now_us) noexcept nogil
# Nothing was told until now.
cdef void speech_activity_advance(speech_activity_t *activity, int64_t now_us) noexcept nogil
# From now on it counts as silent, until the next level.
cdef void speech_activity_silence(speech_activity_t *activity) noexcept nogil
cdef int speech_medium_frames(const speech_activity_t *activity) noexcept nogil   # of speech, 0 to 5
cdef int speech_long_blocks(const speech_activity_t *activity) noexcept nogil     # of speech, 0 to 10
cdef speech_scores_t speech_scores(const speech_activity_t *activity) noexcept nogil
