"""Which packets of one SSRC were already accepted: index estimation and the replay window of SRTP."""
from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.string cimport memset

from mediaplane.status cimport OK, REPLAYED

cdef enum:
    SRTP_REPLAY_WINDOW = 1024

# Per received SSRC. Zeroed memory is a fresh window.
cdef struct srtp_replay_t:
    uint64_t highest_index
    uint64_t seen[16]            # bit ring over SRTP_REPLAY_WINDOW indices
    uint8_t started


# The 48-bit packet index (ROC << 16 | seq) that a sequence number most likely means (RFC 3711 section 3.3.1 and
# appendix A): the one closest to the highest accepted so far. There is no index below 0, so that up to half a turn
# after the start every number belongs to roll-over 0.
cdef inline uint64_t srtp_estimate_index(const srtp_replay_t *replay, uint16_t seq16) noexcept nogil:
    cdef uint64_t highest = replay.highest_index
    cdef uint64_t index = (highest & ~<uint64_t>0xFFFF) | seq16
    if not replay.started:
        return seq16
    if index + 0x8000 < highest:
        return index + 0x10000
    if index > highest + 0x8000 and index >= 0x10000:
        return index - 0x10000
    return index


# OK or REPLAYED (RFC 3711 section 3.3.2): accepted before, or too old for the window to tell.
cdef inline int srtp_replay_check(const srtp_replay_t *replay, uint64_t index) noexcept nogil:
    if not replay.started or index > replay.highest_index:
        return OK
    if replay.highest_index - index >= SRTP_REPLAY_WINDOW:
        return REPLAYED
    return REPLAYED if replay.seen[(index >> 6) & 15] >> (index & 63) & 1 else OK


# Remembers an authenticated packet. Only for an index that srtp_replay_check() lets pass.
cdef inline void srtp_replay_commit(srtp_replay_t *replay, uint64_t index) noexcept nogil:
    cdef uint64_t skipped
    if not replay.started:
        replay.started = 1
        replay.highest_index = index
    elif index > replay.highest_index:
        # The ring's places between the old and the new highest index hold packets of a turn ago: forget them.
        if index - replay.highest_index >= SRTP_REPLAY_WINDOW:
            memset(replay.seen, 0, sizeof(replay.seen))
        else:
            for skipped in range(replay.highest_index + 1, index):
                replay.seen[(skipped >> 6) & 15] &= ~(<uint64_t>1 << (skipped & 63))
        replay.highest_index = index
    replay.seen[(index >> 6) & 15] |= <uint64_t>1 << (index & 63)
