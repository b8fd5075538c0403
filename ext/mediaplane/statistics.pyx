"""Statistics of streams, in the words of the W3C's webrtc-stats where it has one."""
from libc.stdlib cimport malloc

from mediaplane.model cimport NO_ENCODING, consumer_t, encoding_t, producer_t


cdef inline encoding_stats_t *_encodings(const stats_t *stats) noexcept nogil:
    return <encoding_stats_t *>(stats + 1)


cdef inline consumer_stats_t *_consumers(const stats_t *stats) noexcept nogil:
    return <consumer_stats_t *>(_encodings(stats) + stats.encoding_count)


cdef void _take_encoding(const encoding_t *encoding, encoding_stats_t *out) noexcept nogil:
    out.producer = encoding.producer.id
    out.ssrc = encoding.ssrc
    out.encoding = encoding.index
    out.active = encoding.active
    out.packets = encoding.statistics.received
    out.octets = encoding.statistics.octets
    out.lost = 0
    if encoding.statistics.base_seq >= 0:
        out.lost = (encoding.statistics.highest_seq - encoding.statistics.base_seq + 1
                    - <int64_t>encoding.statistics.received)
    out.jitter = encoding.statistics.jitter_q4 >> 4
    out.nacked = encoding.nack.asked
    out.recovered = encoding.nack.recovered


cdef void _take_consumer(const consumer_t *consumer, consumer_stats_t *out) noexcept nogil:
    out.consumer = consumer.id
    out.producer = consumer.producer.id if consumer.producer != NULL else 0
    out.ssrc = consumer.ssrc
    out.packets = consumer.packets
    out.octets = consumer.octets
    out.rtx_packets = consumer.rtx_packets
    out.encoding = consumer.current
    out.target = consumer.target
    out.fraction_lost = consumer.fraction_lost


cdef stats_t *stats_take(transport_t *transport) noexcept nogil:
    cdef producer_t *producer = transport.producers
    cdef consumer_t *consumer = transport.consumers
    cdef uint32_t encodings = 0
    cdef uint32_t consumers = 0
    cdef stats_t *stats
    cdef int i
    while producer != NULL:
        encodings += producer.encoding_count
        producer = producer.next
    while consumer != NULL:
        consumers += 1
        consumer = consumer.next
    stats = <stats_t *>malloc(sizeof(stats_t) + encodings * sizeof(encoding_stats_t)
                              + consumers * sizeof(consumer_stats_t))
    if stats == NULL:
        return NULL
    stats.transport = transport.id
    stats.rtt_us = transport.rtt_us
    stats.encoding_count = encodings
    stats.consumer_count = consumers
    encodings = 0
    producer = transport.producers
    while producer != NULL:
        for i in range(producer.encoding_count):
            _take_encoding(&producer.encodings[i], &_encodings(stats)[encodings])
            encodings += 1
        producer = producer.next
    consumers = 0
    consumer = transport.consumers
    while consumer != NULL:
        _take_consumer(consumer, &_consumers(stats)[consumers])
        consumers += 1
        consumer = consumer.next
    return stats


cdef dict stats_to_python(const stats_t *stats):
    cdef encoding_stats_t *encoding
    cdef consumer_stats_t *consumer
    cdef uint32_t i
    received = []
    sent = []
    for i in range(stats.encoding_count):
        encoding = &_encodings(stats)[i]
        received.append({
            "producer_id": encoding.producer, "encoding": encoding.encoding, "ssrc": encoding.ssrc,
            "active": bool(encoding.active), "packets": encoding.packets, "octets": encoding.octets,
            "packets_lost": encoding.lost, "jitter": encoding.jitter, "nacked": encoding.nacked,
            "recovered": encoding.recovered,
        })
    for i in range(stats.consumer_count):
        consumer = &_consumers(stats)[i]
        sent.append({
            "consumer_id": consumer.consumer, "producer_id": consumer.producer, "ssrc": consumer.ssrc,
            "packets": consumer.packets, "octets": consumer.octets, "retransmitted_packets": consumer.rtx_packets,
            "encoding": None if consumer.encoding == NO_ENCODING else consumer.encoding,
            "target_encoding": None if consumer.target == NO_ENCODING else consumer.target,
            "fraction_lost": consumer.fraction_lost / 256,
        })
    return {"transport_id": stats.transport, "rtt_us": stats.rtt_us or None, "encodings": received, "consumers": sent}
