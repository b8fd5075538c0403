"""RTP headers (RFC 3550 section 5.1): what stands in clear before the payload, and nothing behind the packet's end."""

from __future__ import annotations

import struct

import pytest
from aiortc.rtp import HeaderExtensionsMap, RtpPacket
from hypothesis import example, given
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing import wire

uint8 = st.integers(0, 2**8 - 1)
uint16 = st.integers(0, 2**16 - 1)
uint32 = st.integers(0, 2**32 - 1)


def header(*, first: int = 0x80, csrcs: int = 0, extension: bytes | None = None, profile: int = 0xBEDE) -> bytes:
    """A header with marker, payload type 96, seq 1, timestamp 2 and SSRC 3."""
    first |= csrcs | (0x10 if extension is not None else 0)
    data = struct.pack("!BBHLL", first, 0x80 | 96, 1, 2, 3) + bytes(4 * csrcs)
    if extension is not None:
        data += struct.pack("!HH", profile, len(extension) // 4) + extension
    return data


def status_of(data: bytes) -> Status:
    with pytest.raises(MediaPlaneError) as failure:
        wire.rtp_parse_header(data)
    return failure.value.status


def test_fixed_header() -> None:
    assert wire.rtp_parse_header(header() + b"payload") == {
        "ssrc": 3,
        "timestamp": 2,
        "seq16": 1,
        "header_size": 12,
        "extension_offset": 0,
        "extension_size": 0,
        "extension_profile": 0,
        "payload_type": 96,
        "marker": 1,
        "csrc_count": 0,
        "padded": 0,
    }


def test_extension_stands_behind_the_csrcs() -> None:
    parsed = wire.rtp_parse_header(header(csrcs=2, extension=bytes(8), profile=0x1000) + b"payload")
    assert parsed["header_size"] == 12 + 8 + 4 + 8
    assert parsed["extension_offset"] == 12 + 8 + 4
    assert parsed["extension_size"] == 8
    assert parsed["extension_profile"] == 0x1000


def test_empty_extension_is_still_an_extension() -> None:
    parsed = wire.rtp_parse_header(header(extension=b""))
    assert (parsed["extension_offset"], parsed["extension_size"], parsed["header_size"]) == (16, 0, 16)


@pytest.mark.parametrize("version", [0, 1, 3])
def test_other_versions_are_malformed(version: int) -> None:
    assert status_of(header(first=version << 6)) == Status.MALFORMED


def test_truncation_at_every_byte_of_the_header() -> None:
    whole = header(csrcs=15, extension=bytes(64))
    for size in range(len(whole)):
        assert status_of(whole[:size]) == Status.TRUNCATED, f"{size} of {len(whole)} bytes"
    assert wire.rtp_parse_header(whole)["header_size"] == len(whole)


def test_longest_header_that_is_taken() -> None:
    longest = header(csrcs=15, extension=bytes(4 * 255))
    assert wire.rtp_parse_header(longest)["header_size"] == len(longest) == 1096
    assert status_of(header(extension=bytes(4 * 256))) == Status.MALFORMED


def test_extension_longer_than_the_packet() -> None:
    lying = header(extension=bytes(8))
    lying = lying[:14] + struct.pack("!H", 200) + lying[16:]
    assert status_of(lying + bytes(700)) == Status.TRUNCATED


class TestPadding:
    """The last byte counts the padding, itself included."""

    padded = header(first=0xA0)

    def test_is_no_payload(self) -> None:
        assert wire.rtp_payload(self.padded + b"payload" + b"\0\0\3") == b"payload"

    def test_may_be_the_whole_payload(self) -> None:
        assert wire.rtp_payload(self.padded + bytes(254) + b"\xff") == b""

    @pytest.mark.parametrize("payload", [b"", b"\0", b"payload\0", b"payload\x09", b"\x02"])
    def test_that_lies_is_malformed(self, payload: bytes) -> None:
        with pytest.raises(MediaPlaneError) as failure:
            wire.rtp_payload(self.padded + payload)
        assert failure.value.status == Status.MALFORMED

    def test_is_not_looked_for_without_the_p_bit(self) -> None:
        assert wire.rtp_payload(header() + b"payload\0") == b"payload\0"


@given(
    payload_type=st.integers(0, 127),
    marker=st.booleans(),
    seq16=uint16,
    timestamp=uint32,
    ssrc=uint32,
    csrc_count=st.integers(0, 15),
)
def test_written_header_is_parsed_again(
    payload_type: int, marker: bool, seq16: int, timestamp: int, ssrc: int, csrc_count: int
) -> None:
    written = wire.rtp_write_fixed_header(
        payload_type=payload_type, marker=marker, seq16=seq16, timestamp=timestamp, ssrc=ssrc, csrc_count=csrc_count
    )
    parsed = wire.rtp_parse_header(written + bytes(4 * csrc_count))
    assert parsed["payload_type"] == payload_type
    assert parsed["marker"] == marker
    assert parsed["seq16"] == seq16
    assert parsed["timestamp"] == timestamp
    assert parsed["ssrc"] == ssrc
    assert parsed["csrc_count"] == csrc_count
    assert parsed["padded"] == 0
    assert parsed["header_size"] == 12 + 4 * csrc_count


def test_written_x_bit_announces_an_extension() -> None:
    written = wire.rtp_write_fixed_header(
        payload_type=127, marker=False, seq16=0, timestamp=0, ssrc=0, has_extension=True
    )
    assert wire.rtp_parse_header(written + b"\xbe\xde\0\0")["extension_offset"] == 16


@st.composite
def aiortc_packets(draw: st.DrawFn) -> RtpPacket:
    packet = RtpPacket(
        payload_type=draw(st.integers(0, 127)),
        marker=draw(st.integers(0, 1)),
        sequence_number=draw(uint16),
        timestamp=draw(uint32),
        ssrc=draw(uint32),
        payload=draw(st.binary(max_size=64)),
    )
    packet.csrc = draw(st.lists(uint32, max_size=15))
    packet.padding_size = draw(uint8)
    return packet


@given(aiortc_packets())
def test_packets_of_aiortc(packet: RtpPacket) -> None:
    data = packet.serialize()
    parsed = wire.rtp_parse_header(data)
    assert parsed["payload_type"] == packet.payload_type
    assert parsed["marker"] == packet.marker
    assert parsed["seq16"] == packet.sequence_number
    assert parsed["timestamp"] == packet.timestamp
    assert parsed["ssrc"] == packet.ssrc
    assert parsed["csrc_count"] == len(packet.csrc)
    assert parsed["padded"] == (packet.padding_size > 0)
    assert wire.rtp_payload(data) == packet.payload


# Mostly version 2, so that the parser is not left at its first check.
likely_packets = st.binary(max_size=120) | st.builds(
    lambda first, rest: bytes([0x80 | (first & 0x3F)]) + rest, uint8, st.binary(max_size=120)
)


@given(likely_packets)
@example(b"")
def test_agrees_with_aiortc_on_arbitrary_bytes(data: bytes) -> None:
    try:
        # An extension map without ids reads the elements too; what it finds wrong there is not the header's matter.
        theirs = RtpPacket.parse(data, NoExtensions())
    except ValueError:
        with pytest.raises(MediaPlaneError):
            wire.rtp_payload(data)
        return
    try:
        parsed = wire.rtp_parse_header(data)
    except MediaPlaneError as error:
        # Only the bound on the extension is ours alone, and no packet here is that long.
        raise AssertionError(f"aiortc takes {data.hex()}") from error
    assert parsed["ssrc"] == theirs.ssrc
    assert parsed["seq16"] == theirs.sequence_number
    assert wire.rtp_payload(data) == theirs.payload


class NoExtensions(HeaderExtensionsMap):
    def get(self, extension_profile: int, extension_value: bytes) -> object:  # type: ignore[override]
        return None
