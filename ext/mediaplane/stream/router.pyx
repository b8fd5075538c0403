"""The fan-out. A consumer holds a bit per packet of the batch: the cost is a step per consumer, not per packet."""
from libc.stdint cimport uint32_t, uint64_t

from mediaplane.model cimport TRANSPORT_CONNECTED, consumer_t, encoding_t, producer_t, transport_t
from mediaplane.pipes.outgoing cimport outgoing_mark, outgoing_packets
from mediaplane.status cimport OK
from mediaplane.stream.consumer cimport consumer_forward
from mediaplane.stream.run_padding cimport equalise_sizes

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long value) noexcept nogil


cdef inline void _mark(plane_t *plane, consumer_t *consumer, uint64_t mask) noexcept nogil:
    cdef transport_t *transport = consumer.transport
    if not consumer.pending_mask:
        consumer.next_pending = transport.pending
        transport.pending = consumer
        if not transport.is_pending:
            transport.is_pending = True
            transport.next_pending = NULL
            if plane.pending == NULL:
                plane.pending = transport
            else:
                plane.last_pending.next_pending = transport
            plane.last_pending = transport
    consumer.pending_mask |= mask


cdef void _offer(plane_t *plane, encoding_t *encoding, int64_t now_us) noexcept nogil:
    cdef producer_t *producer = encoding.producer
    cdef consumer_t *consumer
    cdef uint32_t i
    for i in range(producer.consumer_count):
        consumer = producer.consumers[i]
        if (consumer.open and consumer.transport.state == TRANSPORT_CONNECTED
                and (encoding.index == consumer.current or encoding.index == consumer.target)):
            _mark(plane, consumer, encoding.batch_mask)


cdef inline uint32_t _packet_size(const plane_t *plane, const encoding_t *encoding) noexcept nogil:
    return plane.ingress[count_trailing_zeros(encoding.batch_mask)].payload_size


cdef void _smallest_first(plane_t *plane) noexcept nogil:
    """Sort the batch's encodings by the size of their packets.

    A transport's consumers are forwarded in the reverse order of their marks, so that the small packets of one stream
    can end a run of another one's large packets. Within a stream nothing moves.
    """
    cdef encoding_t *encoding = plane.touched
    cdef encoding_t *next
    cdef encoding_t **place
    plane.touched = NULL
    while encoding != NULL:
        next = encoding.next_touched
        place = &plane.touched
        while place[0] != NULL and _packet_size(plane, place[0]) < _packet_size(plane, encoding):
            place = &place[0].next_touched
        encoding.next_touched = place[0]
        place[0] = encoding
        encoding = next


cdef void router_fan_out(plane_t *plane, int64_t now_us) noexcept nogil:
    cdef encoding_t *encoding
    if plane.touched != NULL and plane.touched.next_touched != NULL:
        _smallest_first(plane)
    encoding = plane.touched
    while encoding != NULL:
        equalise_sizes(plane, encoding)
        _offer(plane, encoding, now_us)
        if encoding.wanted_by:
            outgoing_mark(plane, encoding)
        encoding.batch_mask = 0
        encoding = encoding.next_touched
    plane.touched = NULL
    if plane.piped_workers:
        outgoing_packets(plane)


cdef bint router_drain(plane_t *plane, int64_t now_us) noexcept nogil:
    cdef transport_t *transport
    cdef consumer_t *consumer
    cdef int bit
    while plane.pending != NULL:
        transport = plane.pending
        while transport.pending != NULL:
            consumer = transport.pending
            while consumer.pending_mask:
                bit = count_trailing_zeros(consumer.pending_mask)
                if consumer_forward(plane, consumer, &plane.ingress[bit], now_us) != OK:
                    return False
                consumer.pending_mask &= consumer.pending_mask - 1
            transport.pending = consumer.next_pending
        plane.pending = transport.next_pending
        transport.is_pending = False
    return True
