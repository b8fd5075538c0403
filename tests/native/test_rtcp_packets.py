"""RTCP compounds, reports, SDES and BYE (RFC 3550 section 6)."""

from __future__ import annotations

import struct
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
from aiortc.rtp import RtcpByePacket, RtcpPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpSdesPacket, RtcpSenderInfo
from aiortc.rtp import RtcpSrPacket as AiortcSenderReport
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing import wire

if TYPE_CHECKING:
    from mediaplane.testing.wire import ReportBlock, SenderInfo

SR, RR, SDES, BYE, APP = 200, 201, 202, 203, 204

uint8 = st.integers(0, 2**8 - 1)
uint32 = st.integers(0, 2**32 - 1)
uint64 = st.integers(0, 2**64 - 1)
lost_counts = st.integers(-(2**23), 2**23 - 1)

sender_infos: st.SearchStrategy[SenderInfo] = st.fixed_dictionaries(
    {"ssrc": uint32, "ntp": uint64, "rtp_timestamp": uint32, "packets": uint32, "octets": uint32}
)  # type: ignore[assignment]
report_blocks: st.SearchStrategy[ReportBlock] = st.fixed_dictionaries(
    {
        "ssrc": uint32,
        "fraction_lost": uint8,
        "cumulative_lost": lost_counts,
        "highest_seq": uint32,
        "jitter": uint32,
        "last_sr": uint32,
        "delay_since_last_sr": uint32,
    }
)  # type: ignore[assignment]


