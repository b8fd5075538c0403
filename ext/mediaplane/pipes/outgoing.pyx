"""The publisher's side of a pipe. The first wish for a producer opens it there, the end closes it."""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from mediaplane.counters cimport COUNT_DROP_PIPE_FULL, COUNT_PIPE_PACKETS_SENT
from mediaplane.model cimport ingress_t
from mediaplane.pipes.pipe cimport PIPE_CONTROL_BYTES, pipe_commit, pipe_reserve, pipe_t
from mediaplane.pipes.records cimport (
    PIPE_END, PIPE_PACKET, PIPE_STATE, pipe_packet_t, pipe_state_size, pipe_state_t,
)
from mediaplane.rtcp.feedback cimport keyframe_wanted
from mediaplane.tables cimport id_table_find
from mediaplane.wire.rtp cimport RTP_FIXED_HEADER_SIZE, RTP_MAX_HEADER_SIZE, rtp_write_fixed_header
from mediaplane.wire.rtp_extensions cimport (
    EXT_MID, extension_writer_t, extensions_begin, extensions_end, extensions_put,
)

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long value) noexcept nogil


# --- packets -------------------------------------------------------------------------------------------------------

cdef uint32_t _write_packet(const ingress_t *packet, uint8_t *out) noexcept nogil:
    """The packet under ids that every worker knows, so that a renegotiation needs not reach the others in time."""
    cdef extension_writer_t writer
    cdef uint8_t csrc_count = packet.header.csrc_count if packet.payload_size else 0
    cdef uint32_t size = RTP_FIXED_HEADER_SIZE + 4 * <uint32_t>csrc_count
    cdef uint32_t extension_size = 0
    cdef int i
    if packet.payload_size:
        if csrc_count:
            memcpy(out + RTP_FIXED_HEADER_SIZE, packet.data + RTP_FIXED_HEADER_SIZE, 4 * csrc_count)
        extensions_begin(&writer, out + size, <uint16_t>(RTP_MAX_HEADER_SIZE - size), True)
        for i in range(packet.element_count):
            if packet.elements[i].kind != EXT_MID:
                extensions_put(&writer, packet.elements[i].kind, packet.data + packet.elements[i].offset,
                               packet.elements[i].size)
        extension_size = extensions_end(&writer)
    rtp_write_fixed_header(out, packet.header.payload_type, packet.header.marker, packet.header.seq16,
                           packet.header.timestamp, packet.header.ssrc, csrc_count, extension_size != 0)
    size += extension_size
    memcpy(out + size, packet.payload, packet.payload_size)
    return size + packet.payload_size


cdef bint _hand_over(pipe_t *pipe, const encoding_t *encoding, const ingress_t *packet) noexcept nogil:
    cdef uint32_t largest = sizeof(pipe_packet_t) + RTP_MAX_HEADER_SIZE + packet.payload_size
    cdef pipe_packet_t *out = <pipe_packet_t *>pipe_reserve(pipe, largest, PIPE_CONTROL_BYTES)
    if out == NULL:
        return False
    out.producer = encoding.producer.id
    out.begun = encoding.begun
    out.seq64 = packet.seq64
    out.encoding = encoding.index
    out.size = <uint16_t>_write_packet(packet, <uint8_t *>(out + 1))
    pipe_commit(pipe, out, PIPE_PACKET, sizeof(pipe_packet_t) + out.size)
    return True


cdef void outgoing_mark(plane_t *plane, const encoding_t *encoding) noexcept nogil:
    cdef uint64_t workers = encoding.wanted_by
    while workers:
        plane.pipes[count_trailing_zeros(workers)].pending_mask |= encoding.batch_mask
        workers &= workers - 1


cdef void _hand_over_pending(plane_t *plane, pipe_end_t *end) noexcept nogil:
    cdef const ingress_t *packet
    while end.pending_mask:
        packet = &plane.ingress[count_trailing_zeros(end.pending_mask)]
        if _hand_over(end.outgoing, packet.encoding, packet):
            plane.counters.values[<int>COUNT_PIPE_PACKETS_SENT] += 1
        else:
            plane.counters.values[<int>COUNT_DROP_PIPE_FULL] += 1
        end.pending_mask &= end.pending_mask - 1


cdef void outgoing_packets(plane_t *plane) noexcept nogil:
    cdef uint64_t workers = plane.piped_workers
    while workers:
        _hand_over_pending(plane, plane.pipes[count_trailing_zeros(workers)])
        workers &= workers - 1


# --- state ---------------------------------------------------------------------------------------------------------

cdef void _tell(pipe_t *pipe, const producer_t *producer) noexcept nogil:
    cdef pipe_state_t *out = <pipe_state_t *>pipe_reserve(pipe, pipe_state_size(producer.encoding_count), 0)
    cdef int i
    if out == NULL:
        return      # it is said again with the next report
    memset(out, 0, pipe_state_size(producer.encoding_count))
    out.producer = producer.id
    out.open = producer.open
    out.encoding_count = producer.encoding_count
    for i in range(producer.encoding_count):
        out.encodings[i].clock = producer.encodings[i].clock
        out.encodings[i].begun = producer.encodings[i].begun
        out.encodings[i].active = producer.encodings[i].active
    pipe_commit(pipe, out, PIPE_STATE, pipe_state_size(producer.encoding_count))


cdef void outgoing_state(plane_t *plane, producer_t *producer) noexcept nogil:
    cdef uint64_t workers = producer.piped_to
    while workers:
        _tell(plane.pipes[count_trailing_zeros(workers)].outgoing, producer)
        workers &= workers - 1


# --- wishes --------------------------------------------------------------------------------------------------------

cdef void outgoing_wish(plane_t *plane, const pipe_end_t *end, const pipe_wish_t *wish, int64_t now_us) noexcept nogil:
    cdef producer_t *producer = <producer_t *>id_table_find(&plane.producers, wish.producer)
    cdef uint64_t worker = <uint64_t>1 << end.worker
    cdef encoding_t *encoding
    cdef int i
    if producer == NULL or producer.transport.pipe != NULL:
        return
    if wish.record.kind == PIPE_END:
        producer.piped_to &= ~worker
        for i in range(producer.encoding_count):
            producer.encodings[i].wanted_by &= ~worker
        return
    if not producer.piped_to & worker:
        producer.piped_to |= worker
        _tell(end.outgoing, producer)
    for i in range(producer.encoding_count):
        encoding = &producer.encodings[i]
        if wish.encodings >> i & 1:
            encoding.wanted_by |= worker
        else:
            encoding.wanted_by &= ~worker
        if wish.keyframes >> i & 1:
            keyframe_wanted(plane, encoding, now_us)
