"""A worker: one native thread that moves datagrams between its UDP sockets and its plane, and never takes the GIL."""
from libc.errno cimport EINTR, errno
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from mediaplane.address cimport FAMILY_IPV4, FAMILY_IPV6
from mediaplane.audio.mixer_thread cimport MixerThread
from mediaplane.audio.mixing cimport MIXING_MAX_WORKERS, mixing_attach
from mediaplane.command_port cimport CommandPort
from mediaplane.commands cimport commands_drain
from mediaplane.counters cimport COUNT_LOOPS, COUNT_RTP_FORWARDED, counters_to_python
from mediaplane.distributions cimport distributions_forwarded, distributions_to_python
from mediaplane.event_loop cimport (
    EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, c_close, c_read, c_write, epoll_create1, epoll_event, epoll_wait,
    eventfd, mp_clock_us, mp_flag_load, mp_flag_store, mp_sleep_exactly, mp_sleep_us, mp_start_thread,
    mp_thread_cpu_us, mp_watch, pthread_join, pthread_t,
)
from mediaplane.events cimport EVENT_WORKER_FAILED, event_t, event_to_python
from mediaplane.gauges cimport gauges_to_python
from mediaplane.linger cimport linger_init, linger_learn, linger_measure, linger_next, linger_t, linger_wait_t
from mediaplane.model cimport BATCH_SIZE, MAX_WORKERS, datagram_t, plane_t, send_t
from mediaplane.pipes.pipe cimport PIPE_DEFAULT_BYTES
from mediaplane.pipes.pipes cimport pipes_join, pipes_look, pipes_publish, pipes_receive, pipes_waiting
from mediaplane.plane cimport (
    plane_close_all, plane_deadline, plane_flush, plane_free, plane_handshakes, plane_handshakes_wait, plane_init,
    plane_receive, plane_timeout,
)
from mediaplane.rings cimport ring_depth, ring_free, ring_init, ring_pop, ring_push, ring_t
from mediaplane.secure.dtls cimport dtls_context_free, dtls_context_new, dtls_context_t
from mediaplane.secure.srtp cimport (
    SRTP_BACKEND_AUTO, SRTP_BACKEND_IPSEC_MB, SRTP_BACKEND_LIBCRYPTO, srtp_engine_backend,
)
from mediaplane.status cimport BAD_STATE, NO_SPACE, OK
from mediaplane.udp_socket cimport (
    receive_batch_clear, receive_batch_datagrams, receive_batch_free, receive_batch_new, receive_batch_t,
    send_batch_free, send_batch_new, send_batch_t, udp_close, udp_open, udp_receive, udp_send, udp_socket_t,
)
from mediaplane.wire.demux cimport DATAGRAM_RTP, classify_datagram

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long value) noexcept nogil

import ipaddress
import os

from mediaplane.secure.srtp import available_backends

cdef enum:
    MAX_SOCKETS = 8
    LEVELS_WAIT_US = 100000
    COMMAND_TAG = 255            # of the command ring's eventfd among the sockets' indices
    EVENT_RING = 16384
    WAKE_AT_DEPTH = 1024         # so many commands do not wait to be announced together
    COMMANDS_PER_LOOP = 512      # so that a burst of commands does not hold packets up
    BATCHES_PER_LOOP = 16        # so that a flood of packets does not hold commands up
    HANDSHAKES_PER_LOOP = 2      # datagrams, so that those who join do not hold media up
    LONGEST_WAIT_MS = 1000

cdef struct worker_t:
    plane_t plane
    udp_socket_t sockets[8]
    uint32_t socket_count
    int epoll_fd
    int command_fd
    int event_fd
    int stopping
    linger_t linger
    int64_t idle_us              # in this round
    uint64_t events_told         # the event ring's tail when Python was woken last
    uint64_t levels_told         # how many of them were audio levels
    int64_t told_us
    ring_t events
    ring_t *commands
    receive_batch_t *receiving
    send_batch_t *sending


# --- the thread ----------------------------------------------------------------------------------------------------

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


cdef void *_run(void *argument) noexcept nogil:
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


# --- Python --------------------------------------------------------------------------------------------------------

