"""The units of mediaplane.stream, as Python objects, for tests. Shapes and units are those of their .pxd."""
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.congestion.transport_cc cimport (
    transport_cc_receiver_deadline, transport_cc_receiver_feedback, transport_cc_receiver_init,
    transport_cc_receiver_packet, transport_cc_receiver_t,
)
from mediaplane.status cimport Status, check
from mediaplane.stream.bitrate_limit cimport bitrate_limit_set, bitrate_limit_t, bitrate_limit_take
from mediaplane.stream.keyframe_request cimport (
    keyframe_request_arrived, keyframe_request_deadline, keyframe_request_due, keyframe_request_init,
    keyframe_request_t, keyframe_request_wanted,
)
from mediaplane.stream.nack_generator cimport (
    NACK_MAX_MISSING, nack_generator_deadline, nack_generator_due, nack_generator_init, nack_generator_keyframe,
    nack_generator_received, nack_generator_t,
)
from mediaplane.stream.picture_id_map cimport picture_map, picture_offset_for_switch, tl0_map
from mediaplane.stream.receive_statistics cimport (
    receive_statistics_init, receive_statistics_packet, receive_statistics_report, receive_statistics_sender_report,
    receive_statistics_t,
)
from mediaplane.stream.resend_guard cimport resend_guard_allow, resend_guard_init, resend_guard_t
from mediaplane.stream.retransmission_buffer cimport (
    cached_packet_data, cached_packet_t, retransmission_buffer_find, retransmission_buffer_free,
    retransmission_buffer_init, retransmission_buffer_store, retransmission_buffer_t,
)
from mediaplane.stream.seq_map cimport (
    seq_epoch_t, seq_map_drop, seq_map_forward, seq_map_init, seq_map_reverse, seq_map_switch, seq_map_t,
)
from mediaplane.stream.timestamp_map cimport (
    ntp_add_us, ntp_difference_us, rtp_clock_at, rtp_clock_t, timestamp_offset_for_switch, us_to_timestamp,
)
from mediaplane.wire.rtcp cimport rtcp_report_block_t


cdef object time_or_none(int64_t deadline_us):
    return None if deadline_us == INT64_MAX else deadline_us


cdef class SeqMap:
    cdef seq_map_t map

    def __init__(self, uint16_t first_out):
        seq_map_init(&self.map, first_out)

    def switch(self, uint16_t encoding, int64_t first_in, uint32_t timestamp_offset=0, uint32_t picture_offset=0):
        seq_map_switch(&self.map, encoding, first_in, timestamp_offset, picture_offset)

    def drop(self, uint16_t encoding, int64_t in_seq):
        seq_map_drop(&self.map, encoding, in_seq)

    def forward(self, uint16_t encoding, int64_t in_seq):
        cdef int64_t out_seq = 0
        cdef seq_epoch_t *epoch = NULL
        if seq_map_forward(&self.map, encoding, in_seq, &out_seq, &epoch) != Status.OK:
            return None
        return out_seq, epoch.timestamp_offset, epoch.picture_offset

    def reverse(self, int64_t out_seq):
        cdef uint16_t encoding = 0
        cdef int64_t in_seq = 0
        cdef const seq_epoch_t *epoch = NULL
        if seq_map_reverse(&self.map, out_seq, &encoding, &in_seq, &epoch) != Status.OK:
            return None
        return encoding, in_seq, epoch.timestamp_offset, epoch.picture_offset

    @property
    def highest_out(self):
        return self.map.highest_out

    @property
    def epochs(self):
        return self.map.count


cdef class RetransmissionBuffer:
    cdef retransmission_buffer_t buffer

    def __init__(self, uint32_t index_size, uint32_t arena_size, int64_t max_age_us):
        retransmission_buffer_free(&self.buffer)
        check(retransmission_buffer_init(&self.buffer, index_size, arena_size, max_age_us))

    def __dealloc__(self):
        retransmission_buffer_free(&self.buffer)

    def store(self, int64_t seq64, const uint8_t[::1] data, int64_t now_us, uint16_t slack=0):
        """The packet's offset in the arena, or None if it was refused."""
        cdef const cached_packet_t *packet
        cdef const uint8_t *first = &data[0] if data.shape[0] else NULL
        packet = retransmission_buffer_store(&self.buffer, seq64, first, <uint16_t>data.shape[0], slack, now_us)
        return None if packet == NULL else packet.offset

    def find(self, int64_t seq64, int64_t now_us):
        cdef const cached_packet_t *packet = retransmission_buffer_find(&self.buffer, seq64, now_us)
        return None if packet == NULL else cached_packet_data(&self.buffer, packet)[:packet.size]

    def arena(self, uint32_t offset, uint32_t size):
        """The bytes that are in the arena now."""
        if offset > self.buffer.arena_size or size > self.buffer.arena_size - offset:
            raise IndexError(f"{size} bytes at {offset} are outside the arena of {self.buffer.arena_size} bytes")
        return self.buffer.arena[offset:offset + size]

    @property
    def arena_size(self):
        return self.buffer.arena_size

    @property
    def index_size(self):
        return self.buffer.index_size

    @property
    def stored(self):
        return self.buffer.stored

    @property
    def refused(self):
        return self.buffer.refused

    @property
    def high_water(self):
        return self.buffer.high_water


