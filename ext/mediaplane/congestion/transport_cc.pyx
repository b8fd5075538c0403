"""Arrivals of a publisher's packets and the feedback packets that report them: see transport_cc.pxd.

Arrival times go over the wire in ticks of 250 us, absolute in this receiver's clock, so that rounding never adds up.
The first arrival counts from the reference time (a multiple of 256 ticks), each next one from the arrival before it.
"""
from libc.stdint cimport INT64_MAX, int16_t, int32_t
from libc.string cimport memset

from mediaplane.debug cimport invariant
from mediaplane.status cimport Status
from mediaplane.wire.byte_order cimport store16, store24, store32
from mediaplane.wire.rtcp cimport RTCP_RTPFB, RTPFB_TRANSPORT_CC
from mediaplane.wire.seq cimport unwrap16

cdef enum:
    TICK_US = 250
    REFERENCE_TICKS = 256
    HEADER_SIZE = 20             # RTCP header, two SSRCs, the fixed part of the FCI
    VECTOR_1BIT = 14             # statuses in one chunk
    VECTOR_2BIT = 7

cdef enum packet_status_t:
    NOT_RECEIVED = 0
    SMALL_DELTA = 1              # one byte, 0 .. 63.75 ms
    LARGE_DELTA = 2              # two bytes, signed

# What one feedback packet says about `count` consecutive sequence numbers.
cdef struct report_t:
    int64_t reference            # in REFERENCE_TICKS
    uint32_t count
    uint32_t deltas_size         # bytes
    uint8_t statuses[400]
    int16_t deltas[400]          # ticks since the arrival before, where a status says received


cdef void transport_cc_receiver_init(transport_cc_receiver_t *receiver) noexcept nogil:
    memset(receiver.arrival_ticks, 0, sizeof(receiver.arrival_ticks))
    receiver.latest_tick = 0
    receiver.next_report = -1
    receiver.highest = -1
    receiver.last_feedback_us = 0
    receiver.feedback_count = 0


cdef inline uint32_t *arrival_of(const transport_cc_receiver_t *receiver, int64_t seq64) noexcept nogil:
    return <uint32_t *>&receiver.arrival_ticks[seq64 & (TCC_WINDOW - 1)]


# What is yet to be reported has arrived at most 2^31 ticks, 6 days, before or after the last arrival.
cdef inline int64_t tick_of(const transport_cc_receiver_t *receiver, int64_t seq64) noexcept nogil:
    return receiver.latest_tick + <int32_t>(arrival_of(receiver, seq64)[0] - 1 - <uint32_t>receiver.latest_tick)


cdef void transport_cc_receiver_packet(transport_cc_receiver_t *receiver, uint16_t seq16,
                                       int64_t arrival_us) noexcept nogil:
    cdef int64_t seq64, skipped
    if receiver.highest < 0:
        seq64 = 0x10000 + <int64_t>seq16       # reordered packets from before the first one stay above 0
        receiver.next_report = seq64
        receiver.last_feedback_us = arrival_us
    else:
        seq64 = unwrap16(receiver.highest, seq16)
    if seq64 > receiver.highest:
        for skipped in range(max(receiver.highest + 1, seq64 - TCC_WINDOW + 1), seq64):
            arrival_of(receiver, skipped)[0] = 0
        receiver.highest = seq64
        receiver.next_report = max(receiver.next_report, seq64 - TCC_WINDOW + 1)
    elif seq64 <= receiver.highest - TCC_WINDOW or arrival_of(receiver, seq64)[0]:
        return
    else:
        receiver.next_report = min(receiver.next_report, seq64)
    receiver.latest_tick = arrival_us // TICK_US
    # 0 says that nothing arrived: once in 12 days a packet comes 250 us later than it did.
    arrival_of(receiver, seq64)[0] = <uint32_t>(receiver.latest_tick + 1) or 1


cdef int64_t transport_cc_receiver_deadline(const transport_cc_receiver_t *receiver) noexcept nogil:
    if receiver.next_report > receiver.highest or receiver.highest < 0:
        return INT64_MAX
    return receiver.last_feedback_us + TCC_INTERVAL_US


