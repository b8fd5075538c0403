"""AV1 payloads to a temporal unit in the low-overhead format (AV1 specification section 5.2)."""
from libc.stdint cimport uint8_t, uint32_t

from mediaplane.video.frame_writer cimport frame_writer_t

# As frame_writer_append. The unit begins with the temporal delimiter that RTP leaves out.
cdef int av1_append(frame_writer_t *writer, const uint8_t *payload, uint32_t size) noexcept nogil
