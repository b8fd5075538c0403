"""Parsing of RTP header extensions (RFC 8285), and the URIs by which SDP names them."""
from libc.stdint cimport uint8_t, uint16_t

from mediaplane.status cimport MALFORMED
from mediaplane.wire.rtp cimport rtp_header_t

#: URI in `a=extmap` -> :class:`ExtensionKind`. A URI that is not here is not forwarded.
EXTENSION_URIS = {
    "urn:ietf:params:rtp-hdrext:sdes:mid": ExtensionKind.EXT_MID,
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id": ExtensionKind.EXT_RID,
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id": ExtensionKind.EXT_REPAIRED_RID,
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level": ExtensionKind.EXT_AUDIO_LEVEL,
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time": ExtensionKind.EXT_ABS_SEND_TIME,
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01": ExtensionKind.EXT_TRANSPORT_CC,
    "urn:ietf:params:rtp-hdrext:toffset": ExtensionKind.EXT_TOFFSET,
    "urn:3gpp:video-orientation": ExtensionKind.EXT_VIDEO_ORIENTATION,
    "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay": ExtensionKind.EXT_PLAYOUT_DELAY,
    "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type": ExtensionKind.EXT_VIDEO_CONTENT_TYPE,
    "http://www.webrtc.org/experiments/rtp-hdrext/video-timing": ExtensionKind.EXT_VIDEO_TIMING,
    "http://www.webrtc.org/experiments/rtp-hdrext/color-space": ExtensionKind.EXT_COLOR_SPACE,
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension":
        ExtensionKind.EXT_DEPENDENCY_DESCRIPTOR,
    "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00":
        ExtensionKind.EXT_VIDEO_LAYERS_ALLOCATION,
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time": ExtensionKind.EXT_ABS_CAPTURE_TIME,
    "urn:ietf:params:rtp-hdrext:csrc-audio-level": ExtensionKind.EXT_CSRC_AUDIO_LEVEL,
}


cdef int extensions_parse(const uint8_t *data, const rtp_header_t *header, const uint8_t *kind_by_id,
                          extension_element_t *elements) noexcept nogil:
    cdef uint16_t position = header.extension_offset
    cdef uint16_t end = header.extension_offset + header.extension_size
    cdef bint two_byte = (header.extension_profile & 0xFFF0) == EXT_PROFILE_TWO_BYTE
    cdef int count = 0
    cdef uint8_t id
    cdef uint8_t size
    if not two_byte and header.extension_profile != EXT_PROFILE_ONE_BYTE:
        return 0
    while position < end:
        if data[position] == 0:  # padding
            position += 1
            continue
        if two_byte:
            if end - position < 2:
                return MALFORMED
            id = data[position]
            size = data[position + 1]
            position += 2
        else:
            id = data[position] >> 4
            size = (data[position] & 0x0F) + 1
            position += 1
            # 15 is reserved and 0 may have no length: both end the extension (RFC 8285 section 4.2).
            if id == 15 or id == 0:
                break
        if size > end - position:
            return MALFORMED
        if kind_by_id[id] != EXT_NONE and count < EXT_MAX_ELEMENTS:
            elements[count].offset = position
            elements[count].size = size
            elements[count].kind = kind_by_id[id]
            count += 1
        position += size
    return count
