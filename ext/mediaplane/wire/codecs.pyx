"""Dispatch to the payload format of each codec."""
from libc.stdint cimport uint8_t, uint32_t

from mediaplane.status cimport OK
from mediaplane.wire.av1 cimport av1_aggregation_header_t, av1_parse
from mediaplane.wire.h264 cimport h264_starts_keyframe
from mediaplane.wire.vp8 cimport vp8_descriptor_t, vp8_parse
from mediaplane.wire.vp9 cimport vp9_descriptor_t, vp9_parse


cdef bint payload_starts_keyframe(uint8_t codec, const uint8_t *payload, uint32_t size) noexcept nogil:
    cdef vp8_descriptor_t vp8
    cdef vp9_descriptor_t vp9
    cdef av1_aggregation_header_t av1
    if codec == CODEC_VP8:
        return vp8_parse(payload, size, &vp8) == OK and vp8.keyframe
    if codec == CODEC_H264:
        return h264_starts_keyframe(payload, size)
    if codec == CODEC_VP9:
        return vp9_parse(payload, size, &vp9) == OK and vp9.keyframe
    if codec == CODEC_AV1:
        return av1_parse(payload, size, &av1) == OK and av1.starts_sequence
    return size > 0
