"""Keeps a consumer's repeated NACKs from being answered more than once in a round trip."""
from libc.stdint cimport int64_t, uint32_t

cdef enum:
    RESEND_GUARD_ENTRIES = 64
    RESEND_GUARD_MIN_US = 10000

cdef struct resent_packet_t:
    uint32_t seq32               # low bits of the number
    uint32_t sent_ms             # low bits of the time + 1; 0: empty

cdef struct resend_guard_t:
    resent_packet_t resent[64]   # by seq64 & (RESEND_GUARD_ENTRIES - 1): a packet 64 numbers away forgets this one

cdef void resend_guard_init(resend_guard_t *guard) noexcept nogil
# Whether the outgoing `seq64` may be sent again now; if so it counts as sent, and is refused for max(rtt_us, 10 ms).
cdef bint resend_guard_allow(resend_guard_t *guard, int64_t seq64, int64_t now_us, int64_t rtt_us) noexcept nogil
