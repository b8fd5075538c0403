"""When each transport has to be looked at next: a binary heap, every deadline with its reason."""
from libc.stdint cimport int64_t, uint32_t

cdef enum Reason:
    REASON_CONNECT = 0       # no DTLS association yet: give up
    REASON_DTLS = 1          # retransmit the handshake's flight
    REASON_CONSENT = 2       # no authenticated check for too long
    REASON_REPORT = 3        # sender and receiver reports
    REASON_NACK = 4          # ask the publisher for missing packets
    REASON_KEYFRAME = 5      # a keyframe request that was held back
    REASON_FEEDBACK = 6      # transport-wide congestion feedback
    REASON_SPEAKERS = 7      # decide who speaks: of a speaker group, whose only reason it is
    REASON_COUNT = 8

# One per transport or speaker group, embedded in it.
cdef struct deadline_t:
    int64_t due_us[8]        # by Reason; INT64_MAX: none
    int64_t next_us          # the smallest of them, as the heap knows it
    uint32_t position        # in the heap, 0: not in it
    void *owner

cdef struct deadline_heap_t:
    deadline_t **items       # from 1
    uint32_t count
    uint32_t limit

cdef int deadline_heap_init(deadline_heap_t *heap, uint32_t limit) noexcept nogil
cdef void deadline_heap_free(deadline_heap_t *heap) noexcept nogil
cdef void deadline_init(deadline_t *deadline, void *owner) noexcept nogil
cdef int deadline_add(deadline_heap_t *heap, deadline_t *deadline) noexcept nogil     # OK or NO_SPACE
cdef void deadline_remove(deadline_heap_t *heap, deadline_t *deadline) noexcept nogil
# An earlier time moves the transport up at once; a later one costs nothing until the old one is due.
cdef void deadline_set(deadline_heap_t *heap, deadline_t *deadline, Reason reason, int64_t due_us) noexcept nogil
# The transport whose next deadline has passed, NULL if there is none. Corrects those that moved to later.
cdef deadline_t *deadline_due(deadline_heap_t *heap, int64_t now_us) noexcept nogil
cdef int64_t deadline_next(const deadline_heap_t *heap) noexcept nogil                # us; INT64_MAX: none
cdef const char *reason_text(int reason) noexcept nogil
