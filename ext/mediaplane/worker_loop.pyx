"""The loop of a worker's thread: see worker_loop.pxd."""
from libc.errno cimport EINTR, errno
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t
from libc.string cimport memset

from mediaplane.commands cimport commands_drain
from mediaplane.counters cimport COUNT_LOOPS, COUNT_RTP_FORWARDED
from mediaplane.distributions cimport distributions_forwarded
from mediaplane.event_loop cimport (
    c_read, c_write, epoll_event, epoll_wait, mp_clock_us, mp_flag_load, mp_sleep_exactly, mp_sleep_us,
)
from mediaplane.events cimport EVENT_WORKER_FAILED, event_t
from mediaplane.linger cimport linger_init, linger_learn, linger_measure, linger_next, linger_wait_t
from mediaplane.model cimport BATCH_SIZE, datagram_t, send_t
from mediaplane.pipes.pipes cimport pipes_look, pipes_publish, pipes_receive, pipes_waiting
from mediaplane.plane cimport (
    plane_close_all, plane_deadline, plane_flush, plane_handshakes, plane_handshakes_wait, plane_receive,
    plane_timeout,
)
from mediaplane.rings cimport ring_push
from mediaplane.status cimport OK
from mediaplane.udp_socket cimport receive_batch_clear, receive_batch_datagrams, udp_receive, udp_send, udp_socket_t
from mediaplane.wire.demux cimport DATAGRAM_RTP, classify_datagram

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long value) noexcept nogil

cdef enum:
    LEVELS_WAIT_US = 100000
    COMMANDS_PER_LOOP = 512      # so that a burst of commands does not hold packets up
    BATCHES_PER_LOOP = 16        # so that a flood of packets does not hold commands up
    HANDSHAKES_PER_LOOP = 2      # datagrams, so that those who join do not hold media up
    LONGEST_WAIT_MS = 1000


cdef void _publish(worker_t *worker) noexcept nogil:
    cdef uint64_t asleep = pipes_publish(&worker.plane)
    cdef uint64_t one = 1
    while asleep:
        c_write(worker.plane.pipes[count_trailing_zeros(asleep)].outgoing.wake_fd, &one, sizeof(one))
        asleep &= asleep - 1


cdef void _send_all(worker_t *worker, int64_t now_us) noexcept nogil:
    cdef send_t *sends
    cdef uint32_t count
    _publish(worker)        # first, so that the other workers seal their copies while we seal ours
    count = plane_flush(&worker.plane, &sends, now_us)
    while count:
        udp_send(worker.sockets, worker.socket_count, worker.sending, sends, count, &worker.plane.counters)
        count = plane_flush(&worker.plane, &sends, now_us)
    _publish(worker)        # what consumers wish since they were forwarded a keyframe


cdef inline uint64_t _untold_levels(worker_t *worker) noexcept nogil:
    """How many events wait, if they are audio levels alone."""
    cdef uint64_t untold = worker.events.tail - worker.events_told
    return untold if untold == worker.plane.levels_emitted - worker.levels_told else 0


cdef void _tell_events(worker_t *worker, int64_t now_us) noexcept nogil:
    cdef uint64_t one = 1
    if worker.events.tail == worker.events_told:
        return
    # Levels wait for each other, so that Python wakes ten times a second at most, and not for each microphone.
    if _untold_levels(worker) and now_us - worker.told_us < LEVELS_WAIT_US:
        return
    worker.events_told = worker.events.tail
    worker.levels_told = worker.plane.levels_emitted
    worker.told_us = now_us
    c_write(worker.event_fd, &one, sizeof(one))


cdef void _sleep(worker_t *worker, int64_t us) noexcept nogil:
    cdef int64_t before_us = mp_clock_us()
    mp_sleep_us(us)
    worker.idle_us += mp_clock_us() - before_us


cdef uint32_t _media_from(worker_t *worker, uint32_t first) noexcept nogil:
    """How many of the batch's datagrams from the `first` on are media."""
    cdef uint32_t count, i
    cdef uint32_t media = 0
    cdef datagram_t *datagrams = receive_batch_datagrams(worker.receiving, &count)
    for i in range(first, count):
        media += classify_datagram(datagrams[i].data, datagrams[i].size) == DATAGRAM_RTP
    return media


cdef int _gather(worker_t *worker, udp_socket_t *socket, const linger_wait_t *wait) noexcept nogil:
    """Fill the batch with what the socket has, and what comes while the worker lingers. Messages, or -errno."""
    cdef uint32_t before
    cdef int more, count
    receive_batch_clear(worker.receiving)
    if wait.first_us:
        _sleep(worker, wait.first_us)
    count = udp_receive(socket, worker.receiving, &worker.plane.counters)
    if not wait.second_us or count < 0:
        return count
    receive_batch_datagrams(worker.receiving, &before)
    _sleep(worker, wait.second_us)
    more = udp_receive(socket, worker.receiving, &worker.plane.counters)
    if more < 0:
        return more
    linger_learn(&worker.linger, wait, _media_from(worker, before))
    return count + more


cdef inline void _observe_forwarding(worker_t *worker, int64_t taken_us) noexcept nogil:
    distributions_forwarded(&worker.plane.distributions, worker.plane.counters.values[<int>COUNT_RTP_FORWARDED],
                            taken_us, mp_clock_us())


