"""Dispatch to the formats, and the two that need nothing but their descriptor taken off."""
from libc.string cimport memset

from mediaplane.status cimport OK, TRUNCATED, UNSUPPORTED
from mediaplane.video.av1_temporal_unit cimport av1_append
from mediaplane.video.frame_assembler cimport START_NO, START_UNKNOWN, START_YES
from mediaplane.video.frame_writer cimport frame_writer_put
from mediaplane.video.h264_annex_b cimport h264_append
from mediaplane.wire.av1 cimport av1_aggregation_header_t, av1_parse
from mediaplane.wire.codecs cimport CODEC_AV1, CODEC_H264, CODEC_VP8, CODEC_VP9
from mediaplane.wire.h264 cimport NAL_FU_A, NAL_FU_B, NAL_SPS
from mediaplane.wire.vp8 cimport vp8_descriptor_t, vp8_parse
from mediaplane.wire.vp9 cimport vp9_descriptor_t, vp9_parse

cdef enum:
    NAL_ACCESS_UNIT_DELIMITER = 9
    FU_START_BIT = 0x80


cdef void frame_writer_begin(frame_writer_t *writer, uint8_t codec, uint8_t *out, uint32_t capacity) noexcept nogil:
    memset(writer, 0, sizeof(frame_writer_t))
    writer.codec = codec
    writer.out = out
    writer.capacity = capacity


cdef int frame_writer_append(frame_writer_t *writer, const uint8_t *payload, uint32_t size) noexcept nogil:
    cdef vp8_descriptor_t vp8
    cdef vp9_descriptor_t vp9
    cdef int status
    if writer.codec == CODEC_VP8:
        status = vp8_parse(payload, size, &vp8)
        return frame_writer_put(writer, payload + vp8.size, size - vp8.size) if status == OK else status
    if writer.codec == CODEC_VP9:
        # Layer frames of a picture follow each other, without the index of a superframe.
        status = vp9_parse(payload, size, &vp9)
        return frame_writer_put(writer, payload + vp9.size, size - vp9.size) if status == OK else status
    if writer.codec == CODEC_H264:
        return h264_append(writer, payload, size)
    if writer.codec == CODEC_AV1:
        return av1_append(writer, payload, size)
    return UNSUPPORTED


cdef int frame_writer_end(frame_writer_t *writer) noexcept nogil:
    return TRUNCATED if writer.unit_is_open or not writer.size else OK


cdef uint8_t _h264_frame_start(const uint8_t *payload, uint32_t size) noexcept nogil:
    cdef uint8_t unit_type
    if size < 2:
        return START_NO
    unit_type = payload[0] & 0x1F
    if unit_type == NAL_SPS or unit_type == NAL_ACCESS_UNIT_DELIMITER:
        return START_YES
    if (unit_type == NAL_FU_A or unit_type == NAL_FU_B) and not payload[1] & FU_START_BIT:
        return START_NO
    return START_UNKNOWN             # a slice may be the first of its picture, or not


cdef uint8_t payload_frame_start(uint8_t codec, const uint8_t *payload, uint32_t size) noexcept nogil:
    cdef vp8_descriptor_t vp8
    cdef vp9_descriptor_t vp9
    cdef av1_aggregation_header_t av1
    if codec == CODEC_VP8:
        return START_YES if (vp8_parse(payload, size, &vp8) == OK and vp8.start_of_partition
                             and vp8.partition == 0) else START_NO
    if codec == CODEC_VP9:
        if vp9_parse(payload, size, &vp9) != OK or not vp9.start_of_frame:
            return START_NO
        # The lowest layer of a picture need not be layer 0: it may be left out.
        return START_YES if not vp9.has_layers or vp9.spatial_layer == 0 else START_UNKNOWN
    if codec == CODEC_H264:
        return _h264_frame_start(payload, size)
    if codec == CODEC_AV1:
        if av1_parse(payload, size, &av1) != OK or av1.continues:
            return START_NO
        return START_YES if av1.starts_sequence else START_UNKNOWN
    return START_UNKNOWN
