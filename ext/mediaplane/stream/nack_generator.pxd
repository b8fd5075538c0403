"""Which packets of one encoding to ask the publisher for, and when (RFC 4585 section 6.2.1)."""
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

cdef enum:
    NACK_MAX_MISSING = 256       # more missing at once: the list is dropped and a keyframe is wanted instead
    NACK_MAX_TRIES = 10
    NACK_MIN_RETRY_US = 20000
    NACK_REORDER_US = 10000      # a packet is missing only after so long, or after NACK_REORDER_PACKETS newer ones
    NACK_REORDER_PACKETS = 3

cdef struct nack_entry_t:
    int64_t seq64
    int64_t due_us
    uint16_t tries

cdef struct nack_generator_t:
    nack_entry_t missing[256]    # ascending by seq64
    uint32_t count
    int64_t highest              # -1: nothing received yet
    uint64_t asked               # sequence numbers put into NACKs
    uint64_t recovered           # came after they were asked for
    uint64_t given_up

cdef void nack_generator_init(nack_generator_t *generator) noexcept nogil
# A packet came (also by RTX). Returns 1 if a keyframe is wanted because the list overflowed, else 0.
cdef int nack_generator_received(nack_generator_t *generator, int64_t seq64, int64_t now_us) noexcept nogil
# A keyframe that starts at `seq64` came: what is older need not be asked for any more.
cdef void nack_generator_keyframe(nack_generator_t *generator, int64_t seq64) noexcept nogil
# Takes up to `capacity` numbers that are due into `seqs`; each is due again after
# max(rtt_us, NACK_MIN_RETRY_US) and given up after NACK_MAX_TRIES. Returns their number.
cdef int nack_generator_due(nack_generator_t *generator, int64_t now_us, int64_t rtt_us, uint16_t *seqs,
                            uint32_t capacity) noexcept nogil
# When due() has something next: a time that has passed means now, INT64_MAX never.
cdef int64_t nack_generator_deadline(const nack_generator_t *generator) noexcept nogil
