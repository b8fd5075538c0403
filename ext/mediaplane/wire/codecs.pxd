"""What a forwarder must know of a payload, over all codecs: can a decoder start here."""
from libc.stdint cimport uint8_t, uint32_t

cpdef enum Codec:
    CODEC_OTHER = 0          # forwarded without a look inside
    CODEC_OPUS = 1
    CODEC_VP8 = 2
    CODEC_VP9 = 3
    CODEC_H264 = 4
    CODEC_AV1 = 5
    CODEC_RED = 6            # RFC 2198, around Opus

# Whether a decoder that has seen nothing can start with this packet. False on payloads that are too short or broken.
# H264: an SPS or an IDR picture's first slice (alone, in a STAP, or the first FU fragment). AV1: the aggregation
# header's N bit. Opus and other codecs: any payload, since there is nothing to wait for, or no way to see it.
cdef bint payload_starts_keyframe(uint8_t codec, const uint8_t *payload, uint32_t size) noexcept nogil
