"""Joining two planes, and the traffic of their pipes."""
from libc.stdlib cimport calloc, free

from mediaplane.deadlines cimport deadline_add, deadline_init
from mediaplane.model cimport BATCH_SIZE, MAX_WORKERS, TRANSPORT_CONNECTED, pipe_end_t, producer_t
from mediaplane.pipes.incoming cimport incoming_packet, incoming_state, incoming_tell_wishes
from mediaplane.pipes.outgoing cimport outgoing_wish
from mediaplane.pipes.pipe cimport (
    pipe_give_back, pipe_look, pipe_new, pipe_next, pipe_publish, pipe_record_t, pipe_release, pipe_t, pipe_take,
    pipe_waiting,
)
from mediaplane.pipes.records cimport PIPE_PACKET, PIPE_STATE, pipe_packet_t, pipe_state_t, pipe_wish_t
from mediaplane.status cimport BAD_STATE, NO_MEMORY, NO_SPACE, OK
from mediaplane.stream.producer cimport producer_detach, producer_free
from mediaplane.stream.router cimport router_fan_out
from mediaplane.wire.rtp_extensions cimport EXT_KIND_COUNT

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long value) noexcept nogil


# --- life ----------------------------------------------------------------------------------------------------------

cdef void _release_both(pipe_t *one, pipe_t *other) noexcept nogil:
    pipe_release(one)
    pipe_release(other)


cdef pipe_end_t *_new_end(plane_t *plane, uint32_t worker, pipe_t *incoming, pipe_t *outgoing) noexcept nogil:
    """Take one reference of each pipe, also when it fails: NULL."""
    cdef pipe_end_t *end = <pipe_end_t *>calloc(1, sizeof(pipe_end_t))
    cdef int kind
    if end == NULL:
        _release_both(incoming, outgoing)
        return NULL
    end.incoming = incoming
    end.outgoing = outgoing
    end.worker = <uint8_t>worker
    end.transport.pipe = end
    end.transport.state = TRANSPORT_CONNECTED
    for kind in range(1, EXT_KIND_COUNT):
        end.transport.kind_by_id[kind] = kind
    deadline_init(&end.transport.deadline, &end.transport)
    if deadline_add(&plane.deadlines, &end.transport.deadline) != OK:
        _release_both(incoming, outgoing)
        free(end)
        return NULL
    plane.pipes[worker] = end
    plane.piped_workers |= <uint64_t>1 << worker
    return end


cdef int pipes_join(plane_t *a, uint32_t a_worker, int a_wake, plane_t *b, uint32_t b_worker, int b_wake,
                    uint32_t capacity) noexcept nogil:
    cdef pipe_end_t *a_end
    cdef pipe_end_t *b_end
    cdef pipe_t *to_a
    cdef pipe_t *to_b
    if a_worker >= MAX_WORKERS or b_worker >= MAX_WORKERS:
        return NO_SPACE
    if a == b or a.pipes[b_worker] != NULL or b.pipes[a_worker] != NULL:
        return BAD_STATE
    to_a = pipe_new(capacity, a_wake)
    to_b = pipe_new(capacity, b_wake)
    if to_a == NULL or to_b == NULL:
        _release_both(to_a, to_b)
        _release_both(to_a, to_b)
        return NO_MEMORY
    a_end = _new_end(a, b_worker, to_a, to_b)
    b_end = _new_end(b, a_worker, to_b, to_a)
    return OK if a_end != NULL and b_end != NULL else NO_MEMORY


cdef int pipes_attach(plane_t *plane, uint32_t worker, pipe_t *incoming, pipe_t *outgoing) noexcept nogil:
    if worker >= MAX_WORKERS or plane.pipes[worker] != NULL:
        _release_both(incoming, outgoing)
        return NO_SPACE if worker >= MAX_WORKERS else BAD_STATE
    return OK if _new_end(plane, worker, incoming, outgoing) != NULL else NO_MEMORY


cdef void pipes_free(plane_t *plane) noexcept nogil:
    cdef pipe_end_t *end
    cdef producer_t *producer
    cdef int i
    for i in range(MAX_WORKERS):
        end = plane.pipes[i]
        if end == NULL:
            continue
        while end.transport.producers != NULL:
            producer = end.transport.producers
            end.transport.producers = producer.next
            producer_detach(plane, producer)
            producer_free(producer)
        _release_both(end.incoming, end.outgoing)
        plane.pipes[i] = NULL
        free(end)
    plane.piped_workers = 0


# --- traffic -------------------------------------------------------------------------------------------------------

cdef void pipes_look(plane_t *plane) noexcept nogil:
    cdef uint64_t workers = plane.piped_workers
    while workers:
        pipe_look(plane.pipes[count_trailing_zeros(workers)].incoming)
        workers &= workers - 1


cdef inline bint _take(plane_t *plane, pipe_end_t *end, const pipe_record_t *record, int64_t now_us) noexcept nogil:
    if record.kind == PIPE_PACKET:
        return incoming_packet(plane, end, <const pipe_packet_t *>record, now_us)
    if record.kind == PIPE_STATE:
        return incoming_state(plane, end, <const pipe_state_t *>record, now_us)
    outgoing_wish(plane, end, <const pipe_wish_t *>record, now_us)
    return True


cdef bint _receive(plane_t *plane, pipe_end_t *end, int64_t now_us) noexcept nogil:
    """Fill the batch from one pipe. True if it had anything."""
    cdef const pipe_record_t *record = pipe_next(end.incoming)
    cdef bint found = record != NULL
    while record != NULL and plane.ingress_count < BATCH_SIZE and _take(plane, end, record, now_us):
        pipe_take(end.incoming, record)
        record = pipe_next(end.incoming)
    pipe_give_back(end.incoming)
    return found


cdef bint _receive_from(plane_t *plane, uint64_t workers, int64_t now_us) noexcept nogil:
    cdef bint found = False
    while workers:
        found |= _receive(plane, plane.pipes[count_trailing_zeros(workers)], now_us)
        workers &= workers - 1
    return found


cdef bint pipes_receive(plane_t *plane, int64_t now_us) noexcept nogil:
    cdef uint64_t behind = plane.piped_workers >> plane.next_pipe << plane.next_pipe
    cdef bint found = False
    if not plane.piped_workers:
        return False
    plane.ingress_count = 0
    # From the one whose turn it is to the last, then from the first.
    found = _receive_from(plane, behind, now_us)
    found |= _receive_from(plane, plane.piped_workers & ~behind, now_us)
    plane.next_pipe = (plane.next_pipe + 1) % MAX_WORKERS
    router_fan_out(plane, now_us)
    return found


cdef uint64_t pipes_publish(plane_t *plane) noexcept nogil:
    cdef uint64_t workers = plane.piped_workers
    cdef uint64_t asleep = 0
    cdef pipe_end_t *end
    while workers:
        end = plane.pipes[count_trailing_zeros(workers)]
        if end.wishing != NULL:
            incoming_tell_wishes(end)
        if pipe_publish(end.outgoing) and end.outgoing.wake_fd >= 0:
            asleep |= workers & -workers
        workers &= workers - 1
    return asleep


cdef bint pipes_waiting(plane_t *plane) noexcept nogil:
    cdef uint64_t workers = plane.piped_workers
    while workers:
        if pipe_waiting(plane.pipes[count_trailing_zeros(workers)].incoming):
            return True
        workers &= workers - 1
    return False
