"""Keyframes in H.264 payloads (RFC 6184): single NAL units, STAPs and FUs, made by hand and by real encoders."""

from __future__ import annotations

import struct

import pytest
from aiortc.codecs.h264 import H264Encoder
from encoded_streams import EncodedFrame, encode, noise
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing import wire
from mediaplane.wire.codecs import Codec

FIRST_SLICE, LATER_SLICE = b"\x88\x84", b"\x45\x84"  # first_mb_in_slice: Exp-Golomb 1 (zero) or 010 (one)
IDR = b"\x65" + FIRST_SLICE
LATER_IDR_SLICE = b"\x65" + LATER_SLICE
SLICE = b"\x41" + FIRST_SLICE
SPS, PPS, SEI, DELIMITER = b"\x67\x42\xc0\x1f", b"\x68\xce\x3c\x80", b"\x06\x05\x01\x00", b"\x09\xf0"

STAP_A, STAP_B, MTAP16, MTAP24, FU_A, FU_B = 24, 25, 26, 27, 28, 29


def starts_keyframe(payload: bytes) -> bool:
    starts = wire.h264_starts_keyframe(payload)
    assert wire.payload_starts_keyframe(Codec.CODEC_H264, payload) == starts
    return starts


def stap_a(*units: bytes) -> bytes:
    return bytes([0x60 | STAP_A]) + b"".join(struct.pack("!H", len(unit)) + unit for unit in units)


def stap_b(*units: bytes) -> bytes:
    return bytes([0x60 | STAP_B]) + b"\x12\x34" + stap_a(*units)[1:]


def fragment(unit: bytes, *, start: bool, end: bool = False, kind: int = FU_A) -> bytes:
    order = b"\x12\x34" if kind == FU_B else b""
    return bytes([0x60 | kind, start << 7 | end << 6 | unit[0] & 0x1F]) + order + unit[1:]


@pytest.mark.parametrize(
    ("unit", "starts"),
    [(IDR, True), (SPS, True), (LATER_IDR_SLICE, False), (SLICE, False), (PPS, False), (SEI, False),
     (DELIMITER, False)],
)  # fmt: skip
class TestUnit:
    def test_alone(self, unit: bytes, starts: bool) -> None:
        assert starts_keyframe(unit) == starts

    def test_in_an_aggregate(self, unit: bytes, starts: bool) -> None:
        for aggregate in (stap_a, stap_b):
            assert starts_keyframe(aggregate(unit)) == starts
            assert starts_keyframe(aggregate(DELIMITER, SEI, unit, SLICE)) == starts

    def test_in_fragments(self, unit: bytes, starts: bool) -> None:
        for kind in (FU_A, FU_B):
            assert starts_keyframe(fragment(unit, start=True, kind=kind)) == starts
            assert not starts_keyframe(fragment(unit, start=False, kind=kind))
            assert not starts_keyframe(fragment(unit, start=False, end=True, kind=kind))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x65",
        b"\x67",
        bytes([STAP_A]),
        bytes([STAP_B, 0, 0]),
        fragment(b"\x65", start=True),
        fragment(b"\x65", start=True, kind=FU_B),
        stap_a(b"\x67"),
        stap_a(SPS, b""),
    ],
)
def test_too_short(payload: bytes) -> None:
    assert not starts_keyframe(payload)


@pytest.mark.parametrize(("kind", "header_size"), [(FU_A, 2), (FU_B, 4)])
def test_fragment_without_a_byte_of_its_unit(kind: int, header_size: int) -> None:
    payload = fragment(SPS, start=True, kind=kind)
    assert starts_keyframe(payload[: header_size + 1])
    for size in range(header_size + 1):
        assert not starts_keyframe(payload[:size])


@pytest.mark.parametrize("cut", range(1, 4))
def test_aggregate_whose_unit_leaves_the_payload_is_broken_as_a_whole(cut: int) -> None:
    assert starts_keyframe(stap_a(SPS, PPS))
    assert not starts_keyframe(stap_a(SPS, PPS)[:-cut])
    assert not starts_keyframe(stap_a(SPS) + b"\0" * cut)


def test_forbidden_bit() -> None:
    assert not starts_keyframe(bytes([IDR[0] | 0x80]) + FIRST_SLICE)


@pytest.mark.parametrize("kind", [0, MTAP16, MTAP24, 30, 31])
def test_kinds_that_are_not_read(kind: int) -> None:
    assert not starts_keyframe(bytes([0x60 | kind]) + b"\0\x04" + IDR * 4)


@given(st.lists(st.sampled_from([IDR, LATER_IDR_SLICE, SLICE, SPS, PPS, SEI]), min_size=1, max_size=8))
def test_an_aggregate_starts_a_keyframe_if_one_of_its_units_does(units: list[bytes]) -> None:
    assert starts_keyframe(stap_a(*units)) == any(starts_keyframe(unit) for unit in units)


@given(st.binary(max_size=60) | st.builds(lambda kind, rest: bytes([kind]) + rest, st.integers(24, 29), st.binary()))
def test_arbitrary_payloads_never_crash(payload: bytes) -> None:
    starts_keyframe(payload)


def assert_starts_are_keyframes(frames: list[EncodedFrame] | tuple[EncodedFrame, ...]) -> None:
    """A keyframe starts with its parameter sets, and once more with its first slice, if that stands apart."""
    for frame in frames:
        starts = [starts_keyframe(payload) for payload in frame.payloads]
        assert starts[0] == frame.keyframe
        assert sum(starts) <= (2 if frame.keyframe else 0)


@pytest.mark.parametrize("slices", ["1", "4"])
def test_x264_stream_packetised_by_ffmpeg(slices: str) -> None:
    assert_starts_are_keyframes(encode("libx264", slices=slices))


def test_x264_stream_packetised_by_aiortc() -> None:
    encoder = H264Encoder()
    frames = []
    for index, frame in enumerate(noise(7)):
        keyframe = index in (0, 4)
        payloads, _ = encoder.encode(frame, force_keyframe=keyframe)
        frames.append(EncodedFrame(keyframe, tuple(payloads)))
    assert_starts_are_keyframes(frames)
    kinds = {payload[0] & 0x1F for frame in frames for payload in frame.payloads}
    assert kinds >= {STAP_A, FU_A}
