from enum import IntEnum

class Codec(IntEnum):
    """A codec whose payloads the media plane can read."""

    CODEC_OTHER = 0
    CODEC_OPUS = 1
    CODEC_VP8 = 2
    CODEC_VP9 = 3
    CODEC_H264 = 4
    CODEC_AV1 = 5
    CODEC_RED = 6
