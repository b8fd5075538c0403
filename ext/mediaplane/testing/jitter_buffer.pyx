"""The jitter buffer as a Python object. PCM is bytes: 16 bits, native, interleaved."""
from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t

from mediaplane.audio.jitter_buffer cimport (
    JITTER_MAX_TICK, JITTER_NO_PAYLOAD_TYPE, jitter_buffer_free, jitter_buffer_insert, jitter_buffer_new,
    jitter_buffer_pull, jitter_buffer_t, pulled_t,
)
from mediaplane.status cimport check
from mediaplane.testing.exact_buffer cimport ExactBuffer, exact_copy, exact_room


cdef class JitterBuffer:
    cdef jitter_buffer_t *buffer
    cdef pulled_t pulled
    cdef int channels

    def __init__(self, int channels=1, *, uint8_t opus_payload_type=111, red_payload_type=None):
        check(jitter_buffer_new(&self.buffer, channels, opus_payload_type,
                                JITTER_NO_PAYLOAD_TYPE if red_payload_type is None else red_payload_type))
        self.channels = channels

    def __dealloc__(self):
        jitter_buffer_free(self.buffer)

    def insert(self, bytes payload, uint16_t seq16, uint32_t ts32, int64_t now_us, *, uint8_t payload_type=111,
               uint32_t ssrc=1):
        cdef ExactBuffer data = exact_copy(payload)
        with nogil:
            jitter_buffer_insert(self.buffer, data.data, data.size, seq16, ts32, payload_type, ssrc, now_us)

    def pull(self, int64_t now_us, uint32_t samples=JITTER_MAX_TICK):
        """The next `samples` as PCM; what they are is in the properties."""
        if not 0 < samples <= JITTER_MAX_TICK:
            raise ValueError(f"a tick has 1 to {JITTER_MAX_TICK} samples, not {samples}")
        cdef ExactBuffer room = exact_room(samples * 2 * self.channels)
        with nogil:
            jitter_buffer_pull(self.buffer, now_us, <int16_t *>room.data, samples, &self.pulled)
        return room.head(room.size)

    def skip(self, int64_t now_us, uint32_t samples=JITTER_MAX_TICK):
        """As pull(), but nothing is decoded."""
        if not 0 < samples <= JITTER_MAX_TICK:
            raise ValueError(f"a tick has 1 to {JITTER_MAX_TICK} samples, not {samples}")
        with nogil:
            jitter_buffer_pull(self.buffer, now_us, NULL, samples, &self.pulled)

    @property
    def last(self):
        return self.pulled

    @property
    def statistics(self):
        return self.buffer.statistics

    @property
    def waiting(self):
        """Packets that wait, and samples of decoded sound."""
        return self.buffer.store.count, self.buffer.sound.ready
