"""The load generator: many synthetic peers on one native thread, which never takes the GIL."""
from libc.errno cimport EINTR, errno
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from mediaplane.deadlines cimport (
    deadline_add, deadline_due, deadline_heap_free, deadline_heap_init, deadline_next, deadline_t,
)
from mediaplane.event_loop cimport (
    EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, c_close, c_read, c_write, epoll_create1, epoll_event, epoll_wait, eventfd,
    mp_clock_us, mp_flag_load, mp_flag_store, mp_start_thread, mp_thread_cpu_us, mp_watch, pthread_join, pthread_t,
)
from mediaplane.loadgen.histogram cimport HISTOGRAM_BUCKETS, histogram_t, histogram_upper_us
from mediaplane.loadgen.model cimport generator_t, peer_t, stream_t
from mediaplane.loadgen.peer cimport peer_close, peer_free, peer_receive, peer_start, peer_timeout
from mediaplane.loadgen.peer_setup cimport peer_new, peer_state, peer_to_python, stream_lost
from mediaplane.loadgen.peer_socket cimport incoming_free, incoming_new
from mediaplane.loadgen.source cimport pattern_fill
from mediaplane.rings cimport ring_free, ring_init, ring_pop, ring_push
from mediaplane.secure.dtls cimport dtls_context_free, dtls_context_new
from mediaplane.secure.srtp cimport (
    SRTP_BACKEND_AUTO, SRTP_BACKEND_IPSEC_MB, SRTP_BACKEND_LIBCRYPTO, srtp_engine_free, srtp_engine_new,
)
from mediaplane.status cimport OK

import os

from mediaplane.secure.srtp import available_backends

cdef enum:
    WAKE_TAG = 0xFFFFFFFF        # of the eventfd among the peers' indices
    LONGEST_WAIT_MS = 100
    SAMPLE_EVERY = 16

_BACKENDS = {"auto": SRTP_BACKEND_AUTO, "ipsec-mb": SRTP_BACKEND_IPSEC_MB, "libcrypto": SRTP_BACKEND_LIBCRYPTO}


# --- the thread ----------------------------------------------------------------------------------------------------

cdef void _take_joining(generator_t *generator) noexcept nogil:
    cdef peer_t *peer
    while ring_pop(&generator.joining, &peer):
        deadline_add(&generator.deadlines, &peer.deadline)
        generator.peers[generator.peer_count] = peer
        mp_watch(generator.epoll_fd, peer.fd, generator.peer_count)
        generator.peer_count += 1
        peer_start(generator, peer, mp_clock_us())


cdef void _do_due(generator_t *generator) noexcept nogil:
    cdef int64_t now_us = mp_clock_us()
    cdef deadline_t *due = deadline_due(&generator.deadlines, now_us)
    while due != NULL:
        peer_timeout(generator, <peer_t *>due.owner, now_us)
        due = deadline_due(&generator.deadlines, now_us)


