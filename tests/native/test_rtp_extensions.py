"""RTP header extensions in the one-byte and the two-byte form (RFC 8285)."""

from __future__ import annotations

import struct
from itertools import takewhile

import pytest
from aiortc.rtp import pack_header_extensions, unpack_header_extensions
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing import wire
from mediaplane.wire.rtp_extensions import EXTENSION_URIS, ExtensionKind

MID = ExtensionKind.EXT_MID
RID = ExtensionKind.EXT_RID
LEVEL = ExtensionKind.EXT_AUDIO_LEVEL

ONE_BYTE = 0xBEDE
TWO_BYTE = 0x1000
ANY_ID = {id: ExtensionKind(1 + id % 16) for id in range(1, 256)}


def packet(profile: int, elements: bytes, payload: bytes = b"payload") -> bytes:
    """An RTP packet with an extension of `elements`, padded to 32 bits."""
    elements += bytes(-len(elements) % 4)
    fixed = struct.pack("!BBHLL", 0x90, 96, 1, 2, 3)
    return fixed + struct.pack("!HH", profile, len(elements) // 4) + elements + payload


def test_every_kind_has_a_uri() -> None:
    kinds = set(ExtensionKind) - {ExtensionKind.EXT_NONE, ExtensionKind.EXT_KIND_COUNT}
    assert set(EXTENSION_URIS.values()) == kinds
    assert len(EXTENSION_URIS) == len(kinds)


def test_one_byte_elements_with_padding_between() -> None:
    # RFC 8285 section 4.2, the figure: lengths 1, 2 and 4 with padding between the second and the third.
    elements = bytes([1 << 4 | 0, 0xAA, 2 << 4 | 1, 0xBB, 0xBC, 0, 0, 3 << 4 | 3, 1, 2, 3, 4])
    assert wire.extensions_parse(packet(ONE_BYTE, elements), {1: MID, 2: RID, 3: LEVEL}) == [
        (MID, b"\xaa"),
        (RID, b"\xbb\xbc"),
        (LEVEL, b"\1\2\3\4"),
    ]


@pytest.mark.parametrize("app_bits", [0x0, 0x7, 0xF])
def test_two_byte_elements_may_be_empty_and_long(app_bits: int) -> None:
    # RFC 8285 section 4.3: ids up to 255, sizes from 0.
    elements = bytes([1, 0]) + bytes([0, 200, 1, 0xBB, 0]) + bytes([255, 40]) + bytes(range(40))
    assert wire.extensions_parse(packet(TWO_BYTE | app_bits, elements), {1: MID, 200: RID, 255: LEVEL}) == [
        (MID, b""),
        (RID, b"\xbb"),
        (LEVEL, bytes(range(40))),
    ]


def test_ids_without_a_kind_are_skipped() -> None:
    elements = bytes([5 << 4 | 2, 1, 2, 3, 6 << 4, 9])
    assert wire.extensions_parse(packet(ONE_BYTE, elements), {6: MID}) == [(MID, b"\x09")]


@pytest.mark.parametrize("last", [15 << 4 | 0, 15 << 4 | 7, 0 << 4 | 3])
def test_reserved_ids_end_a_one_byte_extension(last: int) -> None:
    elements = bytes([1 << 4, 0xAA, last, 0, 0, 0, 0, 0, 0, 0, 0, 2 << 4, 0xBB])
    assert wire.extensions_parse(packet(ONE_BYTE, elements), ANY_ID) == [(ANY_ID[1], b"\xaa")]


@pytest.mark.parametrize("profile", [0x0000, 0xBEDD, 0x0FFF, 0x1010, 0xFFFF])
def test_other_profiles_have_no_elements(profile: int) -> None:
    assert wire.extensions_parse(packet(profile, bytes([1 << 4, 0xAA])), ANY_ID) == []


def test_packet_without_extension() -> None:
    assert wire.extensions_parse(struct.pack("!BBHLL", 0x80, 96, 1, 2, 3) + b"payload", ANY_ID) == []


@pytest.mark.parametrize(
    ("profile", "elements"),
    [
        (ONE_BYTE, bytes([1 << 4 | 3, 1, 2, 3])),
        (ONE_BYTE, bytes([0, 0, 0, 1 << 4])),
        (TWO_BYTE, bytes([1, 3, 1, 2])),
        (TWO_BYTE, bytes([0, 0, 0, 1])),
        (TWO_BYTE, bytes([1, 255, 0, 0])),
    ],
)
@pytest.mark.parametrize("payload", [b"", bytes(300)])
def test_element_that_leaves_the_extension(profile: int, elements: bytes, payload: bytes) -> None:
    """Whether the packet ends there or has bytes enough: the bound is the extension's end."""
    with pytest.raises(MediaPlaneError) as failure:
        wire.extensions_parse(packet(profile, elements, payload), ANY_ID)
    assert failure.value.status == Status.MALFORMED


def test_elements_past_the_sixteenth_are_ignored() -> None:
    elements = b"".join(bytes([1 + index % 14 << 4, index]) for index in range(20))
    found = wire.extensions_parse(packet(ONE_BYTE, elements), ANY_ID)
    assert [data[0] for _, data in found] == list(range(16))


def test_one_byte_block_bytes() -> None:
    block, statuses = wire.extensions_write([(1, b"a"), (2, b"bcd")], two_byte=False)
    assert statuses == [Status.OK, Status.OK]
    assert block == b"\xbe\xde\0\x02" + b"\x10a" + b"\x22bcd" + b"\0\0"


def test_two_byte_block_bytes() -> None:
    block, statuses = wire.extensions_write([(1, b""), (20, b"bcd")], two_byte=True)
    assert statuses == [Status.OK, Status.OK]
    assert block == b"\x10\0\0\x02" + b"\x01\x00" + b"\x14\x03bcd" + b"\0"


@pytest.mark.parametrize("two_byte", [False, True])
def test_no_element_is_no_block(two_byte: bool) -> None:
    assert wire.extensions_write([], two_byte=two_byte) == (b"", [])


def test_what_does_not_fit_the_form_is_left_out() -> None:
    block, statuses = wire.extensions_write(
        [(0, b"a"), (15, b"a"), (1, b""), (1, bytes(17)), (14, bytes(16))], two_byte=False
    )
    assert statuses == [Status.UNSUPPORTED] * 4 + [Status.OK]
    assert len(block) == 4 + 17 + 3
    assert wire.extensions_write([(0, b"a"), (255, bytes(255))], two_byte=True)[1] == [Status.UNSUPPORTED, Status.OK]


def test_full_block_keeps_what_it_has() -> None:
    # 12 bytes of room: 4 of header and 8 of elements, of which the second would need 2 and its padding fits no more.
    block, statuses = wire.extensions_write([(1, b"123456"), (2, b"ab"), (3, b"")], two_byte=True, capacity=12)
    assert statuses == [Status.OK, Status.NO_SPACE, Status.NO_SPACE]
    assert block == b"\x10\0\0\x02" + b"\x01\x06123456"


@pytest.mark.parametrize("capacity", range(8))
def test_tiny_blocks(capacity: int) -> None:
    assert wire.extensions_write([(1, b"1")], two_byte=False, capacity=capacity) == (b"", [Status.NO_SPACE])


def test_block_is_never_longer_than_the_header_parser_takes() -> None:
    block, statuses = wire.extensions_write([(1, bytes(253))] * 5, two_byte=True, capacity=60000)
    assert statuses == [Status.OK] * 4 + [Status.NO_SPACE]
    assert len(wire.extensions_parse(struct.pack("!BBHLL", 0x90, 96, 1, 2, 3) + block, {1: MID})) == 4


def test_what_fits_one_byte() -> None:
    for id in range(256):
        for size in range(256):
            assert wire.extension_fits_one_byte(id, size) == (1 <= id <= 14 and 1 <= size <= 16)


one_byte_elements = st.lists(st.tuples(st.integers(1, 14), st.binary(min_size=1, max_size=16)), max_size=16)
two_byte_elements = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=60)), max_size=16)


