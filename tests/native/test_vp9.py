"""The VP9 payload descriptor (RFC 9628 section 4.2), written here field by field and on a real stream."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import pytest
from encoded_streams import encode
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing import wire
from mediaplane.wire.codecs import Codec


@dataclass
class Structure:
    """The scalability structure: a size per spatial layer or none, and a picture group."""

    spatial_layers: int = 1
    sizes: bool = False
    group: list[tuple[int, list[int]]] | None = None  # (temporal layer, references back) per picture

    def __bytes__(self) -> bytes:
        data = bytes([(self.spatial_layers - 1) << 5 | self.sizes << 4 | (self.group is not None) << 3])
        if self.sizes:
            data += b"".join(struct.pack("!HH", 320 << layer, 180 << layer) for layer in range(self.spatial_layers))
        if self.group is not None:
            data += bytes([len(self.group)])
            for temporal_layer, references in self.group:
                data += bytes([temporal_layer << 5 | len(references) << 2, *references])
        return data


@dataclass
class Descriptor:
    """What a sender would say of a packet."""

    picture_id: int | None = None
    wide: bool = True
    inter_picture: bool = False
    flexible: bool = False
    start: bool = True
    end: bool = False
    not_reference: bool = False
    layers: tuple[int, int, int, int] | None = None  # TID, U, SID, D
    tl0picidx: int = 0
    references: list[int] = field(default_factory=list)
    structure: Structure | None = None

    def __bytes__(self) -> bytes:
        bits = [
            self.picture_id is not None,
            self.inter_picture,
            self.layers is not None,
            self.flexible,
            self.start,
            self.end,
            self.structure is not None,
            self.not_reference,
        ]
        data = bytes([sum(bit << 7 - index for index, bit in enumerate(bits))])
        if self.picture_id is not None:
            data += struct.pack("!H", 0x8000 | self.picture_id) if self.wide else bytes([self.picture_id & 0x7F])
        if self.layers is not None:
            tid, switching_up, sid, inter_layer = self.layers
            data += bytes([tid << 5 | switching_up << 4 | sid << 1 | inter_layer])
            if not self.flexible:
                data += bytes([self.tl0picidx])
        if self.flexible and self.inter_picture:
            last = len(self.references) - 1
            data += bytes(reference << 1 | (index < last) for index, reference in enumerate(self.references))
        return data + (bytes(self.structure) if self.structure is not None else b"")


structures = st.builds(
    Structure,
    spatial_layers=st.integers(1, 8),
    sizes=st.booleans(),
    group=st.none() | st.lists(st.tuples(st.integers(0, 7), st.lists(st.integers(0, 255), max_size=3)), max_size=255),
)
descriptors = st.builds(
    Descriptor,
    picture_id=st.none() | st.integers(0, 2**15 - 1),
    wide=st.booleans(),
    inter_picture=st.booleans(),
    flexible=st.booleans(),
    start=st.booleans(),
    end=st.booleans(),
    not_reference=st.booleans(),
    layers=st.none() | st.tuples(st.integers(0, 7), st.integers(0, 1), st.integers(0, 7), st.integers(0, 1)),
    tl0picidx=st.integers(0, 255),
    references=st.lists(st.integers(0, 127), min_size=1, max_size=3),
    structure=st.none() | structures,
)


@given(descriptors, st.binary(min_size=1, max_size=4))
def test_every_field(descriptor: Descriptor, frame: bytes) -> None:
    parsed = wire.vp9_parse(bytes(descriptor) + frame)
    assert parsed["size"] == len(bytes(descriptor))
    assert parsed["inter_picture"] == descriptor.inter_picture
    assert parsed["flexible"] == descriptor.flexible
    assert (parsed["start_of_frame"], parsed["end_of_frame"]) == (descriptor.start, descriptor.end)
    assert parsed["not_reference"] == descriptor.not_reference
    assert parsed["has_picture_id"] == (descriptor.picture_id is not None)
    if descriptor.picture_id is not None:
        assert parsed["picture_id"] == descriptor.picture_id & (0x7FFF if descriptor.wide else 0x7F)
        assert (parsed["wide_picture_id"], parsed["picture_id_offset"]) == (descriptor.wide, 1)
    layers = tuple(parsed[key] for key in ("temporal_layer", "switching_up", "spatial_layer", "inter_layer"))
    assert layers == (descriptor.layers or (0, 0, 0, 0))
    assert parsed["has_tl0picidx"] == (descriptor.layers is not None and not descriptor.flexible)
    if parsed["has_tl0picidx"]:
        assert parsed["tl0picidx"] == bytes(descriptor)[parsed["tl0picidx_offset"]] == descriptor.tl0picidx
    assert parsed["spatial_layers"] == (descriptor.structure.spatial_layers if descriptor.structure else 0)


@given(descriptors)
def test_truncation_at_every_byte(descriptor: Descriptor) -> None:
    whole = bytes(descriptor)
    for size in range(len(whole)):
        with pytest.raises(MediaPlaneError) as failure:
            wire.vp9_parse(whole[:size])
        assert failure.value.status == Status.TRUNCATED
        assert not wire.payload_starts_keyframe(Codec.CODEC_VP9, whole[:size])
    assert wire.vp9_parse(whole)["keyframe"] == 0, "a descriptor without a frame is no keyframe"


def test_no_more_than_three_references() -> None:
    with pytest.raises(MediaPlaneError) as failure:
        wire.vp9_parse(b"\x58" + b"\x03\x05\x07\x08" + b"frame")
    assert failure.value.status == Status.MALFORMED


@pytest.mark.parametrize(
    ("descriptor", "starts"),
    [
        (Descriptor(), True),
        (Descriptor(inter_picture=True), False),
        (Descriptor(start=False), False),
        (Descriptor(layers=(0, 0, 0, 0), structure=Structure(3, sizes=True)), True),
        (Descriptor(layers=(0, 0, 1, 1)), False),  # the keyframe's upper layer: P = 0, but the lower one is needed
        (Descriptor(layers=(0, 0, 2, 0)), False),
        (Descriptor(layers=(2, 1, 0, 0), inter_picture=True), False),
        (Descriptor(flexible=True, picture_id=1, layers=(0, 0, 0, 0)), True),
        (Descriptor(flexible=True, picture_id=1, inter_picture=True, references=[1]), False),
    ],
)
def test_where_a_keyframe_starts(descriptor: Descriptor, starts: bool) -> None:
    assert wire.payload_starts_keyframe(Codec.CODEC_VP9, bytes(descriptor) + b"frame") == starts


def test_svc_keyframe_starts_once() -> None:
    """Three spatial layers in two packets each, L3T1: one start, at the first packet of the lowest layer."""
    picture = [
        Descriptor(picture_id=7, layers=(0, 0, layer, int(layer > 0)), start=start, end=not start)
        for layer in range(3)
        for start in (True, False)
    ]
    starts = [wire.payload_starts_keyframe(Codec.CODEC_VP9, bytes(packet) + b"frame") for packet in picture]
    assert starts == [True] + [False] * 5


@given(st.binary(max_size=80))
def test_arbitrary_payloads_never_crash(payload: bytes) -> None:
    try:
        parsed = wire.vp9_parse(payload)
    except MediaPlaneError:
        assert not wire.payload_starts_keyframe(Codec.CODEC_VP9, payload)
    else:
        assert 1 <= parsed["size"] <= len(payload)
        assert wire.payload_starts_keyframe(Codec.CODEC_VP9, payload) == bool(parsed["keyframe"])


def as_rfc_9628(payload: bytes, keyframe: bool) -> bytes:
    """FFmpeg's muxer leaves the P bit clear on every packet; a conforming sender sets it on what is predicted."""
    assert payload[0] & 0x40 == 0
    return payload if keyframe else bytes([payload[0] | 0x40]) + payload[1:]


def test_libvpx_stream_packetised_by_ffmpeg() -> None:
    for frame in encode("libvpx-vp9"):
        payloads = [as_rfc_9628(payload, frame.keyframe) for payload in frame.payloads]
        starts = [wire.payload_starts_keyframe(Codec.CODEC_VP9, payload) for payload in payloads]
        assert starts == [frame.keyframe] + [False] * (len(payloads) - 1)
        ends = [wire.vp9_parse(payload)["end_of_frame"] for payload in payloads]
        assert ends == [0] * (len(payloads) - 1) + [1]


def test_the_frame_begins_behind_the_descriptor() -> None:
    """There stand the bits 10, profile 00, show_existing_frame and frame_type, 0 for a keyframe (VP9 section 6.2)."""
    for frame in encode("libvpx-vp9"):
        first = frame.payloads[0]
        header = first[wire.vp9_parse(first)["size"]]
        assert header >> 3 == 0b10000
        assert header >> 2 & 1 == (not frame.keyframe)
