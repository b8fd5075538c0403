"""The parts of the jitter buffer as Python objects: shapes and units are those of their .pxd."""
from libc.stdint cimport int16_t, int64_t, uint8_t, uint32_t, uint64_t

from mediaplane.audio.delay_estimator cimport (
    delay_estimator_base, delay_estimator_cost, delay_estimator_due, delay_estimator_init, delay_estimator_packet,
    delay_estimator_rebase, delay_estimator_t,
)
from mediaplane.audio.packet_store cimport (
    packet_store_add, packet_store_at, packet_store_data, packet_store_free, packet_store_init, packet_store_past,
    packet_store_pop, packet_store_t, stored_packet_t,
)
from mediaplane.audio.playout cimport (
    next_packet_t, playout_init, playout_made, playout_next, playout_silence, playout_stretch, playout_stretched,
    playout_t, stretch_wish_t,
)
from mediaplane.audio.red cimport RED_MAX_BLOCKS, red_block_t, red_parse
from mediaplane.audio.time_stretch cimport STRETCH_HISTORY, STRETCH_LEAST, STRETCH_MOST, stretch_longer, stretch_shorter
from mediaplane.status cimport check
from mediaplane.testing.exact_buffer cimport ExactBuffer, exact_copy

ACTIONS = ("decode", "recover", "conceal", "silence", "bridge")


def parse_red(bytes payload):
    """(payload type, age, data) of each block."""
    cdef ExactBuffer data = exact_copy(payload)
    cdef red_block_t blocks[RED_MAX_BLOCKS]
    cdef int count = check(red_parse(data.data, data.size, blocks))
    return [(blocks[i].payload_type, blocks[i].age, payload[blocks[i].offset:blocks[i].offset + blocks[i].size])
            for i in range(count)]


def shorter(bytes pcm, int channels, uint32_t most, float similar):
    """The sound, made shorter at its head."""
    cdef ExactBuffer data = exact_copy(pcm)
    cdef uint32_t count = data.size // (2 * channels)
    cdef uint32_t removed
    with nogil:
        removed = stretch_shorter(<int16_t *>data.data, count, channels, STRETCH_LEAST, most, similar)
    return data.head((count - removed) * 2 * channels)


def longer(bytes pcm, uint32_t head, int channels, uint32_t most, float similar):
    """The sound, made longer at `head`, which has to be STRETCH_HISTORY or more."""
    if head < STRETCH_HISTORY:
        raise ValueError(f"{STRETCH_HISTORY} samples of history are needed, not {head}")
    cdef ExactBuffer data = exact_copy(pcm + bytes(2 * channels * min(most, STRETCH_MOST)))
    cdef uint32_t count = <uint32_t>(len(pcm) // (2 * channels))
    cdef uint32_t added
    with nogil:
        added = stretch_longer(<int16_t *>data.data + head * channels, count - head, channels, most, similar)
    return data.head((count + added) * 2 * channels)


cdef class PacketStore:
    cdef packet_store_t store
    cdef uint64_t _evicted

    def __init__(self, uint32_t arena_size):
        packet_store_free(&self.store)
        check(packet_store_init(&self.store, arena_size))

    def __dealloc__(self):
        packet_store_free(&self.store)

    def add(self, int64_t ts64, bytes data, uint32_t samples=960):
        """Whether it was kept."""
        cdef ExactBuffer exact = exact_copy(data)
        return packet_store_add(&self.store, ts64, 0, exact.data, exact.size, samples, &self._evicted) != NULL

    cdef object described(self, const stored_packet_t *packet):
        cdef const uint8_t *data = packet_store_data(&self.store, packet)
        return packet.ts64, None if data == NULL else data[:packet.size]

    def waiting(self):
        """(timestamp, bytes or None) of each, oldest first."""
        return [self.described(packet_store_at(&self.store, i)) for i in range(self.store.count)]

    def past(self):
        return [self.described(packet_store_past(&self.store, age)) for age in range(1, self.store.past + 1)]

    def pop(self):
        if self.store.count == 0:
            raise IndexError("nothing waits")
        packet_store_pop(&self.store)

    @property
    def evicted(self):
        return self._evicted


cdef class DelayEstimator:
    cdef delay_estimator_t estimator

    def __init__(self):
        delay_estimator_init(&self.estimator)

    def packet(self, int64_t media_us, int64_t now_us, *, bint in_order=True, int64_t duration_us=20_000,
               int64_t hole_us=0):
        delay_estimator_packet(&self.estimator, media_us, duration_us, in_order, hole_us, now_us)

    def rebase(self):
        delay_estimator_rebase(&self.estimator)

    def cost(self, int64_t cover_us):
        return delay_estimator_cost(&self.estimator, cover_us)

    @property
    def base_us(self):
        return delay_estimator_base(&self.estimator)

    @property
    def target_us(self):
        return self.estimator.target_us


cdef class Playout:
    """With an estimator of its own; `next` is None or (timestamp, in sequence, samples its FEC has)."""

    cdef playout_t playout
    cdef readonly DelayEstimator estimator

    def __init__(self, DelayEstimator estimator, int64_t first_ts=0):
        self.estimator = estimator
        playout_init(&self.playout, first_ts)

    cdef next_packet_t described(self, next, newest_end_ts):
        cdef next_packet_t packet
        packet.present = next is not None
        packet.ts64, packet.in_sequence, packet.fec_samples = next or (0, False, 0)
        packet.newest_end_ts = newest_end_ts
        return packet

    def next(self, next, int64_t end_us, uint32_t wanted=480):
        """(action, samples); samples are 0 for "decode"."""
        cdef next_packet_t packet = self.described(next, 0)
        cdef uint32_t samples = 0
        action = playout_next(&self.playout, &packet, end_us, delay_estimator_due(&self.estimator.estimator), wanted,
                              &samples)
        if ACTIONS[action] == "conceal":
            self.playout.held += samples
        return ACTIONS[action], samples

    def made(self, uint32_t samples, bint silent=False):
        playout_made(&self.playout, samples, silent)

    def silence(self, next, int64_t end_us):
        cdef next_packet_t packet = self.described(next, 0)
        playout_silence(&self.playout, &packet, end_us, delay_estimator_due(&self.estimator.estimator))

    def stretch(self, next, int64_t now_us, uint32_t ready, uint32_t tick, int64_t newest_end_ts):
        """(shorter, longer, similar)"""
        cdef next_packet_t packet = self.described(next, newest_end_ts)
        cdef stretch_wish_t wish = playout_stretch(&self.playout, &packet, now_us, ready, tick,
                                                   &self.estimator.estimator)
        return wish.shorter, wish.longer, wish.similar

    def stretched(self, uint32_t removed, uint32_t added):
        playout_stretched(&self.playout, removed, added)

    @property
    def end_ts(self):
        return self.playout.end_ts

    @property
    def cut(self):
        return self.playout.cut

    @property
    def silent(self):
        return bool(self.playout.silent)
