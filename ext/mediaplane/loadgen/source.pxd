"""The sending half: frames of synthetic audio and VP8 video, cut into RTP packets, each with a number and a time."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from mediaplane.loadgen.model cimport source_t
from mediaplane.secure.srtp cimport srtp_protect_job_t

cdef enum:
    PATTERN_BYTES = 4096
    CODEC_BYTES = 16             # the most that the codec's own headers take of a payload
    TRAILER_BYTES = 24           # magic, source id, number, time of sending: the end of every payload
    TRAILER_MAGIC = 0x4D504C47
    SMALLEST_PAYLOAD = 40        # CODEC_BYTES + TRAILER_BYTES

# A recording: packets, one after the other, each as its size (16 bits), its audio level (RFC 6464, 8 bits), itself.
cdef enum:
    RECORDED_HEADER_BYTES = 3

# What stands between the codec's headers and the trailer of packet `number`: a piece of the pattern that starts here.
cdef inline uint32_t pattern_offset(uint64_t number) noexcept nogil:
    return <uint32_t>(number * 37) & 2047


cdef void pattern_fill(uint8_t *pattern) noexcept nogil                              # PATTERN_BYTES
cdef void source_start(source_t *source, int64_t now_us) noexcept nogil
cdef int64_t source_due_us(const source_t *source) noexcept nogil
# Writes the next packet that is due: the plain packet at `out` (room for a whole datagram), and a job to seal it in
# place. False: nothing is due. The caller fills in the session.
cdef bint source_write(source_t *source, const uint8_t *pattern, uint16_t *transport_cc_seq, uint8_t *out,
                       srtp_protect_job_t *job, int64_t now_us) noexcept nogil
cdef uint32_t source_timestamp(const source_t *source, int64_t now_us) noexcept nogil   # RTP time of `now_us`
