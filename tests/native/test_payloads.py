"""Where a decoder can start, for codecs without keyframes, and on payloads that were damaged on the way."""

from __future__ import annotations

import pytest
from encoded_streams import encode
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing import wire
from mediaplane.wire.codecs import Codec


@pytest.mark.parametrize("codec", [Codec.CODEC_OPUS, Codec.CODEC_OTHER])
@given(payload=st.binary(max_size=8))
def test_any_payload_of_a_codec_without_keyframes(codec: Codec, payload: bytes) -> None:
    assert wire.payload_starts_keyframe(codec, payload) == (len(payload) > 0)


@pytest.mark.parametrize("codec", list(Codec))
def test_nothing_starts_with_an_empty_payload(codec: Codec) -> None:
    assert not wire.payload_starts_keyframe(codec, b"")


@pytest.mark.parametrize(
    ("codec", "encoder"),
    [
        (Codec.CODEC_VP8, "libvpx"),
        (Codec.CODEC_VP9, "libvpx-vp9"),
        (Codec.CODEC_H264, "libx264"),
        (Codec.CODEC_AV1, "libsvtav1"),
    ],
)
def test_real_payloads_cut_anywhere_are_read_within_their_bounds(codec: Codec, encoder: str) -> None:
    for frame in encode(encoder):
        for size in range(48):
            wire.payload_starts_keyframe(codec, frame.payloads[0][:size])


@given(st.sampled_from(list(Codec)), st.binary(max_size=64))
def test_a_payload_of_one_codec_under_the_name_of_another(codec: Codec, payload: bytes) -> None:
    assert wire.payload_starts_keyframe(codec, payload) in (True, False)
