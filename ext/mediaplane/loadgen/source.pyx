"""Frames and packets of a source. VP8 has picture ids and frame tags for forwarders to read; the rest is a pattern."""
from libc.string cimport memcpy

from mediaplane.status cimport OK
from mediaplane.wire.byte_order cimport load16, store16, store32, store64
from mediaplane.wire.rtp cimport RTP_FIXED_HEADER_SIZE, rtp_write_fixed_header
from mediaplane.wire.rtp_extensions cimport extension_writer_t, extensions_begin, extensions_end, extensions_put

cdef enum:
    KEYFRAME_FACTOR = 4          # a keyframe's bytes in mean frames
    LATEST_US = 1000000          # a source that is later than this starts over instead of catching up
    EXTENSION_BYTES = 64


cdef void pattern_fill(uint8_t *pattern) noexcept nogil:
    cdef uint32_t state = 0x9E3779B9U
    cdef uint32_t i
    for i in range(PATTERN_BYTES):
        state = _next(state)
        pattern[i] = state >> 24


cdef inline uint32_t _next(uint32_t state) noexcept nogil:
    """xorshift32 (Marsaglia); `state` is never 0."""
    state ^= state << 13
    state ^= state >> 17
    return state ^ (state << 5)


cdef void source_start(source_t *source, int64_t now_us) noexcept nogil:
    # Sources of one moment do not send in step.
    source.random = _next(source.ssrc | 1)
    source.frame_due_us = now_us + source.random % <uint32_t>source.interval_us
    source.packet_due_us = source.frame_due_us
    source.timestamp = source.random
    source.picture_id = source.random & 0x7FFF
    source.index = source.ssrc & 0x7FFF        # so that the roll-over counter of both sides surely starts at 0
    source.keyframe_wanted = source.is_video
    source.recording_at = 0


cdef int64_t source_due_us(const source_t *source) noexcept nogil:
    return source.packet_due_us


