"""The ring of packets that were just sent again: see resend_guard.pxd."""
from libc.string cimport memset


cdef void resend_guard_init(resend_guard_t *guard) noexcept nogil:
    memset(guard, 0, sizeof(resend_guard_t))


cdef bint resend_guard_allow(resend_guard_t *guard, int64_t seq64, int64_t now_us, int64_t rtt_us) noexcept nogil:
    cdef resent_packet_t *entry = &guard.resent[seq64 & (RESEND_GUARD_ENTRIES - 1)]
    cdef uint32_t now_ms = <uint32_t>(now_us // 1000 + 1) or 1
    cdef uint32_t refused_ms = <uint32_t>(max(rtt_us, RESEND_GUARD_MIN_US) // 1000)
    if entry.sent_ms and entry.seq32 == <uint32_t>seq64 and now_ms - entry.sent_ms < refused_ms:
        return False
    entry.seq32 = <uint32_t>seq64
    entry.sent_ms = now_ms
    return True
