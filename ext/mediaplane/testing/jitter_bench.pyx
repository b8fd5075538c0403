"""Packets through a jitter buffer in a loop without Python, and how long each half of it takes."""
from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from mediaplane.audio.jitter_buffer cimport (
    JITTER_NO_PAYLOAD_TYPE, jitter_buffer_free, jitter_buffer_insert, jitter_buffer_new, jitter_buffer_pull,
    jitter_buffer_t, pulled_t,
)
from mediaplane.status cimport check

cdef enum:
    FRAME = 960
    FRAME_US = 20000
    BURST = 4                    # packets that are inserted, and ticks that are fetched, between two looks at the clock


cdef inline int64_t clock_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1000000000 + now.tv_nsec


cdef class JitterBench:
    """`reordered`: of each burst, the middle two change places."""

    cdef jitter_buffer_t *buffer
    cdef bytes payload
    cdef uint32_t sent
    cdef bint reordered
    cdef int16_t pcm[960]

    def __init__(self, bytes payload, *, bint reordered=False):
        check(jitter_buffer_new(&self.buffer, 1, 111, JITTER_NO_PAYLOAD_TYPE))
        self.payload = payload
        self.reordered = reordered

    def __dealloc__(self):
        jitter_buffer_free(self.buffer)

    def run(self, uint32_t packets, *, bint decode):
        """Nanoseconds of an insert and of a pull of 20 ms, means over `packets`."""
        cdef const uint8_t *data = self.payload
        cdef uint32_t size = <uint32_t>len(self.payload)
        cdef int16_t *pcm = self.pcm if decode else NULL
        cdef int64_t begun_ns, between_ns
        cdef int64_t insert_ns = 0
        cdef int64_t pull_ns = 0
        cdef uint32_t bursts = packets // BURST
        cdef uint32_t _, k, number
        cdef pulled_t pulled
        with nogil:
            for _ in range(bursts):
                begun_ns = clock_ns()
                for k in range(BURST):
                    number = self.sent + (k ^ 3 if self.reordered and 0 < k < 3 else k)
                    jitter_buffer_insert(self.buffer, data, size, <uint16_t>number, number * FRAME, 111, 1,
                                         <int64_t>(self.sent + k) * FRAME_US)
                between_ns = clock_ns()
                for k in range(BURST):
                    jitter_buffer_pull(self.buffer, <int64_t>(self.sent + k) * FRAME_US + 1000, pcm, FRAME, &pulled)
                pull_ns += clock_ns() - between_ns
                insert_ns += between_ns - begun_ns
                self.sent += BURST
        return <double>insert_ns / (bursts * BURST), <double>pull_ns / (bursts * BURST)

    @property
    def statistics(self):
        return self.buffer.statistics