cdef void _process(worker_t *worker, int64_t woken_us) noexcept nogil:
    """Take the batch through the plane and send what comes of it; the worker saw at `woken_us` that it was there."""
    cdef uint32_t total, taken
    cdef datagram_t *datagrams = receive_batch_datagrams(worker.receiving, &total)
    cdef uint32_t done = 0
    cdef int64_t now_us = mp_clock_us()
    while done < total:
        taken = min(total - done, <uint32_t>BATCH_SIZE)
        plane_receive(&worker.plane, datagrams + done, taken, now_us)
        _send_all(worker, now_us)
        _observe_forwarding(worker, woken_us)
        done += taken


cdef int _receive(worker_t *worker, udp_socket_t *socket, linger_wait_t *wait) noexcept nogil:
    """Take what the socket has, a bounded number of batches; `wait` before the first. OK or -errno."""
    cdef int64_t woken_us
    cdef int count, _
    for _ in range(BATCHES_PER_LOOP):
        woken_us = mp_clock_us()
        count = _gather(worker, socket, wait)
        if count <= 0:
            return count
        _process(worker, woken_us)
        wait.first_us = wait.second_us = 0
    return OK


cdef void _receive_pipes(worker_t *worker, int64_t now_us) noexcept nogil:
    cdef int _
    for _ in range(BATCHES_PER_LOOP):
        if not pipes_receive(&worker.plane, now_us):
            return
        _send_all(worker, now_us)
        _observe_forwarding(worker, now_us)


cdef int _wait_ms(worker_t *worker, int64_t now_us) noexcept nogil:
    """Until the next deadline, rounded up so that it has passed when we wake."""
    cdef int64_t deadline_us = plane_deadline(&worker.plane)
    if pipes_waiting(&worker.plane) or plane_handshakes_wait(&worker.plane):
        return 0
    if _untold_levels(worker):
        deadline_us = min(deadline_us, worker.told_us + LEVELS_WAIT_US)
    if deadline_us == INT64_MAX:
        return LONGEST_WAIT_MS
    if deadline_us <= now_us:
        return 0
    return <int>min((deadline_us - now_us + 999) // 1000, LONGEST_WAIT_MS)


cdef int _loop(worker_t *worker) noexcept nogil:
    """Run until told to stop. OK, or the errno that made going on impossible."""
    cdef epoll_event ready[16]
    cdef int64_t now_us = mp_clock_us()
    cdef int64_t before_us
    cdef linger_wait_t wait
    cdef bint lingered
    cdef uint64_t woken
    cdef int count, i, status
    linger_init(&worker.linger, worker.linger.max_us, now_us)
    while not mp_flag_load(&worker.stopping):
        before_us = mp_clock_us()
        count = epoll_wait(worker.epoll_fd, ready, 16, _wait_ms(worker, now_us))
        if count < 0 and errno != EINTR:
            return errno
        worker.plane.counters.values[<int>COUNT_LOOPS] += 1
        now_us = mp_clock_us()
        worker.idle_us += now_us - before_us
        linger_measure(&worker.linger, worker.idle_us, now_us)
        worker.idle_us = 0
        lingered = False
        for i in range(count):
            if ready[i].data.u32 == COMMAND_TAG:
                c_read(worker.command_fd, &woken, sizeof(woken))
        pipes_look(&worker.plane)
        if commands_drain(&worker.plane, worker.commands, COMMANDS_PER_LOOP, now_us) == COMMANDS_PER_LOOP:
            woken = 1
            c_write(worker.command_fd, &woken, sizeof(woken))
        _send_all(worker, now_us)
        _receive_pipes(worker, now_us)
        for i in range(count):
            if ready[i].data.u32 < worker.socket_count:
                if not lingered:
                    wait = linger_next(&worker.linger, now_us - before_us)
                lingered = True
                status = _receive(worker, &worker.sockets[ready[i].data.u32], &wait)
                if status < 0:
                    return -status
        now_us = mp_clock_us()
        if plane_handshakes_wait(&worker.plane):
            plane_handshakes(&worker.plane, HANDSHAKES_PER_LOOP, now_us)
            _send_all(worker, now_us)
            now_us = mp_clock_us()
        if plane_deadline(&worker.plane) <= now_us:
            plane_timeout(&worker.plane, now_us)
            _send_all(worker, now_us)
        _tell_events(worker, now_us)
    return OK


cdef void *worker_run(void *argument) noexcept nogil:
    cdef worker_t *worker = <worker_t *>argument
    cdef event_t event
    cdef int64_t now_us
    cdef int failed
    mp_sleep_exactly()
    failed = _loop(worker)
    now_us = mp_clock_us()
    if failed:
        memset(&event, 0, sizeof(event))
        event.kind = EVENT_WORKER_FAILED
        event.value = failed
        ring_push(&worker.events, &event)
    else:
        commands_drain(&worker.plane, worker.commands, 0xFFFFFFFFU, now_us)
        while not plane_close_all(&worker.plane):
            _send_all(worker, now_us)
        _send_all(worker, now_us)
    worker.told_us = now_us - LEVELS_WAIT_US    # nothing more comes that could be waited for
    _tell_events(worker, now_us)
    return NULL