cdef class Worker(CommandPort):
    """One native thread with its own UDP port; see the module `mediasrv.media` for the handles around its ids.

    `binds`: addresses and ports; port 0 takes any free one, and every address gets the same. `certificate` and
    `private_key`: PEM. `srtp_backend`: "auto", "ipsec-mb" or "libcrypto". `max_linger_us`: how long a loaded worker
    waits at most for more packets before it takes a batch; 0, the default: never. Raises OSError (the port is taken),
    ValueError (certificate, back end, address).
    """

    cdef worker_t *worker
    cdef dtls_context_t *dtls
    cdef pthread_t thread
    cdef bint running
    cdef bint wake_due           # `call_soon` will announce what the command ring holds
    cdef object call_soon        # None: each command is announced by itself
    cdef readonly int index

    def __cinit__(self, *args, **kwargs):
        self.worker = <worker_t *>calloc(1, sizeof(worker_t))
        if self.worker == NULL:
            raise MemoryError("no memory for a worker")
        self.worker.epoll_fd = -1
        self.worker.command_fd = -1
        self.worker.event_fd = -1
        self.worker.commands = &self.commands

    def __init__(self, int index, binds, *, bytes certificate, bytes private_key, str srtp_backend="auto",
                 uint32_t max_transports=4096, int64_t max_linger_us=0):
        cdef int status
        cdef int backend = _backend(srtp_backend)
        self.index = index
        self.worker.linger.max_us = max_linger_us
        self.dtls = dtls_context_new(<const uint8_t *><const char *>certificate, len(certificate),
                                     <const uint8_t *><const char *>private_key, len(private_key))
        if self.dtls == NULL:
            raise ValueError("the DTLS certificate and key are not a usable PEM pair")
        self.worker.receiving = receive_batch_new()
        self.worker.sending = send_batch_new()
        if (self.worker.receiving == NULL or self.worker.sending == NULL
                or ring_init(&self.worker.events, EVENT_RING, sizeof(event_t)) != OK):
            raise MemoryError("no memory for a worker")
        status = plane_init(&self.worker.plane, max_transports, backend, self.dtls, &self.worker.events)
        if status != OK:
            raise MemoryError(f"no memory for {max_transports} transports")
        self._bind(binds)
        self.worker.epoll_fd = epoll_create1(EPOLL_CLOEXEC)
        self.worker.command_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        self.worker.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        if self.worker.epoll_fd < 0 or self.worker.command_fd < 0 or self.worker.event_fd < 0:
            raise OSError(errno, f"worker {index} cannot open its event descriptors: {os.strerror(errno)}")
        mp_watch(self.worker.epoll_fd, self.worker.command_fd, COMMAND_TAG)
        for i in range(self.worker.socket_count):
            mp_watch(self.worker.epoll_fd, self.worker.sockets[i].fd, i)

    cdef int _bind(self, binds) except -1:
        cdef uint8_t address[16]
        cdef bytes packed
        cdef uint16_t port
        cdef int status
        for host, wanted in binds:
            if self.worker.socket_count == MAX_SOCKETS:
                raise ValueError(f"a worker binds at most {MAX_SOCKETS} addresses")
            parsed = ipaddress.ip_address(host)
            packed = parsed.packed
            memcpy(address, <const char *>packed, len(packed))
            # The first socket's free port becomes everyone's.
            port = self.worker.sockets[0].port if self.worker.socket_count and not wanted else wanted
            status = udp_open(&self.worker.sockets[self.worker.socket_count], address,
                              FAMILY_IPV4 if parsed.version == 4 else FAMILY_IPV6, port, self.worker.socket_count)
            if status != OK:
                raise OSError(-status, f"cannot bind UDP {host} port {port}: {os.strerror(-status)}")
            self.worker.socket_count += 1
        if not self.worker.socket_count:
            raise ValueError("a worker needs an address to bind")
        return 0

    def __dealloc__(self):
        cdef uint32_t i
        if self.worker == NULL:
            return
        if self.running:
            self._join()
        for i in range(self.worker.socket_count):
            udp_close(&self.worker.sockets[i])
        for fd in (self.worker.epoll_fd, self.worker.command_fd, self.worker.event_fd):
            if fd >= 0:
                c_close(fd)
        if self.worker.plane.srtp != NULL:
            plane_free(&self.worker.plane)
        if self.worker.events.records != NULL:
            self._discard_events()
            ring_free(&self.worker.events)
        receive_batch_free(self.worker.receiving)
        send_batch_free(self.worker.sending)
        if self.dtls != NULL:
            dtls_context_free(self.dtls)
        free(self.worker)

    cdef int _discard_events(self) except -1:
        cdef event_t event
        while ring_pop(&self.worker.events, &event):
            free(event.data)
        return 0

    cdef int wake(self) except -1:
        # Must not raise: the command is in the ring, and its memory is the worker's.
        if self.call_soon is None or ring_depth(&self.commands) >= WAKE_AT_DEPTH:
            return self._wake_now()
        if self.wake_due:
            return 0
        try:
            self.call_soon(self.announce_commands)
            self.wake_due = True
        except Exception:       # the loop is closed
            self._wake_now()
        return 0

    cdef int _wake_now(self) except -1:
        cdef uint64_t one = 1
        c_write(self.worker.command_fd, &one, sizeof(one))
        return 0

    cdef int _join(self) except -1:
        mp_flag_store(&self.worker.stopping, 1)
        self._wake_now()
        with nogil:
            pthread_join(self.thread, NULL)
        self.running = False
        return 0

    def join(self, Worker other):
        """Lay pipes to another worker and back, before either is started. Raises ValueError, MemoryError."""
        cdef int status
        if self.running or other.running:
            raise RuntimeError("workers are joined before they start")
        status = pipes_join(&self.worker.plane, self.index, self.worker.command_fd, &other.worker.plane, other.index,
                            other.worker.command_fd, PIPE_DEFAULT_BYTES)
        if status == BAD_STATE or status == NO_SPACE:
            raise ValueError(f"cannot join workers {self.index} and {other.index}: they are joined already, are the "
                             f"same, or have an index above {MAX_WORKERS - 1}")
        if status != OK:
            raise MemoryError(f"no memory for the pipes between workers {self.index} and {other.index}")

    def attach(self, MixerThread mixer):
        """Lay pipes to a mixing thread and back, before either is started. Raises ValueError, MemoryError."""
        cdef int status
        if self.running or mixer.running:
            raise RuntimeError("a worker is attached to a mixing thread before they start")
        status = mixing_attach(&mixer.mixer.mixing, self.index, &self.worker.plane, self.worker.command_fd,
                               PIPE_DEFAULT_BYTES)
        if status == BAD_STATE or status == NO_SPACE:
            raise ValueError(f"cannot attach worker {self.index}: it is attached already, or has an index above "
                             f"{MIXING_MAX_WORKERS - 1}")
        if status != OK:
            raise MemoryError(f"no memory for the pipes between worker {self.index} and the mixing thread")

    def announce_by(self, call_soon):
        """Wake the thread once for all commands given until `call_soon` calls what it is given, not for each of them:
        that is a system call, and one request may cause ten."""
        self.call_soon = call_soon

    def announce_commands(self):
        """Wake the thread for the commands it has not taken by itself."""
        self.wake_due = False
        # Whoever has emptied the ring has seen the last command; else the descriptor stays readable until it is read.
        if ring_depth(&self.commands):
            self._wake_now()

    def start(self):
        """Start the thread. A worker starts once."""
        cdef bytes name = f"mediasrv-w{self.index}".encode()
        cdef int status
        if self.running or self.worker.stopping:
            raise RuntimeError(f"worker {self.index} was started before")
        status = mp_start_thread(&self.thread, _run, self.worker, name)
        if status != 0:
            raise OSError(status, f"cannot start the thread of worker {self.index}: {os.strerror(status)}")
        self.running = True

    def stop(self):
        """Close every transport (peers get close_notify), end the thread, and wait for it. Idempotent."""
        if self.running:
            self._join()

    def poll_events(self, int limit=256):
        """Events since the last call, at most `limit`; the event_fd stays readable while there are more."""
        cdef event_t event
        cdef uint64_t value = 1
        cdef list found = []
        c_read(self.worker.event_fd, &value, sizeof(value))
        while len(found) < limit and ring_pop(&self.worker.events, &event):
            found.append(event_to_python(&event))
        if len(found) == limit:
            value = 1
            c_write(self.worker.event_fd, &value, sizeof(value))
        return found

    def counters(self):
        """Counters by name; they only grow."""
        return counters_to_python(&self.worker.plane.counters)

    def distributions(self):
        """By name: how large a unit is, in seconds or as a ratio, bounds, counts (one more than bounds), and the sum of
        all values; bounds and sum in units."""
        return distributions_to_python(&self.worker.plane.distributions)

    def gauges(self):
        """What the worker holds now, by name, and `cpu_us`: the CPU time of its thread."""
        cdef int64_t cpu_us = mp_thread_cpu_us(self.thread) if self.running else 0
        return gauges_to_python(&self.worker.plane, &self.commands, &self.worker.events, max(cpu_us, 0))

    @property
    def port(self):
        """The UDP port, the same on every address."""
        return self.worker.sockets[0].port

    @property
    def event_fd(self):
        """A descriptor that is readable when poll_events() has something."""
        return self.worker.event_fd

    @property
    def epoll_fd(self):
        """The descriptor the thread waits on; for tests of its failure."""
        return self.worker.epoll_fd

    @property
    def srtp_backend(self):
        """What seals packets: "ipsec-mb" or "libcrypto"."""
        return "ipsec-mb" if srtp_engine_backend(self.worker.plane.srtp) == SRTP_BACKEND_IPSEC_MB else "libcrypto"


cdef int _backend(str name) except -1:
    known = {"auto": SRTP_BACKEND_AUTO, "ipsec-mb": SRTP_BACKEND_IPSEC_MB, "libcrypto": SRTP_BACKEND_LIBCRYPTO}
    if name not in known:
        raise ValueError(f"there is no SRTP back end {name!r}: choose one of {', '.join(known)}")
    available = available_backends()     # registers the optional one
    if name != "auto" and name not in available:
        raise ValueError(f"the SRTP back end {name!r} is not available: "
                         "install libipsec-mb and build again, or use 'auto'")
    return known[name]
