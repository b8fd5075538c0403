"""Who is heard in a mix: the loudest few, by their audio levels alone (RFC 6464). Pure: levels and the time go in.

A talker has a place until it has been silent for a while, or somebody clearly louder needs it. Who takes an empty place
is heard in the same tick, since the first syllable matters; who takes another's is heard a tick later, when that one
has faded out.
"""
from libc.stdint cimport int16_t, int64_t, uint8_t, uint32_t

from mediaplane.audio.speech_activity cimport speech_activity_t

cdef enum:
    MAX_TALKERS = 128
    NO_PLACE = -1

cdef struct talker_t:
    speech_activity_t speech
    int64_t spoke_us             # when it did last
    int64_t since_us             # when it got its place
    int16_t place                # NO_PLACE: it is not heard
    uint8_t leaving              # it fades out in this tick

cdef struct talkers_t:
    uint32_t capacity            # places
    uint32_t count               # of talkers that have one
    uint32_t candidate_count
    talker_t *places[128]        # NULL: empty
    talker_t *candidates[128]    # the loudest who speak now and have no place, the loudest first

# `capacity`: 1 .. MAX_TALKERS.
cdef void talkers_init(talkers_t *talkers, uint32_t capacity) noexcept nogil
cdef void talker_init(talker_t *talker) noexcept nogil
# A level in -dBov was told, 127 being silence.
cdef void talker_level(talker_t *talker, uint8_t level, int64_t now_us) noexcept nogil
# A tick: begin, consider each that may be heard, decide. Then `places` are those who are heard, and whoever among them
# is `leaving` is to be taken off after this tick. `allowed`: how many may be heard, at most the capacity.
cdef void talkers_begin(talkers_t *talkers) noexcept nogil
cdef void talkers_consider(talkers_t *talkers, talker_t *talker, int64_t now_us) noexcept nogil
cdef void talkers_decide(talkers_t *talkers, uint32_t allowed, int64_t now_us) noexcept nogil
# It leaves its place at once, if it has one.
cdef void talkers_remove(talkers_t *talkers, talker_t *talker) noexcept nogil
