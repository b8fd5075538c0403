"""Who of a group speaks, in which order, and who of them has the floor. Pure: levels and the time go in.

A speaker has the floor until somebody else is clearly the better one on all three time scales (`speech_activity`), so
that neither a cough nor somebody who interrupts takes it. The ranking is by loudness over about a second; one moves up
only if it is clearly louder, so that the order is calm.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from mediaplane.audio.speech_activity cimport speech_activity_t
from mediaplane.deadlines cimport deadline_t

cdef enum:
    MAX_RANKED = 32              # of a group; the rest are quieter
    FLOOR_HELD_US = 300000       # between two changes of who has it, at least
    # How much better a candidate must be, in thousandths: immediate, medium and long term (the paper's C1 to C3).
    BETTER_IMMEDIATE = 3000
    BETTER_MEDIUM = 2000
    BETTER_LONG_TERM = 0

# One producer of audio.
cdef struct speaker_t:
    uint32_t id
    uint8_t ranked               # it is in the group's ranking
    speech_activity_t speech
    speaker_group_t *group
    speaker_t *next

# Those of one room on one worker.
cdef struct speaker_group_t:
    uint32_t id
    uint32_t count
    speaker_t *speakers          # list
    speaker_t *dominant          # NULL: nobody has spoken yet, or who did has gone
    int64_t dominant_us          # since when
    uint32_t ranked_count
    speaker_t *ranked[32]        # the loudest first
    # What is told of it.
    deadline_t deadline
    uint8_t changed              # the ranking or the dominant speaker, since it was told
    uint8_t refreshed            # its scores are told regularly: other workers have speakers of the room too
    int64_t told_us

cdef void speaker_group_init(speaker_group_t *group, uint32_t id) noexcept nogil
cdef void speaker_init(speaker_t *speaker, uint32_t id) noexcept nogil
cdef void speaker_group_add(speaker_group_t *group, speaker_t *speaker) noexcept nogil
cdef void speaker_group_remove(speaker_group_t *group, speaker_t *speaker) noexcept nogil
# It was muted: it is out of the ranking at once, and does not keep the floor.
cdef void speaker_group_mute(speaker_group_t *group, speaker_t *speaker) noexcept nogil
# Decides anew. Sets `changed`. Returns whether anybody speaks or has lately, so that it is to be done again.
cdef bint speaker_group_decide(speaker_group_t *group, int64_t now_us) noexcept nogil