cdef int _wait_ms(generator_t *generator) noexcept nogil:
    cdef int64_t deadline_us = deadline_next(&generator.deadlines)
    if deadline_us == INT64_MAX:
        return LONGEST_WAIT_MS
    return <int>min(max((deadline_us - mp_clock_us() + 999) // 1000, 0), <int64_t>LONGEST_WAIT_MS)


cdef void *_run(void *argument) noexcept nogil:
    cdef generator_t *generator = <generator_t *>argument
    cdef epoll_event ready[64]
    cdef uint64_t woken
    cdef uint32_t index
    cdef int count, i
    while not mp_flag_load(&generator.stopping):
        count = epoll_wait(generator.epoll_fd, ready, 64, _wait_ms(generator))
        if count < 0 and errno != EINTR:
            generator.failed_errno = errno
            break
        _do_due(generator)
        for i in range(count):
            if ready[i].data.u32 == WAKE_TAG:
                c_read(generator.wake_fd, &woken, sizeof(woken))
                _take_joining(generator)
                continue
            peer_receive(generator, generator.peers[ready[i].data.u32])
            # Media goes out in time, however many peers have received something.
            if deadline_next(&generator.deadlines) <= mp_clock_us():
                _do_due(generator)
    for index in range(generator.peer_count):
        peer_close(generator, generator.peers[index])
    return NULL


# --- Python --------------------------------------------------------------------------------------------------------

cdef dict _histogram_to_python(const histogram_t *histogram):
    """{the largest microseconds of a bucket: count}, without empty buckets."""
    cdef uint32_t bucket
    return {histogram_upper_us(bucket): histogram.counts[bucket] for bucket in range(HISTOGRAM_BUCKETS)
            if histogram.counts[bucket]}


cdef class LoadGenerator:
    """Synthetic peers of one native thread; signaling is the caller's.

    `certificate` and `private_key`: PEM, used by all peers. `verify`: "all" opens and checks every packet, "sample" one
    in 16 (loss, order and duplicates are counted for all in any case). `gro`: take runs of datagrams from the kernel in
    one piece. Raises ValueError, OSError, MemoryError.
    """

    cdef generator_t *generator
    cdef pthread_t thread
    cdef bint running
    cdef list joined
    cdef int64_t cpu_at_end_us

    def __cinit__(self, *args, **kwargs):
        self.generator = <generator_t *>calloc(1, sizeof(generator_t))
        if self.generator == NULL:
            raise MemoryError("no memory for a load generator")
        self.generator.epoll_fd = self.generator.wake_fd = -1

    def __init__(self, *, bytes certificate, bytes private_key, str srtp_backend="auto", str verify="all",
                 bint gro=True, uint32_t max_peers=4096):
        available_backends()
        self.generator.gro = gro
        self.generator.max_peers = max_peers
        self.generator.open_every = {"all": 1, "sample": SAMPLE_EVERY}[verify]
        self.generator.sending = 1
        self.generator.dtls = dtls_context_new(<const uint8_t *><const char *>certificate, len(certificate),
                                               <const uint8_t *><const char *>private_key, len(private_key))
        if self.generator.dtls == NULL:
            raise ValueError("the DTLS certificate and key are not a usable PEM pair")
        self.generator.srtp = srtp_engine_new(_BACKENDS[srtp_backend])
        if self.generator.srtp == NULL:
            raise ValueError(f"the SRTP back end {srtp_backend} is not available here")
        self.generator.incoming = incoming_new(gro)
        self.generator.peers = <peer_t **>calloc(max_peers, sizeof(peer_t *))
        if (self.generator.incoming == NULL or self.generator.peers == NULL
                or ring_init(&self.generator.joining, max_peers, sizeof(peer_t *)) != OK
                or deadline_heap_init(&self.generator.deadlines, max_peers) != OK):
            raise MemoryError("no memory for a load generator")
        pattern_fill(self.generator.pattern)
        self.generator.epoll_fd = epoll_create1(EPOLL_CLOEXEC)
        self.generator.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        if self.generator.epoll_fd < 0 or self.generator.wake_fd < 0:
            raise OSError(errno, f"cannot open event descriptors: {os.strerror(errno)}")
        mp_watch(self.generator.epoll_fd, self.generator.wake_fd, WAKE_TAG)
        self.joined = []

    def __dealloc__(self):
        cdef peer_t *peer
        if self.generator == NULL:
            return
        if self.running:
            self._join()
        if self.generator.joining.records != NULL:
            while ring_pop(&self.generator.joining, &peer):
                peer_free(peer)
            ring_free(&self.generator.joining)
        for i in range(self.generator.peer_count):
            peer_free(self.generator.peers[i])
        for fd in (self.generator.epoll_fd, self.generator.wake_fd):
            if fd >= 0:
                c_close(fd)
        free(self.generator.peers)
        deadline_heap_free(&self.generator.deadlines)
        incoming_free(self.generator.incoming)
        if self.generator.srtp != NULL:
            srtp_engine_free(self.generator.srtp)
        if self.generator.dtls != NULL:
            dtls_context_free(self.generator.dtls)
        free(self.generator)

    cdef int _wake(self) except -1:
        cdef uint64_t one = 1
        c_write(self.generator.wake_fd, &one, sizeof(one))
        return 0

    cdef int _join(self) except -1:
        self.cpu_at_end_us = mp_thread_cpu_us(self.thread)
        mp_flag_store(&self.generator.stopping, 1)
        self._wake()
        with nogil:
            pthread_join(self.thread, NULL)
        self.running = False
        return 0

    def add_peer(self, connection, *, sources=(), streams=()):
        """Let a peer join: it checks the connection, shakes hands, then sends `sources` and expects `streams`.

        Takes a `Connection`, `AudioSource` or `VideoSource`, and `Stream`; see `mediaplane.loadgen.media`. Returns the
        peer's id. Raises ValueError, KeyError, OSError, BufferError (too many peers).
        """
        cdef peer_t *peer
        if len(self.joined) == self.generator.max_peers:
            raise BufferError(f"this load generator takes {self.generator.max_peers} peers")
        peer = peer_new(self.generator, connection, tuple(sources), tuple(streams))
        peer.id = len(self.joined) + 1
        if ring_push(&self.generator.joining, &peer) != OK:
            peer_free(peer)
            raise BufferError("too many peers join at once")
        self.joined.append(<size_t>peer)
        self._wake()
        return peer.id

    def add_publisher(self, connection, sources):
        """A peer that only sends."""
        return self.add_peer(connection, sources=sources)

    def add_subscriber(self, connection, streams):
        """A peer that only receives."""
        return self.add_peer(connection, streams=streams)

    def start(self):
        """Start the thread. A generator starts once."""
        cdef int status
        if self.running or self.generator.stopping:
            raise RuntimeError("the load generator was started before")
        status = mp_start_thread(&self.thread, _run, self.generator, b"mediasrv-load")
        if status != 0:
            raise OSError(status, f"cannot start the load generator's thread: {os.strerror(status)}")
        self.running = True

    def stop_media(self):
        """Let sources send nothing more, so that what is on its way can arrive and be counted."""
        mp_flag_store(&self.generator.sending, 0)

    def stop(self):
        """Say goodbye to the server and end the thread. Idempotent; statistics() still works."""
        if self.running:
            self._join()

    def states(self):
        """How many peers are in each state: {"connected": 3, ...}."""
        cdef dict counted = {}
        for address in self.joined:
            state = peer_state(<const peer_t *><size_t>address)
            counted[state] = counted.get(state, 0) + 1
        return counted

    def totals(self):
        """Packets that arrived, are lost, and were sent so far; cheap, for looking on while it runs."""
        cdef uint64_t packets = 0
        cdef uint64_t lost = 0
        cdef uint64_t sent = 0
        cdef const peer_t *peer
        cdef const stream_t *stream
        cdef uint32_t i
        for address in self.joined:
            peer = <const peer_t *><size_t>address
            for i in range(peer.stream_count):
                stream = &peer.streams[i]
                packets += stream.packets
                lost += stream_lost(stream)
            for i in range(peer.source_count):
                sent += peer.sources[i].packets
        return {"packets": packets, "lost": lost, "sent": sent}

    def statistics(self):
        """Counters since the start; they only grow. Latencies in microseconds, as {bucket's upper end: count}."""
        return {
            "peers": [peer_to_python(<const peer_t *><size_t>address) for address in self.joined],
            "audio_gap": _histogram_to_python(&self.generator.audio_gap),
            "audio_latency": _histogram_to_python(&self.generator.audio_latency),
            "video_latency": _histogram_to_python(&self.generator.video_latency),
            "datagrams": self.generator.datagrams,
            "messages": self.generator.messages,
            "late_frames": self.generator.late_frames,
            "send_errors": self.generator.send_errors,
            "failure": os.strerror(self.generator.failed_errno) if self.generator.failed_errno else "",
        }

    @property
    def cpu_us(self):
        """CPU time of the thread so far, in microseconds."""
        return mp_thread_cpu_us(self.thread) if self.running else self.cpu_at_end_us
