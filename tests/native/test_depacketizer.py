"""Frames from payloads, against encoders and FFmpeg's RTP muxer on one side and FFmpeg's decoders on the other."""

from __future__ import annotations

import av
import numpy as np
import pytest
from encoded_streams import HEIGHT, WIDTH, encode
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError
from mediaplane.testing.video import depacketize, frame_start
from mediaplane.wire.codecs import Codec

UNKNOWN, NO, YES = 0, 1, 2
ENCODERS = [
    ("libvpx", Codec.CODEC_VP8, "vp8"),
    ("libvpx-vp9", Codec.CODEC_VP9, "vp9"),
    ("libx264", Codec.CODEC_H264, "h264"),
    ("libsvtav1", Codec.CODEC_AV1, "libdav1d"),
]
CODECS = [codec for _, codec, _ in ENCODERS]


def decode(decoder: str, frames: list[bytes]) -> list[np.ndarray]:
    context = av.CodecContext.create(decoder, "r")
    pictures = [picture for frame in frames for picture in context.decode(av.Packet(frame))]
    pictures += context.decode(None)
    return [picture.to_ndarray(format="yuv420p") for picture in pictures]


@pytest.mark.parametrize(("encoder", "codec", "decoder"), ENCODERS)
def test_a_decoder_sees_what_it_would_have_seen_without_rtp(encoder: str, codec: Codec, decoder: str) -> None:
    sent = encode(encoder)
    frames = [depacketize(codec, frame.payloads) for frame in sent]
    if codec in (Codec.CODEC_VP8, Codec.CODEC_VP9):
        assert frames == [frame.data for frame in sent]
    expected, got = decode(decoder, [frame.data for frame in sent]), decode(decoder, frames)
    assert len(got) == len(sent)
    assert got[0].shape == (HEIGHT * 3 // 2, WIDTH)
    for before, after in zip(expected, got, strict=True):
        assert np.array_equal(before, after)


@pytest.mark.parametrize(("encoder", "codec", "decoder"), ENCODERS)
def test_only_the_first_packet_of_a_frame_may_start_it(encoder: str, codec: Codec, decoder: str) -> None:
    for frame in encode(encoder):
        starts = [frame_start(codec, payload) for payload in frame.payloads]
        assert starts[0] != NO
        assert starts[0] == YES or codec in (Codec.CODEC_H264, Codec.CODEC_AV1)
        if codec in (Codec.CODEC_VP8, Codec.CODEC_VP9):
            assert set(starts[1:]) <= {NO}


@pytest.mark.parametrize("codec", [Codec.CODEC_H264, Codec.CODEC_AV1])
def test_a_frame_that_ends_in_the_middle_of_a_unit_is_refused(codec: Codec) -> None:
    encoder = next(encoder for encoder, each, _ in ENCODERS if each == codec)
    payloads = encode(encoder)[0].payloads
    for cut in range(1, len(payloads)):
        if frame_start(codec, payloads[cut]) == NO:
            for part in (payloads[:cut], payloads[cut:]):
                with pytest.raises(MediaPlaneError):
                    depacketize(codec, part)


def test_h264_aggregates_are_taken_apart() -> None:
    units = [b"\x67abc", b"\x68d", b"\x65picture"]
    stap_a = b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
    stap_b = b"\x79\x00\x07" + stap_a[1:]
    for payload in (stap_a, stap_b):
        assert depacketize(Codec.CODEC_H264, [payload]) == b"".join(b"\0\0\0\1" + unit for unit in units)


def test_av1_elements_get_their_sizes_and_a_temporal_delimiter() -> None:
    sequence, frame = b"\x08sequence", b"\x30" + bytes(range(200))
    payloads = [
        b"\x68" + bytes([len(sequence)]) + sequence + frame[:50],  # Y, N, W = 2: the last of two has no size
        b"\x90" + frame[50:],  # Z, W = 1
    ]
    out = depacketize(Codec.CODEC_AV1, payloads)

    def sized(obu: bytes) -> bytes:
        size = len(obu) - 1
        return bytes([obu[0] | 2]) + bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, 0x80, 0]) + obu[1:]

    assert out == b"\x12\x00" + sized(sequence) + sized(frame)


def test_a_frame_that_is_larger_than_its_room_is_refused() -> None:
    payloads = encode("libvpx")[0].payloads
    size = len(depacketize(Codec.CODEC_VP8, payloads))
    assert len(depacketize(Codec.CODEC_VP8, payloads, capacity=size)) == size
    with pytest.raises(MediaPlaneError):
        depacketize(Codec.CODEC_VP8, payloads, capacity=size - 1)


@given(
    codec=st.sampled_from(CODECS), payloads=st.lists(st.binary(max_size=80), max_size=6), capacity=st.integers(0, 300)
)
@settings(max_examples=500, deadline=None)
def test_any_bytes_give_a_frame_or_an_error(codec: Codec, payloads: list[bytes], capacity: int) -> None:
    try:
        frame = depacketize(codec, payloads, capacity)
    except MediaPlaneError:
        return
    assert 0 < len(frame) <= capacity


@given(codec=st.sampled_from(CODECS), cut=st.integers(0, 600), flip=st.integers(0, 4800), which=st.integers(0, 100))
@settings(max_examples=300, deadline=None)
def test_broken_payloads_of_real_frames_are_contained(codec: Codec, cut: int, flip: int, which: int) -> None:
    encoder = next(encoder for encoder, each, _ in ENCODERS if each == codec)
    payloads = list(encode(encoder)[0].payloads)
    broken = bytearray(payloads[which % len(payloads)])
    broken[flip // 8 % len(broken)] ^= 1 << flip % 8
    payloads[which % len(payloads)] = bytes(broken[: cut or None])
    for payload in payloads:
        frame_start(codec, payload)
    try:
        depacketize(codec, payloads)
    except MediaPlaneError:
        return
