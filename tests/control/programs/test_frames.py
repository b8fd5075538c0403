"""Frames out of a stream of bytes: however they are cut, whatever they claim to be."""

from __future__ import annotations

import struct
import tracemalloc

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.signaling import codec, frame_scanner
from mediasrv.signaling.codec import CodecError
from mediasrv.signaling.frame_scanner import FramingError, StreamFramer

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=20),
    max_leaves=30,
)


def anything() -> int:
    return 1 << 20


def nested(levels: int, claimed: int) -> bytes:
    """Arrays in arrays, each of which claims to have so many elements."""
    return (b"\xdd" + struct.pack(">I", claimed)) * levels


@given(st.lists(VALUES, max_size=10), st.data())
def test_values_are_found_wherever_the_stream_is_cut(values, data):
    encoded = [msgpack.packb(value) for value in values]
    stream = b"".join(encoded)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    framer = StreamFramer()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += framer.feed(stream[start:end], anything)
    assert found == encoded
    assert framer.partial_bytes == 0


@given(VALUES, st.binary(min_size=1, max_size=50))
def test_a_frame_is_one_value_and_nothing_else(value, more):
    frame = msgpack.packb(value)
    frame_scanner.check(frame)
    with pytest.raises(FramingError):
        frame_scanner.check(frame[:-1])
    with pytest.raises(FramingError):
        frame_scanner.check(frame + more)


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_any_bytes_are_frames_or_an_error(chunks):
    framer = StreamFramer()
    try:
        found = [frame for chunk in chunks for frame in framer.feed(chunk, lambda: 500)]
    except FramingError:
        return
    assert b"".join(found) + bytes(framer._rest) == b"".join(chunks)


def test_a_frame_beyond_the_limit_is_refused_before_it_is_whole():
    framer = StreamFramer()
    head = b"\xc6" + struct.pack(">I", 1_000_000)  # binary, of a million bytes
    assert list(framer.feed(head + bytes(90), lambda: 100)) == []
    with pytest.raises(FramingError, match="more than 100 bytes"):
        list(framer.feed(bytes(10), lambda: 100))


def test_the_limit_may_change_from_one_frame_to_the_next():
    limit = 10
    framer = StreamFramer()
    frames = framer.feed(msgpack.packb("hello") + msgpack.packb("x" * 50), lambda: limit)
    next(frames)
    limit = 100
    assert len(next(frames)) == 52


@pytest.mark.parametrize("levels", [1025, 5000])
def test_what_is_nested_too_deeply_is_refused(levels):
    with pytest.raises(FramingError, match="nested"):
        frame_scanner.check(b"\x91" * levels + b"\x00")


@pytest.mark.parametrize("claimed", [32_000, 2**32 - 1])
def test_what_arrays_claim_to_have_costs_nothing(claimed):
    attack = nested(1000, claimed) + b"\xc0" * 27_000
    tracemalloc.start()
    try:
        with pytest.raises(CodecError, match="ends in the middle"):
            codec.decode(attack, 32 << 10)
        framer = StreamFramer()
        assert list(framer.feed(attack, lambda: 32 << 10)) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_after_an_error_the_next_stream_is_read_as_ever():
    for bad in (b"\xc1", b"\x91" * 3000, nested(10, 50)):
        with pytest.raises(FramingError):
            frame_scanner.check(bad)
        frame_scanner.check(b"\x00")
        assert list(StreamFramer().feed(b"\x01\x02", anything)) == [b"\x01", b"\x02"]
