"""The VP8 payload descriptor (RFC 7741), on its figures, against aiortc and on real streams."""

from __future__ import annotations

import pytest
from aiortc.codecs.vpx import Vp8Encoder, VpxPayloadDescriptor
from encoded_streams import encode, noise
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing import wire
from mediaplane.wire.codecs import Codec

KEYFRAME_HEADER = b"\x10\x02\x00\x9d\x01\x2a"  # P bit 0
INTERFRAME_HEADER = b"\x11\x02\x00"

descriptors = st.builds(
    VpxPayloadDescriptor,
    partition_start=st.integers(0, 1),
    partition_id=st.integers(0, 7),
    picture_id=st.none() | st.integers(0, 2**15 - 1),
    tl0picidx=st.none() | st.integers(0, 255),
    tid=st.none() | st.tuples(st.integers(0, 3), st.integers(0, 1)),
    keyidx=st.none() | st.integers(0, 31),
)


def test_shortest_descriptor() -> None:
    parsed = wire.vp8_parse(b"\x10" + KEYFRAME_HEADER)
    assert parsed["size"] == 1
    assert (parsed["start_of_partition"], parsed["partition"], parsed["keyframe"]) == (1, 0, 1)
    assert (parsed["has_picture_id"], parsed["has_tl0picidx"], parsed["has_temporal_layer"]) == (0, 0, 0)


def test_narrow_picture_id() -> None:
    parsed = wire.vp8_parse(b"\x90\x80\x11" + INTERFRAME_HEADER)
    assert (parsed["has_picture_id"], parsed["wide_picture_id"], parsed["picture_id"]) == (1, 0, 0x11)
    assert (parsed["picture_id_offset"], parsed["size"]) == (2, 3)


def test_everything_at_once() -> None:
    parsed = wire.vp8_parse(b"\x97\xf0\xff\xfe\x55\xbf" + INTERFRAME_HEADER)
    assert parsed == {
        "size": 6,
        "start_of_partition": 1,
        "partition": 7,
        "has_picture_id": 1,
        "wide_picture_id": 1,
        "picture_id_offset": 2,
        "picture_id": 0x7FFE,
        "has_tl0picidx": 1,
        "tl0picidx_offset": 4,
        "tl0picidx": 0x55,
        "has_temporal_layer": 1,
        "temporal_layer": 2,
        "layer_sync": 1,
        "keyframe": 0,
    }


def test_truncation_at_every_byte() -> None:
    whole = b"\x90\xf0\x80\x01\x02\x03"
    for size in range(len(whole)):
        with pytest.raises(MediaPlaneError) as failure:
            wire.vp8_parse(whole[:size])
        assert failure.value.status == Status.TRUNCATED
    assert wire.vp8_parse(whole)["size"] == len(whole)


@pytest.mark.parametrize(
    ("first", "frame", "starts"),
    [
        (0x10, KEYFRAME_HEADER, True),
        (0x30, KEYFRAME_HEADER, True),  # N: not referenced
        (0x10, INTERFRAME_HEADER, False),
        (0x00, KEYFRAME_HEADER, False),  # a later packet of the partition
        (0x11, KEYFRAME_HEADER, False),  # the start of a later partition
        (0x10, b"", False),
    ],
)
def test_where_a_keyframe_starts(first: int, frame: bytes, starts: bool) -> None:
    assert wire.payload_starts_keyframe(Codec.CODEC_VP8, bytes([first]) + frame) == starts


@given(descriptors, st.binary(max_size=8))
def test_descriptors_of_aiortc(descriptor: VpxPayloadDescriptor, frame: bytes) -> None:
    parsed = wire.vp8_parse(bytes(descriptor) + frame)
    assert parsed["size"] == len(bytes(descriptor))
    assert parsed["start_of_partition"] == descriptor.partition_start
    assert parsed["partition"] == descriptor.partition_id
    assert (parsed["picture_id"] if parsed["has_picture_id"] else None) == descriptor.picture_id
    assert (parsed["tl0picidx"] if parsed["has_tl0picidx"] else None) == descriptor.tl0picidx
    tid = (parsed["temporal_layer"], parsed["layer_sync"]) if parsed["has_temporal_layer"] else None
    assert tid == descriptor.tid


@given(descriptors, st.binary(max_size=8), st.integers(0, 2**16 - 1), st.integers(0, 255))
def test_rewrite_changes_the_two_numbers_only(
    descriptor: VpxPayloadDescriptor, frame: bytes, picture_id: int, tl0picidx: int
) -> None:
    rewritten = wire.vp8_rewrite(bytes(descriptor) + frame, picture_id, tl0picidx)
    if descriptor.picture_id is not None:
        descriptor.picture_id = picture_id & 0x7FFF
    if descriptor.tl0picidx is not None:
        descriptor.tl0picidx = tl0picidx
    assert rewritten == bytes(descriptor) + frame


@pytest.mark.parametrize("picture_id", [0, 127, 128, 0x7FFF])
def test_rewrite_keeps_a_narrow_picture_id_narrow(picture_id: int) -> None:
    assert wire.vp8_rewrite(b"\x90\x80\x05\x11", picture_id, 0) == bytes([0x90, 0x80, picture_id & 0x7F, 0x11])


@given(st.binary(max_size=12))
def test_arbitrary_payloads_agree_with_aiortc(payload: bytes) -> None:
    try:
        descriptor, frame = VpxPayloadDescriptor.parse(payload)
    except ValueError:
        with pytest.raises(MediaPlaneError):
            wire.vp8_parse(payload)
        assert not wire.payload_starts_keyframe(Codec.CODEC_VP8, payload)
        return
    parsed = wire.vp8_parse(payload)
    assert payload[parsed["size"] :] == frame
    assert (parsed["picture_id"] if parsed["has_picture_id"] else None) == descriptor.picture_id


def test_libvpx_stream_packetised_by_ffmpeg() -> None:
    for frame in encode("libvpx"):
        starts = [wire.payload_starts_keyframe(Codec.CODEC_VP8, payload) for payload in frame.payloads]
        assert starts == [frame.keyframe] + [False] * (len(frame.payloads) - 1)


def test_libvpx_stream_packetised_by_aiortc() -> None:
    encoder = Vp8Encoder()
    picture_ids = []
    for index, frame in enumerate(noise(7)):
        payloads, _ = encoder.encode(frame, force_keyframe=index == 4)
        starts = [wire.payload_starts_keyframe(Codec.CODEC_VP8, payload) for payload in payloads]
        assert starts == [index in (0, 4)] + [False] * (len(payloads) - 1)
        (picture_id,) = {wire.vp8_parse(payload)["picture_id"] for payload in payloads}
        picture_ids.append(picture_id)
    assert picture_ids == [(picture_ids[0] + index) % 2**15 for index in range(7)]
