"""A plane without sockets, threads and clocks: tests give it datagrams and the time."""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from mediaplane.address cimport address_text, tuple_from_python
from mediaplane.audio.mixing cimport mixing_attach
from mediaplane.command_port cimport CommandPort
from mediaplane.commands cimport commands_drain
from mediaplane.counters cimport counters_to_python
from mediaplane.distributions cimport distributions_to_python
from mediaplane.deadlines cimport REASON_COUNT, deadline_t, reason_text
from mediaplane.events cimport event_t, event_to_python
from mediaplane.model cimport BATCH_SIZE, DATAGRAM_CAPACITY, datagram_t, plane_t, send_t
from mediaplane.pipes.pipes cimport pipes_join, pipes_look, pipes_publish, pipes_receive, pipes_waiting
from mediaplane.plane cimport (
    plane_deadline, plane_flush, plane_free, plane_handshakes, plane_handshakes_wait, plane_init, plane_receive,
    plane_timeout,
)
from mediaplane.rings cimport ring_free, ring_init, ring_pop, ring_t
from mediaplane.secure.dtls cimport dtls_context_free, dtls_context_new, dtls_context_t
from mediaplane.secure.srtp cimport SRTP_BACKEND_AUTO, SRTP_BACKEND_IPSEC_MB, SRTP_BACKEND_LIBCRYPTO
from mediaplane.status cimport check
from mediaplane.testing.mixing cimport VirtualMixing

from mediaplane.secure.srtp import available_backends


