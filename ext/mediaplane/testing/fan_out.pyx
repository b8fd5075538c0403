"""A plane with one publisher and many subscribers whose keys are given, not negotiated: what forwarding costs, without
sockets and in virtual time."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from mediaplane.address cimport FAMILY_IPV4, transport_tuple_t
from mediaplane.command_port cimport CommandPort
from mediaplane.commands cimport commands_drain
from mediaplane.counters cimport counters_to_python
from mediaplane.egress cimport egress_flush
from mediaplane.events cimport event_t
from mediaplane.model cimport (
    BATCH_SIZE, DATAGRAM_CAPACITY, TRANSPORT_CONNECTED, datagram_t, plane_t, send_t, transport_t,
)
from mediaplane.plane cimport plane_flush, plane_free, plane_init, plane_receive
from mediaplane.rings cimport ring_free, ring_init, ring_pop, ring_t
from mediaplane.secure.srtp cimport (
    SRTP_BACKEND_AUTO, SRTP_BACKEND_IPSEC_MB, SRTP_BACKEND_LIBCRYPTO, srtp_engine_new, srtp_engine_free, srtp_engine_t,
    srtp_overhead, srtp_protect_batch, srtp_protect_job_t, srtp_session_free, srtp_session_new, srtp_session_t,
)
from mediaplane.status cimport check
from mediaplane.stream.router cimport router_drain
from mediaplane.tables cimport id_table_find, tuple_table_put
from mediaplane.wire.rtp cimport RTP_FIXED_HEADER_SIZE, rtp_write_fixed_header

from mediaplane.secure.srtp import available_backends

cdef extern from *:
    """
    #include <time.h>
    static long long mp_this_thread_cpu_ns(void) {
        struct timespec now;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return now.tv_sec * 1000000000LL + now.tv_nsec;
    }
    """
    long long mp_this_thread_cpu_ns() nogil

cdef enum:
    PAYLOAD_TYPE = 111
    PUBLISHER_SSRC = 1000
    FRAME_US = 33333

_BACKENDS = {"auto": SRTP_BACKEND_AUTO, "ipsec-mb": SRTP_BACKEND_IPSEC_MB, "libcrypto": SRTP_BACKEND_LIBCRYPTO}
_NO_FINGERPRINT = [("sha-256", bytes(32))]


cdef class FanOut(CommandPort):
    """`prepare()` seals frames of the publisher, `run()` forwards them; only the latter is worth measuring."""

    cdef plane_t *plane
    cdef ring_t ring
    cdef srtp_engine_t *engine
    cdef srtp_session_t *publisher
    cdef datagram_t *datagrams
    cdef uint8_t *bytes
    cdef uint32_t frames
    cdef uint32_t burst
    cdef uint16_t seq16
    cdef uint32_t payload_size
    cdef int profile
    cdef int64_t now_us
    cdef readonly int packets        # forwarded by the last run()
    cdef readonly int sends          # it made of them
    cdef readonly long long receive_ns       # CPU time of the stages in the last run_stages()
    cdef readonly long long forward_ns
    cdef readonly long long seal_ns

    def __cinit__(self, *args, **kwargs):
        self.plane = <plane_t *>calloc(1, sizeof(plane_t))
        if self.plane == NULL:
            raise MemoryError

    def __init__(self, int consumers, *, int profile, uint32_t burst, uint32_t payload_size, str srtp_backend="auto"):
        available_backends()
        if not 1 <= burst <= BATCH_SIZE or not 1 <= payload_size <= 1400:
            raise ValueError("a burst has 1 to 64 packets of 1 to 1400 bytes")
        self.burst = burst
        self.payload_size = payload_size
        self.profile = profile
        self.now_us = 1000000
        check(ring_init(&self.ring, 16384, sizeof(event_t)))
        check(plane_init(self.plane, consumers + 1, _BACKENDS[srtp_backend], NULL, &self.ring))
        self.engine = srtp_engine_new(_BACKENDS[srtp_backend])
        self.publisher = srtp_session_new(self.engine, profile, b"k" * 32, b"s" * 14)
        self._open_transport(1)
        self.create_producer(1, 1, kind="audio", mid="0", codecs=[(PAYLOAD_TYPE, "opus", 48000, 0)],
                             encodings=[("", PUBLISHER_SSRC, 0)], nack=True, pli=False, fir=False, transport_cc=False)
        for i in range(consumers):
            self._open_transport(2 + i)
            self.create_consumer(2 + i, 1 + i, kind="audio", mid="0", ssrc=5000 + i, rtx_ssrc=0, cname="c",
                                 extensions={"urn:ietf:params:rtp-hdrext:sdes:mid": 1}, two_byte=False)
            self.connect_consumer(1 + i, 1, [(PAYLOAD_TYPE, 96, 0)])
            self._carry_out()
        self._carry_out()

    def __dealloc__(self):
        cdef event_t event
        if self.plane.srtp != NULL:
            plane_free(self.plane)
        free(self.plane)
        if self.ring.records != NULL:
            while ring_pop(&self.ring, &event):
                free(event.data)
            ring_free(&self.ring)
        srtp_session_free(self.publisher)
        if self.engine != NULL:
            srtp_engine_free(self.engine)
        free(self.datagrams)
        free(self.bytes)

    cdef int _carry_out(self) except -1:
        cdef send_t *sends
        cdef event_t event
        commands_drain(self.plane, &self.commands, 0xFFFFFFFFU, self.now_us)
        while plane_flush(self.plane, &sends, self.now_us):
            pass
        while ring_pop(&self.ring, &event):
            free(event.data)
        return 0

    cdef int _open_transport(self, uint32_t id) except -1:
        """As if ICE and DTLS were over: both directions have the same key."""
        cdef transport_t *transport
        cdef transport_tuple_t address
        self.create_transport(id, ice_ufrag=b"%08d" % id, ice_pwd=b"p" * 24, dtls_role="server",
                              fingerprints=_NO_FINGERPRINT, extensions={})
        self._carry_out()
        transport = <transport_t *>id_table_find(&self.plane.transports, id)
        _address_of(id, &address)
        transport.tuples[0].address = address
        transport.tuples[0].valid_us = self.now_us
        transport.has_selected = True
        check(tuple_table_put(&self.plane.tuples, &address, transport))
        transport.srtp_send = srtp_session_new(self.plane.srtp, self.profile, b"k" * 32, b"s" * 14)
        transport.srtp_receive = srtp_session_new(self.plane.srtp, self.profile, b"k" * 32, b"s" * 14)
        transport.srtp_overhead = srtp_overhead(self.profile)
        transport.state = TRANSPORT_CONNECTED
        return 0

    def prepare(self, uint32_t frames):
        """Seal `frames` frames of packets that have not been sent before."""
        cdef srtp_protect_job_t job
        cdef uint32_t count = frames * self.burst
        cdef uint8_t *data
        cdef uint32_t i
        free(self.datagrams)
        free(self.bytes)
        self.datagrams = <datagram_t *>calloc(count, sizeof(datagram_t))
        self.bytes = <uint8_t *>malloc(count * DATAGRAM_CAPACITY)
        if self.datagrams == NULL or self.bytes == NULL:
            raise MemoryError
        self.frames = frames
        for i in range(count):
            data = self.bytes + i * DATAGRAM_CAPACITY
            memset(data, 0x5A, DATAGRAM_CAPACITY)
            rtp_write_fixed_header(data, PAYLOAD_TYPE, False, self.seq16, i // self.burst * 960, PUBLISHER_SSRC, 0,
                                   False)
            job.session = self.publisher
            job.out = data
            job.payload = data + RTP_FIXED_HEADER_SIZE
            job.header_size = RTP_FIXED_HEADER_SIZE
            job.payload_size = self.payload_size
            job.ssrc = PUBLISHER_SSRC
            job.index = self.seq16
            srtp_protect_batch(self.engine, &job, 1)
            check(job.status)
            self.datagrams[i].data = data
            self.datagrams[i].arrival_us = self.now_us
            self.datagrams[i].size = RTP_FIXED_HEADER_SIZE + self.payload_size + srtp_overhead(self.profile)
            _address_of(1, &self.datagrams[i].source)
            # A roll-over would need an index of its own: more packets than any round has.
            self.seq16 += 1
            if self.seq16 == 0:
                raise ValueError("a benchmark forwards at most 65,535 packets")

    def run(self):
        """Forward what was prepared, a frame at a time, each in its own batch."""
        cdef send_t *sends
        cdef uint32_t frame, count, i
        cdef int packets = 0
        cdef int made = 0
        with nogil:
            for frame in range(self.frames):
                self.now_us += FRAME_US
                plane_receive(self.plane, &self.datagrams[frame * self.burst], self.burst, self.now_us)
                count = plane_flush(self.plane, &sends, self.now_us)
                while count:
                    made += count
                    for i in range(count):
                        packets += sends[i].segments
                    count = plane_flush(self.plane, &sends, self.now_us)
        self.packets = packets
        self.sends = made

    def run_stages(self):
        """The same, with the CPU time of each stage: a clock is read four times for each frame and flush, at about
        0.2 us each, so frames should be large or go to many."""
        cdef long long receive_ns = 0
        cdef long long forward_ns = 0
        cdef long long seal_ns = 0
        cdef long long before, after
        cdef bint drained
        cdef uint32_t frame, count, i
        cdef int packets = 0
        with nogil:
            for frame in range(self.frames):
                self.now_us += FRAME_US
                before = mp_this_thread_cpu_ns()
                plane_receive(self.plane, &self.datagrams[frame * self.burst], self.burst, self.now_us)
                after = mp_this_thread_cpu_ns()
                receive_ns += after - before
                drained = False
                while not drained:
                    before = after
                    drained = router_drain(self.plane, self.now_us)
                    after = mp_this_thread_cpu_ns()
                    forward_ns += after - before
                    before = after
                    count = egress_flush(&self.plane.egress, self.plane.srtp, &self.plane.counters)
                    after = mp_this_thread_cpu_ns()
                    seal_ns += after - before
                    for i in range(count):
                        packets += self.plane.egress.sends[i].segments
        self.packets = packets
        self.receive_ns = receive_ns
        self.forward_ns = forward_ns
        self.seal_ns = seal_ns

    def counters(self):
        return counters_to_python(&self.plane.counters)


cdef void _address_of(uint32_t id, transport_tuple_t *out) noexcept nogil:
    memset(out, 0, sizeof(transport_tuple_t))
    out.family = FAMILY_IPV4
    out.remote[0] = 127
    out.remote[3] = 1
    out.remote_port = 1024 + id
