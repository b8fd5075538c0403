"""Runs are found as egress finds them: equal sizes, the last may be shorter."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from mediaplane.model cimport KIND_VIDEO, consumer_t, ingress_t
from mediaplane.wire.rtp_extensions cimport EXT_MID

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long value) noexcept nogil

# Packets that are to become one run.
cdef struct run_t:
    uint32_t count
    uint32_t largest             # bytes, as counted by _size
    uint32_t smallest
    ingress_t *packets[64]
    uint32_t sizes[64]


cdef uint32_t _size(const consumer_t *consumer, const ingress_t *packet) noexcept nogil:
    """What of its size differs from packet to packet, as `consumer` will get it."""
    cdef uint32_t size = packet.payload_size + 4 * <uint32_t>packet.header.csrc_count
    cdef uint32_t extensions = 0
    cdef int i
    for i in range(packet.element_count):
        if consumer.id_by_kind[packet.elements[i].kind] and packet.elements[i].kind != EXT_MID:
            extensions += 1 + packet.elements[i].size
    if consumer.mid_id:
        extensions += 1 + consumer.mid_size
    return size + ((extensions + 3) & ~<uint32_t>3)


cdef void _pad(ingress_t *packet, uint32_t count) noexcept nogil:
    cdef uint8_t *end = <uint8_t *>packet.payload + packet.payload_size
    # The entry is another packet's if a sender's numbers jumped by just the size of the index.
    if count == 0 or packet.cached.seq64 != packet.seq64:
        return
    memset(end, 0, count - 1)
    end[count - 1] = <uint8_t>count
    packet.padding = packet.cached.padding = <uint8_t>count


cdef void _finish(run_t *run, uint32_t padded) noexcept nogil:
    """Bring the first `padded` packets to the size of the largest, and begin a new run."""
    cdef uint32_t i
    for i in range(padded):
        _pad(run.packets[i], run.largest - run.sizes[i])
    run.count = 0


cdef void _add(run_t *run, ingress_t *packet, uint32_t size) noexcept nogil:
    run.largest = max(run.largest, size) if run.count else size
    run.smallest = min(run.smallest, size) if run.count else size
    run.packets[run.count] = packet
    run.sizes[run.count] = size
    run.count += 1


cdef void equalise_sizes(plane_t *plane, encoding_t *encoding) noexcept nogil:
    cdef uint64_t mask = encoding.batch_mask
    cdef consumer_t *consumer
    cdef ingress_t *packet
    cdef run_t run
    cdef uint32_t size
    if encoding.producer.kind != KIND_VIDEO or not encoding.producer.consumer_count or not mask & (mask - 1):
        return
    consumer = encoding.producer.consumers[0]
    run.count = run.largest = run.smallest = 0
    while mask:
        packet = &plane.ingress[count_trailing_zeros(mask)]
        mask &= mask - 1
        if packet.payload_size == 0:
            continue                # forwarded nowhere
        size = _size(consumer, packet)
        if run.count and max(run.largest, size) - min(run.smallest, size) > MAX_RUN_PADDING:
            if size < run.largest:
                _finish(&run, run.count)        # it ends the run as it is
                continue
            _finish(&run, run.count - 1)
        _add(&run, packet, size)
    # The last one may be shorter.
    _finish(&run, run.count - 1 if run.count else 0)