def rtcp(packet_type: int, count: int, body: bytes, *, padding: bytes = b"") -> bytes:
    first = 0x80 | (0x20 if padding else 0) | count
    body += padding
    return struct.pack("!BBH", first, packet_type, len(body) // 4) + body


def aiortc_block(block: ReportBlock) -> RtcpReceiverInfo:
    return RtcpReceiverInfo(
        ssrc=block["ssrc"],
        fraction_lost=block["fraction_lost"],
        packets_lost=block["cumulative_lost"],
        highest_sequence=block["highest_seq"],
        jitter=block["jitter"],
        lsr=block["last_sr"],
        dlsr=block["delay_since_last_sr"],
    )


def status_of(data: bytes) -> Status:
    with pytest.raises(MediaPlaneError) as failure:
        wire.rtcp_parse(data)
    return failure.value.status


class TestCompound:
    def test_is_read_packet_by_packet(self) -> None:
        data = rtcp(RR, 0, bytes(4)) + rtcp(APP, 3, bytes(8)) + rtcp(BYE, 0, b"")
        assert [(p["packet_type"], p["count"], p["size"]) for p in wire.rtcp_parse(data)] == [
            (RR, 0, 8),
            (APP, 3, 12),
            (BYE, 0, 4),
        ]

    def test_of_nothing_has_no_packet(self) -> None:
        assert wire.rtcp_parse(b"") == []

    @pytest.mark.parametrize("size", [1, 2, 3])
    def test_truncated_header(self, size: int) -> None:
        assert status_of(rtcp(RR, 0, bytes(4)) + rtcp(BYE, 0, b"")[:size]) == Status.TRUNCATED

    def test_packet_longer_than_the_datagram(self) -> None:
        whole = rtcp(SR, 1, bytes(24 + 24))
        for size in range(1, len(whole)):
            assert status_of(whole[:size]) == Status.TRUNCATED

    @pytest.mark.parametrize("version", [0, 1, 3])
    def test_other_versions_are_malformed(self, version: int) -> None:
        assert status_of(bytes([version << 6, RR, 0, 1]) + bytes(4)) == Status.MALFORMED

    def test_padding_is_taken_off(self) -> None:
        (packet,) = wire.rtcp_parse(rtcp(BYE, 1, b"\0\0\0\x07", padding=b"\0\0\0\4"))
        assert packet["size"] == 8
        assert packet["sources"] == [7]

    @pytest.mark.parametrize("padding", [b"\0\0\0\0", b"\0\0\0\3", b"\0\0\0\x0c", b"\0\0\0\xff"])
    def test_padding_that_lies_is_malformed(self, padding: bytes) -> None:
        assert status_of(rtcp(BYE, 1, b"\0\0\0\x07", padding=padding)) == Status.MALFORMED

    def test_padding_without_room_is_malformed(self) -> None:
        assert status_of(bytes([0xA0, BYE, 0, 0])) == Status.MALFORMED

    def test_padding_does_not_serve_as_report(self) -> None:
        (packet,) = wire.rtcp_parse(rtcp(RR, 1, bytes(4), padding=bytes(23) + b"\x18"))
        assert packet["error"] == Status.TRUNCATED


class TestReports:
    def test_blocks_short_of_the_count(self) -> None:
        (packet,) = wire.rtcp_parse(rtcp(RR, 2, bytes(4 + 24)))
        assert packet["error"] == Status.TRUNCATED

    def test_short_sender_info(self) -> None:
        (packet,) = wire.rtcp_parse(rtcp(SR, 0, bytes(20)))
        assert packet["error"] == Status.TRUNCATED

    def test_profile_extension_behind_the_blocks_is_ignored(self) -> None:
        (packet,) = wire.rtcp_parse(rtcp(RR, 1, bytes(4 + 24 + 12)))
        assert len(packet["report_blocks"]) == 1

    @pytest.mark.parametrize(("value", "written"), [(2**23, 2**23 - 1), (2**40, 2**23 - 1), (-(2**40), -(2**23))])
    def test_cumulative_loss_is_clamped(self, value: int, written: int) -> None:
        block: ReportBlock = {
            "ssrc": 1,
            "fraction_lost": 255,
            "cumulative_lost": value,
            "highest_seq": 2,
            "jitter": 3,
            "last_sr": 4,
            "delay_since_last_sr": 5,
        }
        (packet,) = wire.rtcp_parse(wire.rtcp_write_rr(9, [block]))
        assert packet["report_blocks"] == [block | {"cumulative_lost": written}]

    @given(sender_infos, st.lists(report_blocks, max_size=31))
    def test_sender_report_round_trip_and_the_bytes_of_aiortc(
        self, info: SenderInfo, blocks: list[ReportBlock]
    ) -> None:
        data = wire.rtcp_write_sr(info, blocks)
        (packet,) = wire.rtcp_parse(data)
        assert packet["sender_info"] == info
        assert packet["report_blocks"] == blocks
        theirs = RtcpSenderInfo(info["ntp"], info["rtp_timestamp"], info["packets"], info["octets"])
        assert data == bytes(AiortcSenderReport(info["ssrc"], theirs, [aiortc_block(block) for block in blocks]))

    @given(uint32, st.lists(report_blocks, max_size=31))
    def test_receiver_report_round_trip_and_the_bytes_of_aiortc(self, ssrc: int, blocks: list[ReportBlock]) -> None:
        data = wire.rtcp_write_rr(ssrc, blocks)
        (packet,) = wire.rtcp_parse(data)
        assert packet["report_blocks"] == blocks
        assert data == bytes(RtcpRrPacket(ssrc, [aiortc_block(block) for block in blocks]))

    def test_no_more_than_31_blocks(self) -> None:
        block: ReportBlock = wire.rtcp_parse(rtcp(RR, 1, bytes(28)))[0]["report_blocks"][0]
        info: SenderInfo = {"ssrc": 1, "ntp": 2, "rtp_timestamp": 3, "packets": 4, "octets": 5}
        for write in (partial(wire.rtcp_write_rr, 1), partial(wire.rtcp_write_sr, info)):
            with pytest.raises(MediaPlaneError) as failure:
                write([block] * 32)
            assert failure.value.status == Status.NO_SPACE


class TestSdes:
    @given(uint32, st.binary(max_size=255))
    def test_cname_is_read_by_aiortc(self, ssrc: int, cname: bytes) -> None:
        data = wire.rtcp_write_sdes_cname(ssrc, cname)
        (packet,) = RtcpPacket.parse(data)
        assert isinstance(packet, RtcpSdesPacket)
        assert [(chunk.ssrc, chunk.items) for chunk in packet.chunks] == [(ssrc, [(1, cname)])]

    @pytest.mark.parametrize("length", range(8))
    def test_chunk_ends_with_a_zero_byte_on_32_bits(self, length: int) -> None:
        data = wire.rtcp_write_sdes_cname(1, b"c" * length)
        end = data[10 + length :]
        assert 1 <= len(end) <= 4
        assert end == bytes(len(end))
        assert len(data) % 4 == 0


class TestBye:
    @given(st.lists(uint32, max_size=31))
    def test_sources_as_aiortc_writes_them(self, sources: list[int]) -> None:
        (packet,) = wire.rtcp_parse(bytes(RtcpByePacket(sources)))
        assert packet["sources"] == sources

    def test_reason_is_ignored(self) -> None:
        (packet,) = wire.rtcp_parse(rtcp(BYE, 1, b"\0\0\0\x07" + b"\x06camera\0"))
        assert packet["sources"] == [7]

    def test_fewer_sources_than_counted(self) -> None:
        (packet,) = wire.rtcp_parse(rtcp(BYE, 2, b"\0\0\0\x07"))
        assert packet["error"] == Status.TRUNCATED

    @given(uint32)
    def test_written_as_aiortc_writes_it(self, ssrc: int) -> None:
        assert wire.rtcp_write_bye(ssrc) == bytes(RtcpByePacket([ssrc]))


def test_writers_never_leave_their_buffer() -> None:
    info: SenderInfo = {"ssrc": 1, "ntp": 2, "rtp_timestamp": 3, "packets": 4, "octets": 5}
    block: ReportBlock = wire.rtcp_parse(rtcp(RR, 1, bytes(28)))[0]["report_blocks"][0]
    writers = {
        52: partial(wire.rtcp_write_sr, info, [block]),
        32: partial(wire.rtcp_write_rr, 1, [block]),
        16: partial(wire.rtcp_write_sdes_cname, 1, b"cname"),
        8: partial(wire.rtcp_write_bye, 1),
    }
    for size, write in writers.items():
        assert len(write(capacity=size)) == size
        for capacity in range(size):
            with pytest.raises(MediaPlaneError) as failure:
                write(capacity=capacity)
            assert failure.value.status == Status.NO_SPACE


# Length fields that mostly fit, so that the parsers behind the header see something.
likely_packets = st.builds(
    lambda count, packet_type, body: rtcp(packet_type, count, body + bytes(-len(body) % 4)),
    st.integers(0, 31),
    st.integers(200, 207),
    st.binary(max_size=80),
)
arbitrary_compounds = st.lists(likely_packets | st.binary(max_size=40), max_size=4).map(b"".join)


@given(arbitrary_compounds)
def test_arbitrary_bytes_never_crash_a_parser(data: bytes) -> None:
    for statuses in wire.rtcp_parse_as_every_type(data):
        assert all(status >= min(Status) for status in statuses.values())
    with suppress(MediaPlaneError):
        assert sum(packet["size"] for packet in wire.rtcp_parse(data)) <= len(data)


@given(likely_packets)
def test_a_packet_of_another_type_is_refused_not_misread(data: bytes) -> None:
    takes = {"sender_info": {SR}, "report_block": {SR, RR}, "bye": {BYE}, "feedback": {205, 206}, "nack": {205},
             "fir": {206}}  # fmt: skip
    (statuses,) = wire.rtcp_parse_as_every_type(data)
    for parser, types in takes.items():
        if data[1] not in types:
            assert statuses[parser] == Status.MALFORMED