cdef inline uint32_t packet_size(uint32_t count, uint32_t deltas_size) noexcept nogil:
    # Each chunk but the last covers at least VECTOR_2BIT statuses.
    return (HEADER_SIZE + 2 * ((count + VECTOR_2BIT - 1) // VECTOR_2BIT) + deltas_size + 3) & ~<uint32_t>3


# Collects as many statuses as fit: into the packet, and the time between two arrivals into a delta.
cdef void collect(const transport_cc_receiver_t *receiver, uint32_t capacity, report_t *report) noexcept nogil:
    cdef int64_t seq64 = receiver.next_report
    cdef int64_t tick, delta, previous
    cdef uint32_t delta_size
    while not arrival_of(receiver, seq64)[0]:      # ends: `highest` has arrived
        seq64 += 1
    report.reference = tick_of(receiver, seq64) // REFERENCE_TICKS
    report.count = 0
    report.deltas_size = 0
    previous = report.reference * REFERENCE_TICKS
    for seq64 in range(receiver.next_report, min(receiver.highest + 1, receiver.next_report + TCC_MAX_STATUSES)):
        delta = 0
        delta_size = 0
        if arrival_of(receiver, seq64)[0]:
            tick = tick_of(receiver, seq64)
            delta = tick - previous
            if delta < -0x8000 or delta > 0x7fff:
                return
            delta_size = 1 if 0 <= delta <= 0xff else 2
            previous = tick
        if packet_size(report.count + 1, report.deltas_size + delta_size) > capacity:
            return
        report.statuses[report.count] = <uint8_t>delta_size
        report.deltas[report.count] = <int16_t>delta
        report.count += 1
        report.deltas_size += delta_size


# Writes the chunk for the statuses from `position` on, and returns how many it covers.
cdef uint32_t write_chunk(const report_t *report, uint32_t position, uint8_t *out) noexcept nogil:
    cdef const uint8_t *statuses = &report.statuses[position]
    cdef uint32_t left = report.count - position
    cdef uint32_t run = 1
    cdef uint32_t covered, entry
    cdef uint16_t chunk = 0
    cdef bint has_large = False
    while run < left and statuses[run] == statuses[0]:
        run += 1
    if run == left or run >= VECTOR_1BIT:
        store16(out, <uint16_t>((statuses[0] << 13) | run))
        return run
    for entry in range(min(left, <uint32_t>VECTOR_1BIT)):
        has_large |= statuses[entry] == LARGE_DELTA
    covered = min(left, <uint32_t>(VECTOR_2BIT if has_large else VECTOR_1BIT))
    for entry in range(covered):
        if has_large:
            chunk |= <uint16_t>(statuses[entry] << (2 * (VECTOR_2BIT - 1 - entry)))
        else:
            chunk |= <uint16_t>(statuses[entry] << (VECTOR_1BIT - 1 - entry))
    store16(out, (0xc000 if has_large else 0x8000) | chunk)
    return covered


cdef int transport_cc_receiver_feedback(transport_cc_receiver_t *receiver, uint8_t *out, uint32_t capacity,
                                        uint32_t sender_ssrc, uint32_t media_ssrc, int64_t now_us) noexcept nogil:
    cdef report_t report
    cdef uint32_t position = 0
    cdef uint32_t size = HEADER_SIZE
    if receiver.next_report > receiver.highest or receiver.highest < 0:
        return 0
    collect(receiver, capacity, &report)
    if report.count == 0:
        return Status.NO_SPACE

    while position < report.count:
        position += write_chunk(&report, position, out + size)
        size += 2
    for position in range(report.count):
        if report.statuses[position] == SMALL_DELTA:
            out[size] = <uint8_t>report.deltas[position]
            size += 1
        elif report.statuses[position] == LARGE_DELTA:
            store16(out + size, <uint16_t>report.deltas[position])
            size += 2
    while size & 3:
        out[size] = 0
        size += 1
    invariant(size <= capacity, "a feedback packet fits where it is written")

    out[0] = 0x80 | RTPFB_TRANSPORT_CC
    out[1] = RTCP_RTPFB
    store16(out + 2, <uint16_t>(size // 4 - 1))
    store32(out + 4, sender_ssrc)
    store32(out + 8, media_ssrc)
    store16(out + 12, <uint16_t>receiver.next_report)
    store16(out + 14, <uint16_t>report.count)
    store24(out + 16, <uint32_t>report.reference & 0xffffff)
    out[19] = receiver.feedback_count
    receiver.feedback_count += 1
    receiver.last_feedback_us = now_us
    receiver.next_report += report.count
    return size