def round_trip(elements: list[tuple[int, bytes]], two_byte: bool) -> bytes:
    block, statuses = wire.extensions_write(elements, two_byte=two_byte)
    assert statuses == [Status.OK] * len(elements)
    parsed = wire.extensions_parse(struct.pack("!BBHLL", 0x90, 96, 1, 2, 3) + block + b"p", ANY_ID) if block else []
    assert parsed == [(ANY_ID[id], data) for id, data in elements]
    return block


@given(one_byte_elements)
def test_one_byte_round_trip_and_the_bytes_of_aiortc(elements: list[tuple[int, bytes]]) -> None:
    block = round_trip(elements, two_byte=False)
    profile, value = pack_header_extensions(elements)
    assert block == (struct.pack("!HH", profile, len(value) // 4) + value if elements else b"")


@given(two_byte_elements)
def test_two_byte_round_trip_read_by_aiortc(elements: list[tuple[int, bytes]]) -> None:
    block = round_trip(elements, two_byte=True)
    assert unpack_header_extensions(TWO_BYTE, block[4:]) == elements


@given(st.sampled_from([ONE_BYTE, TWO_BYTE]), st.binary(max_size=60))
def test_arbitrary_elements_agree_with_aiortc(profile: int, elements: bytes) -> None:
    """Except where aiortc reads on behind the reserved ids 0 and 15 of the one-byte form."""
    ours = read(profile, elements)
    try:
        theirs = unpack_header_extensions(profile, elements + bytes(-len(elements) % 4))
    except ValueError:
        assert ours is None or ends_at_reserved_id(profile, elements)
        return
    if profile == ONE_BYTE:
        theirs = list(takewhile(lambda element: element[0] not in (0, 15), theirs))
    assert ours == [(ANY_ID[id], value) for id, value in theirs][:16]


def read(profile: int, elements: bytes) -> list[tuple[ExtensionKind, bytes]] | None:
    """The elements, None if they are malformed."""
    try:
        return wire.extensions_parse(packet(profile, elements, payload=b""), ANY_ID)
    except MediaPlaneError:
        return None


def ends_at_reserved_id(profile: int, elements: bytes) -> bool:
    position = 0
    while profile == ONE_BYTE and position < len(elements):
        if elements[position] == 0:
            position += 1
        elif elements[position] >> 4 in (0, 15):
            return True
        else:
            position += 2 + (elements[position] & 0x0F)
    return False
