"""A worker: one native thread that moves datagrams between its UDP sockets and its plane, and never takes the GIL."""
from libc.errno cimport errno
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from mediaplane.address cimport FAMILY_IPV4, FAMILY_IPV6
from mediaplane.audio.mixer_thread cimport MixerThread
from mediaplane.audio.mixing cimport MIXING_MAX_WORKERS, mixing_attach
from mediaplane.command_port cimport CommandPort
from mediaplane.counters cimport counters_to_python
from mediaplane.distributions cimport distributions_to_python
from mediaplane.event_loop cimport (
    EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, c_close, c_read, c_write, epoll_create1, eventfd, mp_flag_store,
    mp_start_thread, mp_thread_cpu_us, mp_watch, pthread_join, pthread_t,
)
from mediaplane.events cimport event_t, event_to_python
from mediaplane.gauges cimport gauges_to_python
from mediaplane.model cimport MAX_WORKERS
from mediaplane.pipes.pipe cimport PIPE_DEFAULT_BYTES
from mediaplane.pipes.pipes cimport pipes_join
from mediaplane.plane cimport plane_free, plane_init
from mediaplane.rings cimport ring_depth, ring_free, ring_init, ring_pop
from mediaplane.secure.dtls cimport dtls_context_free, dtls_context_new, dtls_context_t
from mediaplane.secure.srtp cimport (
    SRTP_BACKEND_AUTO, SRTP_BACKEND_IPSEC_MB, SRTP_BACKEND_LIBCRYPTO, srtp_engine_backend,
)
from mediaplane.status cimport BAD_STATE, NO_SPACE, OK
from mediaplane.udp_socket cimport (
    receive_batch_free, receive_batch_new, send_batch_free, send_batch_new, udp_close, udp_open,
)
from mediaplane.worker_loop cimport COMMAND_TAG, worker_run, worker_t

import ipaddress
import os

from mediaplane.secure.srtp import available_backends

cdef enum:
    MAX_SOCKETS = 8
    EVENT_RING = 16384
    WAKE_AT_DEPTH = 1024         # so many commands do not wait to be announced together


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
        status = mp_start_thread(&self.thread, worker_run, self.worker, name)
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
