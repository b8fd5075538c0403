"""H.264 `profile-level-id` (RFC 6184 §8.1): which profile it names, and which profile's decoder decodes which other.

Levels are left alone. An offer's level says what one side wants to send or can decode; with `level-asymmetry-allowed`
the two directions differ, and in between an SFU neither encodes nor decodes. Every WebRTC stack decodes levels above
the one it offers, so refusing a stream for its level would only lose video.
"""

from __future__ import annotations

import re

# RFC 6184, table 5: profile, profile_idc, profile-iop with x for bits that do not matter. The two progressive forms of
# High come from H.264 A.2.4.1 and A.2.4.2; browsers with hardware decoders offer 640c1f.
_PROFILES = (
    ("constrained-baseline", 0x42, "x1xx0000"),
    ("constrained-baseline", 0x4D, "1xxx0000"),
    ("constrained-baseline", 0x58, "11xx0000"),
    ("baseline", 0x42, "x0xx0000"),
    ("baseline", 0x58, "10xx0000"),
    ("main", 0x4D, "0x0x0000"),
    ("extended", 0x58, "00xx0000"),
    ("high", 0x64, "00000000"),
    ("progressive-high", 0x64, "00001000"),
    ("constrained-high", 0x64, "00001100"),
    ("high-10", 0x6E, "00000000"),
    ("high-4:2:2", 0x7A, "00000000"),
    ("high-4:4:4", 0xF4, "00000000"),
    ("high-10-intra", 0x6E, "00010000"),
    ("high-4:2:2-intra", 0x7A, "00010000"),
    ("high-4:4:4-intra", 0xF4, "00010000"),
    ("cavlc-4:4:4-intra", 0x2C, "00010000"),
)

# H.264 A.2: what a decoder of a profile decodes besides the profile itself.
_HIGH = frozenset({"constrained-baseline", "main", "constrained-high", "progressive-high"})
_DECODES = {
    "baseline": frozenset({"constrained-baseline"}),
    "extended": frozenset({"constrained-baseline", "baseline"}),
    "main": frozenset({"constrained-baseline"}),
    "constrained-high": frozenset({"constrained-baseline"}),
    "progressive-high": frozenset({"constrained-baseline", "constrained-high"}),
    "high": _HIGH,
    "high-10": _HIGH | {"high", "high-10-intra"},
    "high-4:2:2": _HIGH | {"high", "high-10", "high-10-intra", "high-4:2:2-intra"},
    "high-4:4:4": _HIGH
    | {"high", "high-10", "high-4:2:2", "high-10-intra", "high-4:2:2-intra", "high-4:4:4-intra", "cavlc-4:4:4-intra"},
}

# RFC 6184 §8.1: without the parameter, Baseline without further constraints at level 1.
DEFAULT_PROFILE_LEVEL_ID = "42000a"


def profile(profile_level_id: str) -> str | None:
    """The name of the profile, `idc-iop` in hexadecimal for one that table 5 does not have, None for no id at all."""
    if not re.fullmatch(r"[0-9A-Fa-f]{6}", profile_level_id, re.ASCII):
        return None
    idc, iop = int(profile_level_id[:2], 16), int(profile_level_id[2:4], 16)
    bits = f"{iop:08b}"
    for name, table_idc, pattern in _PROFILES:
        if idc == table_idc and all(want in ("x", bit) for want, bit in zip(pattern, bits, strict=True)):
            return name
    return f"{idc:02x}-{iop:02x}"


def decodes(decoder: str, stream: str) -> bool:
    """Whether a decoder of one profile decodes a stream of another.

    Baseline counts as Constrained Baseline: senders that write 4200xx (Chromium, FFmpeg) meet the constraints and only
    don't say so, while the tools that would break them, slice groups and redundant slices, are in no real-time encoder.
    """
    names = {stream, "constrained-baseline"} if stream == "baseline" else {stream}
    return decoder in names or not names.isdisjoint(_DECODES.get(decoder, ()))
