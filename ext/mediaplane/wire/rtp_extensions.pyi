from enum import IntEnum

class ExtensionKind(IntEnum):
    """An RTP header extension that the media plane knows."""

    EXT_NONE = 0
    EXT_MID = 1
    EXT_RID = 2
    EXT_REPAIRED_RID = 3
    EXT_AUDIO_LEVEL = 4
    EXT_ABS_SEND_TIME = 5
    EXT_TRANSPORT_CC = 6
    EXT_TOFFSET = 7
    EXT_VIDEO_ORIENTATION = 8
    EXT_PLAYOUT_DELAY = 9
    EXT_VIDEO_CONTENT_TYPE = 10
    EXT_VIDEO_TIMING = 11
    EXT_COLOR_SPACE = 12
    EXT_DEPENDENCY_DESCRIPTOR = 13
    EXT_VIDEO_LAYERS_ALLOCATION = 14
    EXT_ABS_CAPTURE_TIME = 15
    EXT_CSRC_AUDIO_LEVEL = 16
    EXT_KIND_COUNT = 17

EXTENSION_URIS: dict[str, ExtensionKind]
