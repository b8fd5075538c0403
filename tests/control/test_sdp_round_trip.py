"""A description prints back to the text it was parsed from, and no text raises anything but SdpError."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from peers import OFFER_NAMES, offer

from mediasrv.rtc.errors import SdpError
from mediasrv.rtc.sdp import Line, MediaDescription, SessionDescription, _split_closely, split_lines

OFFERS = [offer(name) for name in OFFER_NAMES]
ACCESSORS = [name for name, value in vars(MediaDescription).items() if isinstance(value, property)]


def read_everything(text: str) -> None:
    description = SessionDescription.parse(text)
    assert str(description) == text
    _ = description.bundle, description.ice_lite, description.bandwidths
    for media in description.media:
        for name in [*ACCESSORS, "bandwidths"]:
            with suppress(SdpError):
                getattr(media, name)


@pytest.mark.parametrize("name", OFFER_NAMES)
def test_recorded_offers(name: str) -> None:
    text = offer(name)
    description = SessionDescription.parse(text)
    assert str(description) == text
    assert len(description.media) == sum(line.startswith("m=") for line in text.split("\r\n"))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("tail", ["", "\r\n\r\n", "\n\n\n"])
def test_line_endings_and_empty_lines_at_the_end(ending: str, tail: str) -> None:
    text = ending.join(["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "m=audio 9 UDP/TLS/RTP/SAVPF 0"]) + tail
    assert str(SessionDescription.parse(text)) == text


def test_unknown_lines_stay_in_their_places() -> None:
    text = "v=0\r\no=x\r\nz=what\r\na=unknown-attribute:1 2 3\r\nm=text 9 RTP/AVP 98\r\ny=?\r\na=later\r\ni=title\r\n"
    assert str(SessionDescription.parse(text)) == text


@given(st.text())
@example("v=0\r\no=\r\nm=a 1 b \u0661\r\n")
@example("v=0\no=\nm=audio 65536 x 1")
def test_arbitrary_text(text: str) -> None:
    with suppress(SdpError):
        read_everything(text)


LINES = sorted({line for text in OFFERS for line in text.split("\r\n") if line})
PIECES = st.sampled_from(
    [
        "",
        " ",
        ":",
        ";",
        ",",
        "=",
        "/",
        "~",
        "-1",
        "0",
        "4294967296",
        "99999999999",
        "\u0663",
        "\x00",
        "\ud800",
        "a=",
        "*",
    ]
)


@st.composite
def mutated_offers(draw: st.DrawFn) -> str:
    """A real offer with a few lines cut, doubled, moved, or damaged inside."""
    lines = draw(st.sampled_from(OFFERS)).split("\r\n")
    for _ in range(draw(st.integers(1, 6))):
        index = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 4)):
            case 0:
                del lines[index]
                lines = lines or [""]
            case 1:
                lines.insert(index, draw(st.sampled_from(LINES)))
            case 2:
                lines[index] = lines[index][: draw(st.integers(0, 60))]
            case 3:
                at = draw(st.integers(0, len(lines[index])))
                lines[index] = lines[index][:at] + draw(PIECES) + lines[index][at + draw(st.integers(0, 3)) :]
            case _:
                lines.insert(draw(st.integers(0, len(lines))), lines.pop(index))
    return "\r\n".join(lines)


@given(mutated_offers())
def test_mutated_offers(text: str) -> None:
    with suppress(SdpError):
        read_everything(text)


ODD_LINES = ["a=x:1", "m=audio 9 x 0", "v=0", "", "a", "=", "a=", "B=1", "a=\0", "a=\u2028", "z=\x0b"]


@given(st.lists(st.sampled_from(ODD_LINES)))
@example(["a=" + "x" * 8190])
@example(["a=" + "x" * 8191])
def test_many_lines_at_once_are_what_they_are_one_by_one(lines: list[str]) -> None:
    def read(split: Callable[[str], Iterable[Line]], text: str) -> list[Line] | str:
        try:
            return list(split(text))
        except SdpError as error:
            return str(error)

    for ending in ("\n", "\r\n", "\r\r\n"):
        for text in (ending.join(lines), ending.join(lines) + ending):
            assert read(split_lines, text) == read(_split_closely, text)
