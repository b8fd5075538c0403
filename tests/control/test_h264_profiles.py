"""profile-level-id: RFC 6184, table 5, and who decodes whom."""

from __future__ import annotations

import pytest

from mediasrv.rtc.h264 import decodes, profile


@pytest.mark.parametrize(
    ("profile_level_id", "name"),
    [
        ("42e01f", "constrained-baseline"),
        ("42C00D", "constrained-baseline"),
        ("42400a", "constrained-baseline"),
        ("4de01f", "constrained-baseline"),
        ("4d801f", "constrained-baseline"),
        ("58c01f", "constrained-baseline"),
        ("42001f", "baseline"),
        ("42a01f", "baseline"),
        ("58801f", "baseline"),
        ("4d001f", "main"),
        ("4d401f", "main"),
        ("58001f", "extended"),
        ("640028", "high"),
        ("640828", "progressive-high"),
        ("640c1f", "constrained-high"),
        ("6e001f", "high-10"),
        ("6e101f", "high-10-intra"),
        ("7a001f", "high-4:2:2"),
        ("7a101f", "high-4:2:2-intra"),
        ("f4001f", "high-4:4:4"),
        ("f4101f", "high-4:4:4-intra"),
        ("2c101f", "cavlc-4:4:4-intra"),
        ("42e11f", "42-e1"),  # reserved bits: a profile of its own
        ("ff001f", "ff-00"),
        ("42e0", None),
        ("42e01f0", None),
        ("42e01g", None),
        ("", None),
        ("\uff14\uff12e01f", None),
    ],
)
def test_names(profile_level_id: str, name: str | None) -> None:
    assert profile(profile_level_id) == name


def test_the_level_does_not_matter() -> None:
    assert profile("42e00a") == profile("42e034")


@pytest.mark.parametrize(
    ("decoder", "stream", "yes"),
    [
        ("high", "high", True),
        ("high", "main", True),
        ("high", "constrained-baseline", True),
        ("high", "baseline", True),
        ("main", "constrained-baseline", True),
        ("main", "high", False),
        ("constrained-baseline", "main", False),
        ("constrained-baseline", "baseline", True),
        ("baseline", "constrained-baseline", True),
        ("constrained-high", "high", False),
        ("high", "constrained-high", True),
        ("high-4:4:4", "high", True),
        ("high-4:2:2", "high-10", True),
        ("high-10", "high-4:2:2", False),
        ("42-e1", "42-e1", True),
        ("42-e1", "constrained-baseline", False),
    ],
)
def test_decoders(decoder: str, stream: str, yes: bool) -> None:
    assert decodes(decoder, stream) is yes