cdef class NackGenerator:
    cdef nack_generator_t generator

    def __init__(self):
        nack_generator_init(&self.generator)

    def received(self, int64_t seq64, int64_t now_us):
        return bool(nack_generator_received(&self.generator, seq64, now_us))

    def keyframe(self, int64_t seq64):
        nack_generator_keyframe(&self.generator, seq64)

    def due(self, int64_t now_us, int64_t rtt_us=0, uint32_t capacity=NACK_MAX_MISSING):
        cdef uint16_t[NACK_MAX_MISSING] seqs
        if capacity > NACK_MAX_MISSING:
            raise ValueError(f"capacity {capacity} is more than {NACK_MAX_MISSING}")
        cdef int count = nack_generator_due(&self.generator, now_us, rtt_us, seqs, capacity)
        return [seqs[number] for number in range(count)]

    def deadline(self):
        return time_or_none(nack_generator_deadline(&self.generator))

    def counters(self):
        return self.generator.asked, self.generator.recovered, self.generator.given_up

    def missing(self):
        return [self.generator.missing[entry].seq64 for entry in range(self.generator.count)]


cdef class ReceiveStatistics:
    cdef receive_statistics_t statistics

    def __init__(self, uint32_t clock_rate):
        receive_statistics_init(&self.statistics, clock_rate)

    def packet(self, int64_t seq64, uint32_t timestamp, uint32_t payload_size, int64_t now_us):
        receive_statistics_packet(&self.statistics, seq64, timestamp, payload_size, now_us)

    def sender_report(self, uint64_t ntp, uint32_t rtp_timestamp, int64_t now_us):
        receive_statistics_sender_report(&self.statistics, ntp, rtp_timestamp, now_us)

    def report(self, int64_t now_us):
        cdef rtcp_report_block_t block
        block.ssrc = 0
        receive_statistics_report(&self.statistics, now_us, &block)
        return block

    @property
    def octets(self):
        return self.statistics.octets


cdef class RtpClock:
    cdef rtp_clock_t clock

    def __init__(self, uint32_t clock_rate, uint64_t ntp=0, uint32_t rtp=0, int64_t received_us=0):
        self.clock.clock_rate = clock_rate
        self.clock.ntp = ntp
        self.clock.rtp = rtp
        self.clock.received_us = received_us

    def at(self, int64_t now_us):
        cdef uint64_t ntp = 0
        cdef uint32_t rtp = 0
        rtp_clock_at(&self.clock, now_us, &ntp, &rtp)
        return ntp, rtp


def ntp_add(uint64_t ntp, int64_t us):
    return ntp_add_us(ntp, us)


def ntp_difference(uint64_t a, uint64_t b):
    return ntp_difference_us(a, b)


def timestamp_of(int64_t us, uint32_t clock_rate):
    return us_to_timestamp(us, clock_rate)


def switch_timestamp_offset(RtpClock old_clock, RtpClock new_clock, uint32_t old_offset, uint32_t timestamp_in,
                            uint32_t last_out, int64_t last_out_us, int64_t now_us, uint32_t clock_rate):
    return timestamp_offset_for_switch(&old_clock.clock, &new_clock.clock, old_offset, timestamp_in, last_out,
                                       last_out_us, now_us, clock_rate)


def switch_picture_offset(uint16_t last_picture_id_out, uint8_t last_tl0_out, uint16_t picture_id_in, uint8_t tl0_in,
                          bint wide):
    return picture_offset_for_switch(last_picture_id_out, last_tl0_out, picture_id_in, tl0_in, wide)


def map_picture_id(uint32_t offset, uint16_t picture_id_in, bint wide):
    return picture_map(offset, picture_id_in, wide)


def map_tl0(uint32_t offset, uint8_t tl0_in):
    return tl0_map(offset, tl0_in)


cdef class BitrateLimit:
    cdef bitrate_limit_t limit

    def __init__(self, uint32_t bound_bps):
        bitrate_limit_set(&self.limit, bound_bps)

    def set(self, uint32_t bound_bps):
        bitrate_limit_set(&self.limit, bound_bps)

    def take(self, uint32_t size, int64_t now_us):
        return bool(bitrate_limit_take(&self.limit, size, now_us))


cdef class KeyframeRequest:
    cdef keyframe_request_t request

    def __init__(self):
        keyframe_request_init(&self.request)

    def wanted(self, int64_t now_us):
        keyframe_request_wanted(&self.request, now_us)

    def due(self, int64_t now_us):
        return bool(keyframe_request_due(&self.request, now_us))

    def arrived(self):
        keyframe_request_arrived(&self.request)

    def deadline(self):
        return time_or_none(keyframe_request_deadline(&self.request))

    @property
    def sent(self):
        return self.request.sent


cdef class ResendGuard:
    cdef resend_guard_t guard

    def __init__(self):
        resend_guard_init(&self.guard)

    def allow(self, int64_t seq64, int64_t now_us, int64_t rtt_us=0):
        return bool(resend_guard_allow(&self.guard, seq64, now_us, rtt_us))


cdef class TransportCcReceiver:
    cdef transport_cc_receiver_t receiver

    def __init__(self):
        transport_cc_receiver_init(&self.receiver)

    def packet(self, uint16_t seq16, int64_t now_us):
        transport_cc_receiver_packet(&self.receiver, seq16, now_us)

    def deadline(self):
        return time_or_none(transport_cc_receiver_deadline(&self.receiver))

    def feedback(self, uint32_t sender_ssrc, uint32_t media_ssrc, int64_t now_us, uint32_t capacity=1200):
        out = bytearray(capacity)
        cdef uint8_t[::1] view = out
        return bytes(out[:check(transport_cc_receiver_feedback(
            &self.receiver, &view[0] if capacity else NULL, capacity, sender_ssrc, media_ssrc, now_us))])
