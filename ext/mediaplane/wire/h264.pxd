"""H.264 payloads (RFC 6184), as far as finding where a decoder can start."""
from libc.stdint cimport uint8_t, uint32_t

cdef enum NalUnitType:
    NAL_IDR_SLICE = 5
    NAL_SPS = 7
    NAL_STAP_A = 24
    NAL_STAP_B = 25
    NAL_FU_A = 28
    NAL_FU_B = 29

# Whether an SPS or the first slice of an IDR picture is, or begins, in this payload: a single NAL unit, one of a STAP,
# or the first fragment of an FU. Later slices of the picture and later fragments are not a start. False on a payload
# that is too short or broken, and on MTAPs, which only the interleaved mode has (never negotiated here).
cdef bint h264_starts_keyframe(const uint8_t *payload, uint32_t size) noexcept nogil
