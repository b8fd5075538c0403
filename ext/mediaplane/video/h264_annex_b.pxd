"""H264 payloads to a byte stream (ITU-T H.264 Annex B)."""
from libc.stdint cimport uint8_t, uint32_t

from mediaplane.video.frame_writer cimport frame_writer_t

# As frame_writer_append: single NAL units, STAP-A and -B, FU-A and -B (RFC 6184 section 5.2).
cdef int h264_append(frame_writer_t *writer, const uint8_t *payload, uint32_t size) noexcept nogil
