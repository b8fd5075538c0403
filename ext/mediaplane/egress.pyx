"""The way out of a worker. Datagrams lie one behind the other, so that a run of equal sizes is one piece of memory."""
from libc.stdlib cimport free, malloc

from mediaplane.counters cimport COUNT_DROP_SEAL
from mediaplane.debug cimport invariant
from mediaplane.model cimport EGRESS_BYTES, EGRESS_DATAGRAMS, out_datagram_t, send_t
from mediaplane.secure.srtp cimport srtp_protect_batch, srtp_protect_job_t
from mediaplane.status cimport NO_MEMORY, NO_SPACE, OK

cdef enum:
    REPLY_CAPACITY = 128


cdef int egress_init(egress_t *egress) noexcept nogil:
    egress.arena = <uint8_t *>malloc(EGRESS_BYTES)
    egress.used = 0
    egress.count = 0
    egress.job_count = 0
    egress.send_count = 0
    egress.reply_count = 0
    egress.flushed = False
    return OK if egress.arena != NULL else NO_MEMORY


cdef void egress_free(egress_t *egress) noexcept nogil:
    free(egress.arena)
    egress.arena = NULL


cdef inline void _start_anew(egress_t *egress) noexcept nogil:
    egress.used = 0
    egress.count = 0
    egress.job_count = 0
    egress.send_count = 0
    egress.reply_count = 0
    egress.flushed = False


cdef bint egress_full(const egress_t *egress) noexcept nogil:
    if egress.flushed:
        return False
    return egress.count >= EGRESS_DATAGRAMS or egress.used + EGRESS_RESERVE > EGRESS_BYTES


cdef uint8_t *egress_reserve(egress_t *egress) noexcept nogil:
    if egress.flushed:
        _start_anew(egress)
    if egress.count >= EGRESS_DATAGRAMS or egress.used + EGRESS_RESERVE > EGRESS_BYTES:
        return NULL
    return egress.arena + egress.used


cdef inline out_datagram_t *_append(egress_t *egress, uint32_t size,
                                    const transport_tuple_t *destination) noexcept nogil:
    cdef out_datagram_t *item = &egress.datagrams[egress.count]
    invariant(size <= EGRESS_RESERVE, "a datagram is larger than its reservation")
    item.data = egress.arena + egress.used
    item.size = size
    item.destination = destination
    item.job = -1
    egress.used += size
    egress.count += 1
    return item


cdef void egress_commit(egress_t *egress, uint32_t size, const transport_tuple_t *destination) noexcept nogil:
    _append(egress, size, destination)


cdef int egress_commit_reply(egress_t *egress, uint32_t size, const transport_tuple_t *destination) noexcept nogil:
    if egress.reply_count >= REPLY_CAPACITY:
        return NO_SPACE
    egress.replies[egress.reply_count] = destination[0]
    _append(egress, size, &egress.replies[egress.reply_count])
    egress.reply_count += 1
    return OK


cdef void egress_commit_rtp(egress_t *egress, transport_t *transport, uint32_t header_size, const uint8_t *payload,
                            uint32_t payload_size, uint32_t ssrc, uint64_t index) noexcept nogil:
    cdef srtp_protect_job_t *job = &egress.jobs[egress.job_count]
    cdef out_datagram_t *item = _append(egress, header_size + payload_size + transport.srtp_overhead,
                                        &transport.tuples[transport.selected].address)
    item.job = egress.job_count
    egress.job_count += 1
    job.session = transport.srtp_send
    job.out = item.data
    job.payload = payload
    job.header_size = header_size
    job.payload_size = payload_size
    job.ssrc = ssrc
    job.index = index
    job.status = OK


cdef void _coalesce(egress_t *egress) noexcept nogil:
    """Join neighbours of one destination into runs: all of one size, the last may be shorter."""
    cdef out_datagram_t *item
    cdef send_t *send = NULL
    cdef uint32_t segment = 0
    cdef uint32_t i
    for i in range(egress.count):
        item = &egress.datagrams[i]
        if item.size == 0:
            send = NULL
            continue
        if (send != NULL and item.destination == send.destination and item.size <= segment
                and send.size == segment * send.segments and send.segments < GSO_MAX_SEGMENTS
                and send.size + item.size <= GSO_MAX_BYTES):
            send.size += item.size
            send.segments += 1
            send.segment_size = segment
            continue
        send = &egress.sends[egress.send_count]
        egress.send_count += 1
        segment = item.size
        send.data = item.data
        send.size = item.size
        send.segment_size = 0
        send.segments = 1
        send.destination = item.destination


cdef uint32_t egress_flush(egress_t *egress, srtp_engine_t *engine, counters_t *counters) noexcept nogil:
    cdef uint32_t i
    if egress.flushed:
        _start_anew(egress)
    srtp_protect_batch(engine, egress.jobs, egress.job_count)
    for i in range(egress.count):
        if egress.datagrams[i].job >= 0 and egress.jobs[egress.datagrams[i].job].status != OK:
            egress.datagrams[i].size = 0
            counters.values[<int>COUNT_DROP_SEAL] += 1
    _coalesce(egress)
    egress.flushed = True
    return egress.send_count
