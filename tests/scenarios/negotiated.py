"""What signaling would have agreed on. Publishers and subscribers number everything differently, on purpose."""

from __future__ import annotations

from mediaplane.wire.rtp_extensions import EXTENSION_URIS, ExtensionKind

URI_OF_KIND = {kind: uri for uri, kind in EXTENSION_URIS.items()}
MID = ExtensionKind.EXT_MID
RID = ExtensionKind.EXT_RID
REPAIRED_RID = ExtensionKind.EXT_REPAIRED_RID
AUDIO_LEVEL = ExtensionKind.EXT_AUDIO_LEVEL
TRANSPORT_CC = ExtensionKind.EXT_TRANSPORT_CC
ORIENTATION = ExtensionKind.EXT_VIDEO_ORIENTATION
COLOR_SPACE = ExtensionKind.EXT_COLOR_SPACE
DEPENDENCY = ExtensionKind.EXT_DEPENDENCY_DESCRIPTOR

SENT_IDS = {
    MID: 1,
    RID: 2,
    REPAIRED_RID: 3,
    AUDIO_LEVEL: 4,
    TRANSPORT_CC: 5,
    ORIENTATION: 6,
    COLOR_SPACE: 7,
    DEPENDENCY: 8,
}
"""Header extension ids of what a peer sends."""
RECEIVED_IDS = {MID: 9, AUDIO_LEVEL: 10, ORIENTATION: 11}
"""Likewise of what it takes."""

OPUS, VP8, VP8_RTX = 111, 96, 97
"""Payload types of what a peer sends."""
OPUS_RECEIVED, VP8_RECEIVED, VP8_RTX_RECEIVED = 63, 100, 101
"""Likewise of what it takes."""

CLOCK_RATE = {"audio": 48_000, "video": 90_000}
NTP_UNIX = 2_208_988_800 + 1_700_000_000
"""Seconds since 1900 at which virtual time began."""


def by_uri(ids: dict[ExtensionKind, int]) -> dict[str, int]:
    return {URI_OF_KIND[kind]: identifier for kind, identifier in ids.items()}


def ntp_of(us: int) -> int:
    """Virtual time as a 64-bit NTP time."""
    return (NTP_UNIX << 32) + (us << 32) // 1_000_000


def us_of_ntp(ntp: int) -> float:
    return (ntp - (NTP_UNIX << 32)) * 1e6 / 2**32
