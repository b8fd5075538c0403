"""The speaker groups of a worker: producers join and leave them, deadlines drive them, events tell of them."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from mediaplane.audio.active_speaker cimport speaker_group_t
from mediaplane.model cimport plane_t, producer_t

cdef enum:
    DECIDE_INTERVAL_US = 100000      # while somebody speaks; an event at most as often
    REFRESH_INTERVAL_US = 500000     # between two events of a group whose scores others compare theirs with

# A producer that brings a speaker (and a group in case there is none yet) joins: OK or NO_SPACE.
cdef int speakers_join(plane_t *plane, producer_t *producer) noexcept nogil
# Idempotent; the last one to leave takes the group with it.
cdef void speakers_leave(plane_t *plane, producer_t *producer) noexcept nogil
# Frees what a producer brought and what it has not given away.
cdef void speakers_free(producer_t *producer) noexcept nogil
cdef void speakers_level(plane_t *plane, producer_t *producer, uint8_t level, int64_t now_us) noexcept nogil
cdef void speakers_mute(plane_t *plane, producer_t *producer, int64_t now_us) noexcept nogil
# Whether its scores are told regularly: OK or NOT_FOUND.
cdef int speakers_refresh(plane_t *plane, uint32_t group_id, bint refreshed) noexcept nogil
# Its deadline has come.
cdef void speakers_timeout(plane_t *plane, speaker_group_t *group, int64_t now_us) noexcept nogil
# The data of EVENT_SPEAKERS: [(producer, immediate, medium, long term, activity), …], the loudest first.
cdef list speakers_to_python(const void *data)