cdef uint32_t source_timestamp(const source_t *source, int64_t now_us) noexcept nogil:
    cdef int64_t elapsed_us = now_us - (source.frame_due_us - source.interval_us)
    return <uint32_t>(source.timestamp + elapsed_us * source.clock_rate // 1000000)


# --- frames --------------------------------------------------------------------------------------------------------

cdef void _begin_frame(source_t *source, int64_t now_us) noexcept nogil:
    if now_us - source.frame_due_us > LATEST_US:
        source.frame_due_us = now_us
    source.timestamp += <uint32_t>(source.interval_us * source.clock_rate // 1000000)
    source.is_first = True
    source.is_keyframe = source.keyframe_wanted
    source.keyframe_wanted = False
    source.bytes_left = source.frame_bytes
    if source.is_video:
        source.random = _next(source.random)
        source.bytes_left = source.frame_bytes * 3 // 4 + source.random % (source.frame_bytes // 2 + 1)
        source.picture_id = (source.picture_id + 1) & 0x7FFF
        source.tl0picidx += 1
        if source.is_keyframe:
            source.bytes_left *= KEYFRAME_FACTOR
            source.keyframes += 1
    source.packets_left = (source.bytes_left + source.packet_bytes - 1) // source.packet_bytes
    source.bytes_left = max(source.bytes_left, source.packets_left * SMALLEST_PAYLOAD)
    source.frames += 1
    source.frame_due_us += source.interval_us


cdef uint32_t _packet_size(const source_t *source) noexcept nogil:
    """Of the next packet: full ones and a rest, or about equal ones of which the last are a byte longer (libwebrtc)."""
    if source.full_packets:
        return min(source.bytes_left - (source.packets_left - 1) * SMALLEST_PAYLOAD, source.packet_bytes)
    return source.bytes_left // source.packets_left


cdef void _schedule(source_t *source, int64_t now_us) noexcept nogil:
    cdef int64_t left_us
    if source.packets_left == 0:
        source.packet_due_us = source.frame_due_us
    elif source.spread:
        # What is left shares what is left of four fifths of the interval.
        left_us = max(source.frame_due_us - source.interval_us // 5 - now_us, 0)
        source.packet_due_us = now_us + left_us // source.packets_left


# --- packets -------------------------------------------------------------------------------------------------------

cdef void _write_codec_headers(const source_t *source, uint8_t *payload) noexcept nogil:
    if not source.is_video:
        payload[0] = 0xF8                        # Opus: CELT, full band, 20 ms, mono (RFC 6716 section 3.1)
        return
    payload[0] = 0x90 if source.is_first else 0x80      # X, S at the start of the partition (RFC 7741 section 4.2)
    payload[1] = 0xE0                            # picture id, TL0PICIDX, TID
    store16(payload + 2, 0x8000 | source.picture_id)
    payload[4] = source.tl0picidx
    payload[5] = 0
    if source.is_first:
        # The frame tag (RFC 6386 section 9.1): P clear on keyframes, then their start code and 640x360.
        payload[6] = 0x10 if source.is_keyframe else 0x11
        payload[7] = 0x20
        payload[8] = 0
        if source.is_keyframe:
            memcpy(payload + 9, <const char *>b"\x9d\x01\x2a\x80\x02\x68\x01", 7)


cdef int _write_header(source_t *source, uint16_t *transport_cc_seq, uint8_t *out, bint marker) noexcept nogil:
    cdef extension_writer_t writer
    cdef uint8_t value[2]
    cdef int size
    extensions_begin(&writer, out + RTP_FIXED_HEADER_SIZE, EXTENSION_BYTES, False)
    if source.mid_id:
        extensions_put(&writer, source.mid_id, source.mid, source.mid_size)
    if source.rid_id:
        extensions_put(&writer, source.rid_id, source.rid, source.rid_size)
    if source.level_id:
        value[0] = 0x80 | (20 + source.random % 40)
        if source.recording != NULL:
            value[0] = source.recording[source.recording_at + 2]
        extensions_put(&writer, source.level_id, value, 1)
    if source.transport_cc_id:
        store16(value, transport_cc_seq[0])
        transport_cc_seq[0] += 1
        extensions_put(&writer, source.transport_cc_id, value, 2)
    size = extensions_end(&writer)
    rtp_write_fixed_header(out, source.payload_type, marker, <uint16_t>source.index, source.timestamp, source.ssrc, 0,
                           size != 0)
    return RTP_FIXED_HEADER_SIZE + size


cdef void _write_pattern(source_t *source, const uint8_t *pattern, uint8_t *payload, uint32_t size,
                         int64_t now_us) noexcept nogil:
    cdef uint8_t *trailer = payload + size - TRAILER_BYTES
    memcpy(payload, pattern + pattern_offset(source.packets), size - TRAILER_BYTES)
    _write_codec_headers(source, payload)
    store32(trailer, TRAILER_MAGIC)
    store32(trailer + 4, source.id)
    store64(trailer + 8, source.packets)
    store64(trailer + 16, now_us)


cdef void _write_recorded(source_t *source, uint8_t *payload, uint32_t size) noexcept nogil:
    memcpy(payload, source.recording + source.recording_at + RECORDED_HEADER_BYTES, size)
    source.recording_at += RECORDED_HEADER_BYTES + size
    if source.recording_at == source.recording_size:
        source.recording_at = 0


cdef bint source_write(source_t *source, const uint8_t *pattern, uint16_t *transport_cc_seq, uint8_t *out,
                       srtp_protect_job_t *job, int64_t now_us) noexcept nogil:
    cdef uint8_t *payload
    cdef uint32_t size
    if source.packet_due_us > now_us:
        return False
    if source.packets_left == 0:
        _begin_frame(source, now_us)
    size = _packet_size(source)
    if source.recording != NULL:
        size = load16(source.recording + source.recording_at)
    # Speech spurts begin with the marker, frames end with it (RFC 3551 section 4.1, RFC 7741 section 4.1).
    job.header_size = _write_header(source, transport_cc_seq, out,
                                    source.packets_left == 1 if source.is_video else source.packets == 0)
    payload = out + job.header_size
    if source.recording != NULL:
        _write_recorded(source, payload, size)
    else:
        _write_pattern(source, pattern, payload, size, now_us)
    job.out = out
    job.payload = payload
    job.payload_size = size
    job.ssrc = source.ssrc
    job.index = source.index
    job.status = OK
    source.index += 1
    source.packets += 1
    source.octets += size
    source.packets_left -= 1
    source.bytes_left -= min(size, source.bytes_left)
    source.is_first = False
    _schedule(source, now_us)
    return True
