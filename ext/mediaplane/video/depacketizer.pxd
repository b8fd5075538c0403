"""From the payloads of a frame's packets to what a decoder or a file takes.

VP8 (RFC 7741) and VP9 (RFC 9628): the frame as the encoder made it. H264 (RFC 6184): Annex B, each NAL unit behind a
start code. AV1 (RTP Payload Format for AV1, section 4): a temporal unit in the low-overhead format, each OBU with its
size.
"""
from libc.stdint cimport uint8_t, uint32_t

from mediaplane.video.frame_writer cimport frame_writer_t

cdef void frame_writer_begin(frame_writer_t *writer, uint8_t codec, uint8_t *out, uint32_t capacity) noexcept nogil
# Appends one packet's payload; packets come in order and without a gap. OK, TRUNCATED or MALFORMED (a payload that
# is no such format, or that does not continue what was begun), NO_SPACE, UNSUPPORTED (the codec).
cdef int frame_writer_append(frame_writer_t *writer, const uint8_t *payload, uint32_t size) noexcept nogil
# OK, or TRUNCATED when the last packet ended inside a unit.
cdef int frame_writer_end(frame_writer_t *writer) noexcept nogil
# FrameStart of a payload: whether it is the first of its frame.
cdef uint8_t payload_frame_start(uint8_t codec, const uint8_t *payload, uint32_t size) noexcept nogil
