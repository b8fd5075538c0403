"""Sender and receiver reports. Sender reports carry the publisher's own NTP clock, so that lip sync survives us."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from mediaplane.counters cimport COUNT_DROP_EGRESS_FULL
from mediaplane.deadlines cimport REASON_REPORT, deadline_set
from mediaplane.distributions cimport DISTRIBUTION_JITTER, DISTRIBUTION_LOSS_IN, distribution_add
from mediaplane.egress cimport EGRESS_RESERVE, egress_reserve
from mediaplane.model cimport NO_ENCODING, consumer_t, encoding_t, producer_t
from mediaplane.pipes.outgoing cimport outgoing_state
from mediaplane.stream.producer cimport producer_retarget, producer_watch_silence
from mediaplane.stream.receive_statistics cimport receive_statistics_report
from mediaplane.stream.timestamp_map cimport rtp_clock_at
from mediaplane.rtcp.send cimport rtcp_send
from mediaplane.wire.rtcp cimport (
    rtcp_report_block_t, rtcp_sender_info_t, rtcp_write_rr, rtcp_write_sdes_cname, rtcp_write_sr,
)

cdef enum:
    COMPOUND_BYTES = 1200        # stays below one datagram
    MAX_BLOCKS = 31
    SILENT_AFTER_US = 2000000    # longer than between two reports
    LARGEST_REPORT = 28 + 80     # a sender report and its SDES, or an empty receiver report

cdef const uint8_t *SERVER_CNAME = b"mediasrv"


# A compound in the making.
cdef struct compound_t:
    plane_t *plane
    transport_t *transport
    uint8_t *out                 # NULL: none open, or no room in the egress
    uint32_t size


cdef bint _room(compound_t *compound, uint32_t need) noexcept nogil:
    """Make room for `need` more bytes: in the compound at hand, or in a new one after that one was sent."""
    if compound.out != NULL and compound.size + need > COMPOUND_BYTES:
        _send(compound)
    if compound.out == NULL:
        compound.size = 0
        compound.out = egress_reserve(&compound.plane.egress)
        if compound.out == NULL:
            compound.plane.counters.values[<int>COUNT_DROP_EGRESS_FULL] += 1
    return compound.out != NULL


cdef void _send(compound_t *compound) noexcept nogil:
    if compound.out != NULL and compound.size:
        rtcp_send(compound.plane, compound.transport, compound.out, compound.size)
    compound.out = NULL
    compound.size = 0


cdef void _cname(compound_t *compound, uint32_t ssrc, const uint8_t *cname, uint8_t size) noexcept nogil:
    cdef int written = rtcp_write_sdes_cname(compound.out + compound.size, EGRESS_RESERVE - compound.size, ssrc, cname,
                                             size)
    if written > 0:
        compound.size += written


cdef void _observe(plane_t *plane, const encoding_t *encoding, const rtcp_report_block_t *block,
                   int64_t now_us) noexcept nogil:
    """What we report of an encoding goes into the server's own figures too, while packets of it come."""
    cdef uint32_t clock_rate = encoding.statistics.clock_rate
    if clock_rate == 0 or now_us - encoding.last_packet_us > SILENT_AFTER_US:
        return
    distribution_add(&plane.distributions, DISTRIBUTION_LOSS_IN, block.fraction_lost, 1)
    distribution_add(&plane.distributions, DISTRIBUTION_JITTER, <int64_t>block.jitter * 1000000 // clock_rate, 1)


cdef void _receiver_reports(compound_t *compound, int64_t now_us) noexcept nogil:
    cdef transport_t *transport = compound.transport
    cdef rtcp_report_block_t blocks[31]
    cdef producer_t *producer = transport.producers
    cdef encoding_t *encoding
    cdef int count = 0
    cdef int written, i
    while producer != NULL:
        for i in range(producer.encoding_count):
            encoding = &producer.encodings[i]
            if encoding.statistics.base_seq >= 0 and count < MAX_BLOCKS:
                blocks[count].ssrc = encoding.ssrc
                receive_statistics_report(&encoding.statistics, now_us, &blocks[count])
                _observe(compound.plane, encoding, &blocks[count], now_us)
                count += 1
        producer = producer.next
    if not _room(compound, 8 + 24 * count + 80):
        return
    written = rtcp_write_rr(compound.out, EGRESS_RESERVE, transport.local_ssrc, blocks, count)
    if written > 0:
        compound.size += written
        _cname(compound, transport.local_ssrc, SERVER_CNAME, 8)


cdef void _sender_report(compound_t *compound, consumer_t *consumer, int64_t now_us) noexcept nogil:
    cdef rtcp_sender_info_t info
    cdef encoding_t *encoding
    cdef uint64_t ntp = 0
    cdef uint32_t rtp = 0
    cdef int written
    if consumer.producer == NULL or not consumer.in_sync or consumer.current == NO_ENCODING or not consumer.packets:
        return
    encoding = &consumer.producer.encodings[consumer.current]
    rtp_clock_at(&encoding.clock, now_us, &ntp, &rtp)
    if ntp == 0 or not _room(compound, LARGEST_REPORT):
        return
    info.ssrc = consumer.ssrc
    info.ntp = ntp
    info.rtp_timestamp = rtp + consumer.timestamp_offset
    info.packets = consumer.packets
    info.octets = consumer.octets
    written = rtcp_write_sr(compound.out + compound.size, EGRESS_RESERVE - compound.size, &info, NULL, 0)
    if written <= 0:
        return
    compound.size += written
    consumer.last_sr_middle = <uint32_t>(ntp >> 16)
    consumer.last_sr_us = now_us
    _cname(compound, consumer.ssrc, consumer.cname, consumer.cname_size)


cdef void report_soon(plane_t *plane, encoding_t *encoding, int64_t now_us) noexcept nogil:
    cdef transport_t *transport
    cdef uint32_t i
    for i in range(encoding.producer.consumer_count):
        transport = encoding.producer.consumers[i].transport
        if transport.srtp_send != NULL:
            deadline_set(&plane.deadlines, &transport.deadline, REASON_REPORT, now_us)


cdef void report_timeout(plane_t *plane, transport_t *transport, int64_t now_us) noexcept nogil:
    cdef compound_t compound
    cdef producer_t *producer = transport.producers
    cdef consumer_t *consumer = transport.consumers
    cdef uint32_t spread = (<uint32_t>now_us ^ transport.local_ssrc) * 0x9E3779B1U
    while producer != NULL:
        if producer_watch_silence(producer, now_us):
            producer_retarget(plane, producer, now_us)
        outgoing_state(plane, producer)
        producer = producer.next
    compound.plane = plane
    compound.transport = transport
    compound.out = NULL
    compound.size = 0
    _receiver_reports(&compound, now_us)
    while consumer != NULL:
        _sender_report(&compound, consumer, now_us)
        consumer = consumer.next
    _send(&compound)
    deadline_set(&plane.deadlines, &transport.deadline, REASON_REPORT,
                 now_us + REPORT_INTERVAL_US * 3 // 4 + (spread >> 8) % (REPORT_INTERVAL_US // 2))
