"""The ring of packets that were just sent again: see resend_guard.pxd."""


cdef void resend_guard_init(resend_guard_t *guard) noexcept nogil:
    cdef int entry
    for entry in range(RESEND_GUARD_ENTRIES):
        guard.resent[entry].seq64 = -1
        guard.resent[entry].sent_us = 0


cdef bint resend_guard_allow(resend_guard_t *guard, int64_t seq64, int64_t now_us, int64_t rtt_us) noexcept nogil:
    cdef resent_packet_t *entry = &guard.resent[seq64 & (RESEND_GUARD_ENTRIES - 1)]
    if entry.seq64 == seq64 and now_us - entry.sent_us < max(rtt_us, RESEND_GUARD_MIN_US):
        return False
    entry.seq64 = seq64
    entry.sent_us = now_us
    return True
