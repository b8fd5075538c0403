"""RED payloads (RFC 2198): blocks as they were put in, and lengths that lie."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing.audio_parts import parse_red

MAX_BLOCKS = 8
any_block = st.tuples(st.integers(0, 127), st.integers(0, 2**14 - 1), st.binary(max_size=200))


def red(blocks: list[tuple[int, int, bytes]], primary: tuple[int, bytes]) -> bytes:
    heads = b"".join(bytes([0x80 | kind]) + (age << 10 | len(data)).to_bytes(3, "big") for kind, age, data in blocks)
    return heads + bytes([primary[0]]) + b"".join(data for _, _, data in blocks) + primary[1]


@given(st.lists(any_block, max_size=MAX_BLOCKS - 1), st.integers(0, 127), st.binary(max_size=1000))
def test_the_blocks_are_those_that_were_put_in(blocks: list[tuple[int, int, bytes]], kind: int, data: bytes):
    assert parse_red(red(blocks, (kind, data))) == [*blocks, (kind, 0, data)]


@given(st.lists(any_block, min_size=1, max_size=3), st.binary(max_size=50), st.data())
def test_a_payload_cut_short_is_truncated(blocks: list[tuple[int, int, bytes]], data: bytes, draw: st.DataObject):
    needed = len(red(blocks, (111, b"")))
    cut = red(blocks, (111, data))[: draw.draw(st.integers(1, needed - 1))]
    with pytest.raises(MediaPlaneError) as error:
        parse_red(cut)
    assert error.value.status == Status.TRUNCATED


@given(st.binary(max_size=300))
def test_any_bytes_are_blocks_inside_the_payload_or_an_error(payload: bytes):
    with suppress(MediaPlaneError):
        blocks = parse_red(payload)
        assert 1 + 4 * (len(blocks) - 1) + sum(len(data) for _, _, data in blocks) == len(payload)


def test_too_many_blocks_are_refused():
    with pytest.raises(MediaPlaneError) as error:
        parse_red(red([(111, 960, b"")] * MAX_BLOCKS, (111, b"x")))
    assert error.value.status == Status.MALFORMED
    with pytest.raises(MediaPlaneError):
        parse_red(b"")
