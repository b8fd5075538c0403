"""The AV1 aggregation header (RTP Payload Format for AV1, section 4.4), bit by bit and on a real stream."""

from __future__ import annotations

import pytest
from encoded_streams import encode
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing import wire
from mediaplane.wire.codecs import Codec


def test_every_header() -> None:
    for first in range(256):
        payload = bytes([first]) + b"\x0a"
        if first & 0x88 == 0x88:
            continue
        assert wire.av1_parse(payload) == {
            "continues": first >> 7,
            "to_be_continued": first >> 6 & 1,
            "element_count": first >> 4 & 3,
            "starts_sequence": first >> 3 & 1,
        }
        assert wire.payload_starts_keyframe(Codec.CODEC_AV1, payload) == bool(first & 0x08)


def test_a_sequence_cannot_start_in_the_middle_of_an_obu() -> None:
    for first in range(0x88, 0x100):
        if first & 0x08:
            with pytest.raises(MediaPlaneError) as failure:
                wire.av1_parse(bytes([first]) + b"\x0a")
            assert failure.value.status == Status.MALFORMED
            assert not wire.payload_starts_keyframe(Codec.CODEC_AV1, bytes([first]) + b"\x0a")


@given(st.binary(max_size=1))
def test_header_without_an_obu(payload: bytes) -> None:
    with pytest.raises(MediaPlaneError) as failure:
        wire.av1_parse(payload)
    assert failure.value.status == Status.TRUNCATED
    assert not wire.payload_starts_keyframe(Codec.CODEC_AV1, payload)


def test_svt_stream_packetised_by_ffmpeg() -> None:
    for frame in encode("libsvtav1"):
        starts = [wire.payload_starts_keyframe(Codec.CODEC_AV1, payload) for payload in frame.payloads]
        assert starts == [frame.keyframe] + [False] * (len(frame.payloads) - 1)
        parsed = [wire.av1_parse(payload) for payload in frame.payloads]
        # Fragments chain: whatever a packet leaves open, the next one continues, and none spans two frames.
        assert [header["continues"] for header in parsed[1:]] == [header["to_be_continued"] for header in parsed[:-1]]
        assert parsed[0]["continues"] == parsed[-1]["to_be_continued"] == 0