cdef class VirtualPlane(CommandPort):
    """A plane in virtual time. Commands take effect with the next call; each call returns the datagrams to send:
    (bytes, (ip, port)); runs for the kernel are cut into single datagrams again.
    """

    cdef plane_t *plane
    cdef dtls_context_t *dtls
    cdef ring_t ring

    def __cinit__(self, *args, **kwargs):
        self.plane = <plane_t *>calloc(1, sizeof(plane_t))
        if self.plane == NULL:
            raise MemoryError

    def __init__(self, *, bytes certificate, bytes private_key, str srtp_backend="auto", uint32_t max_transports=64,
                 uint32_t event_capacity=4096):
        available_backends()
        self.dtls = dtls_context_new(<const uint8_t *><const char *>certificate, len(certificate),
                                     <const uint8_t *><const char *>private_key, len(private_key))
        if self.dtls == NULL:
            raise ValueError("the DTLS certificate and key are not a usable PEM pair")
        check(ring_init(&self.ring, event_capacity, sizeof(event_t)))
        backend = {"auto": SRTP_BACKEND_AUTO, "ipsec-mb": SRTP_BACKEND_IPSEC_MB, "libcrypto": SRTP_BACKEND_LIBCRYPTO}
        check(plane_init(self.plane, max_transports, backend[srtp_backend], self.dtls, &self.ring))

    def __dealloc__(self):
        cdef event_t event
        if self.plane != NULL:
            if self.plane.srtp != NULL:
                plane_free(self.plane)
            free(self.plane)
        if self.ring.records != NULL:
            while ring_pop(&self.ring, &event):
                free(event.data)
            ring_free(&self.ring)
        if self.dtls != NULL:
            dtls_context_free(self.dtls)

    cdef list _flush(self, int64_t now_us):
        cdef send_t *sends
        cdef uint32_t offset, size, count, i
        cdef tuple destination
        out = []
        pipes_publish(self.plane)
        count = plane_flush(self.plane, &sends, now_us)
        while count:
            for i in range(count):
                destination = (address_text(sends[i].destination.remote, sends[i].destination.family),
                               sends[i].destination.remote_port)
                offset = 0
                while offset < sends[i].size:
                    size = sends[i].size - offset
                    if sends[i].segment_size:
                        size = min(size, <uint32_t>sends[i].segment_size)
                    out.append(((<const char *>sends[i].data + offset)[:size], destination))
                    offset += size
            count = plane_flush(self.plane, &sends, now_us)
        pipes_publish(self.plane)
        return out

    def join(self, VirtualPlane other, uint32_t index, uint32_t other_index, *, uint32_t pipe_bytes=1 << 21):
        """Lay pipes to another plane and back; `index` and `other_index` are those of the workers they would be."""
        check(pipes_join(self.plane, index, -1, other.plane, other_index, -1, pipe_bytes))

    def attach(self, VirtualMixing mixing, uint32_t index=0, *, uint32_t pipe_bytes=1 << 21):
        """Lay pipes to a mixing thread and back, as the worker `index`."""
        check(mixing_attach(mixing.mixing, index, self.plane, -1, pipe_bytes))

    def receive_pipes(self, int64_t now_us):
        """Carry out commands and take what other planes have handed over."""
        pipes_look(self.plane)
        commands_drain(self.plane, &self.commands, 0xFFFFFFFFU, now_us)
        out = self._flush(now_us)
        while pipes_receive(self.plane, now_us):
            out.extend(self._flush(now_us))
        return out

    @property
    def pipes_waiting(self):
        """Whether receive_pipes() has something to take."""
        return pipes_waiting(self.plane)

    def go_on_with_handshakes(self, int64_t now_us, uint32_t limit=1):
        """Process at most `limit` datagrams of those that wait."""
        plane_handshakes(self.plane, limit, now_us)
        return self._flush(now_us)

    def receive(self, datagrams, int64_t now_us, *, bint handshakes=True, arrivals=None):
        """Give the plane datagrams (bytes, (ip, port)), in batches of at most 64. `handshakes`: those go on at once.

        `arrivals`: when each of them came, in microseconds and not after `now_us`; None: all of them at `now_us`.
        """
        cdef datagram_t batch[64]
        cdef uint8_t *copy
        cdef bytes data
        cdef uint32_t filled
        commands_drain(self.plane, &self.commands, 0xFFFFFFFFU, now_us)
        out = self._flush(now_us)
        datagrams = list(datagrams)
        for start in range(0, len(datagrams), BATCH_SIZE):
            filled = 0
            for data, source in datagrams[start:start + BATCH_SIZE]:
                # Of exactly its size, so that a read behind its end is seen by AddressSanitizer.
                copy = <uint8_t *>calloc(1, max(len(data), 1))
                memcpy(copy, <const char *>data, len(data))
                batch[filled].data = copy
                batch[filled].size = min(len(data), DATAGRAM_CAPACITY)
                batch[filled].arrival_us = now_us if arrivals is None else arrivals[start + filled]
                tuple_from_python(source, &batch[filled].source)
                filled += 1
            plane_receive(self.plane, batch, filled, now_us)
            out.extend(self._flush(now_us))
            while handshakes and plane_handshakes_wait(self.plane):
                out.extend(self.go_on_with_handshakes(now_us))
            for i in range(filled):
                free(batch[i].data)
        return out

    def timeout(self, int64_t now_us):
        """Carry out commands and what is due."""
        commands_drain(self.plane, &self.commands, 0xFFFFFFFFU, now_us)
        out = self._flush(now_us)
        while plane_deadline(self.plane) <= now_us:
            plane_timeout(self.plane, now_us)
            out.extend(self._flush(now_us))
        return out

    def deadline(self):
        """The next time (us) that timeout() has something to do; None: never."""
        cdef int64_t deadline_us = plane_deadline(self.plane)
        return None if deadline_us == 0x7FFFFFFFFFFFFFFF else deadline_us

    def deadlines(self):
        """Every transport's deadlines as {reason: us}, the next one first."""
        cdef deadline_t *item
        cdef int i, reason
        found = []
        for i in range(1, <int>self.plane.deadlines.count + 1):
            item = self.plane.deadlines.items[i]
            found.append({(<bytes>reason_text(reason)).decode(): item.due_us[reason]
                          for reason in range(REASON_COUNT) if item.due_us[reason] != 0x7FFFFFFFFFFFFFFF})
        return found

    def events(self):
        """All events since the last call."""
        cdef event_t event
        found = []
        while ring_pop(&self.ring, &event):
            found.append(event_to_python(&event))
        return found

    def counters(self):
        return counters_to_python(&self.plane.counters)

    def distributions(self):
        return distributions_to_python(&self.plane.distributions)
