"""RTCP feedback: generic NACK and PLI (RFC 4585), FIR (RFC 5104)."""

from __future__ import annotations

import struct

import pytest
from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpRtpfbPacket
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing import wire

RTPFB, PSFB = 205, 206
NACK, TRANSPORT_CC = 1, 15
PLI, FIR = 1, 4

uint8 = st.integers(0, 2**8 - 1)
uint16 = st.integers(0, 2**16 - 1)
uint32 = st.integers(0, 2**32 - 1)


def feedback(packet_type: int, fmt: int, fci: bytes) -> bytes:
    return struct.pack("!BBHLL", 0x80 | fmt, packet_type, 2 + len(fci) // 4, 1, 2) + fci


class TestNack:
    def test_bit_i_of_the_mask_asks_for_pid_plus_i_plus_1(self) -> None:
        fci = struct.pack("!HHHH", 100, 0b1000_0000_0000_0101, 200, 0)
        (packet,) = wire.rtcp_parse(feedback(RTPFB, NACK, fci))
        assert packet["lost"] == [100, 101, 103, 116, 200]
        assert (packet["sender_ssrc"], packet["media_ssrc"]) == (1, 2)

    def test_the_mask_wraps(self) -> None:
        (packet,) = wire.rtcp_parse(feedback(RTPFB, NACK, struct.pack("!HH", 65534, 0b111)))
        assert packet["lost"] == [65534, 65535, 0, 1]

    def test_expands_no_further_than_there_is_room(self) -> None:
        data = feedback(RTPFB, NACK, struct.pack("!HHHH", 0, 0xFFFF, 100, 0xFFFF))
        everything = [*range(17), *range(100, 117)]
        for capacity in range(36):
            assert wire.rtcp_parse_nack(data, capacity) == everything[:capacity]

    def test_transport_cc_is_no_nack(self) -> None:
        with pytest.raises(MediaPlaneError) as failure:
            wire.rtcp_parse_nack(feedback(RTPFB, TRANSPORT_CC, bytes(8)), 8)
        assert failure.value.status == Status.MALFORMED

    @given(uint32, uint32, st.lists(st.tuples(uint16, uint16), max_size=20))
    def test_expands_as_aiortc_does(self, sender: int, media: int, entries: list[tuple[int, int]]) -> None:
        fci = b"".join(struct.pack("!HH", pid, mask) for pid, mask in entries)
        data = struct.pack("!BBHLL", 0x80 | NACK, RTPFB, 2 + len(entries), sender, media) + fci
        (theirs,) = RtcpPacket.parse(data)
        assert isinstance(theirs, RtcpRtpfbPacket)
        (ours,) = wire.rtcp_parse(data)
        # aiortc does not wrap what it expands.
        assert ours["lost"] == [seq & 0xFFFF for seq in theirs.lost]
        assert (ours["sender_ssrc"], ours["media_ssrc"]) == (sender, media)

    @given(uint32, uint32, st.sets(uint16, min_size=1, max_size=60).map(sorted))
    def test_written_as_aiortc_writes_it(self, sender: int, media: int, lost: list[int]) -> None:
        assert wire.rtcp_write_nack(sender, media, lost) == bytes(RtcpRtpfbPacket(NACK, sender, media, lost))

    @given(uint16, st.lists(st.integers(0, 40), max_size=60))
    def test_round_trip_over_the_wrap(self, first: int, steps: list[int]) -> None:
        """A step of 0 repeats a number, which is asked for once."""
        seqs = [first]
        for step in steps:
            seqs.append((seqs[-1] + step) & 0xFFFF)
        (packet,) = wire.rtcp_parse(wire.rtcp_write_nack(1, 2, seqs))
        assert packet["lost"] == list(dict.fromkeys(seqs))

    @given(uint16, st.sets(st.integers(0, 400), min_size=1))
    def test_takes_as_few_entries_as_possible(self, first: int, offsets: set[int]) -> None:
        written = wire.rtcp_write_nack(1, 2, [(first + offset) & 0xFFFF for offset in sorted(offsets)])
        entries, covered = 0, -1
        for offset in sorted(offsets):
            if offset > covered:
                entries, covered = entries + 1, offset + 16
        assert len(written) == 12 + 4 * entries

    def test_out_of_order_numbers_are_all_asked_for(self) -> None:
        (packet,) = wire.rtcp_parse(wire.rtcp_write_nack(1, 2, [5, 3, 4, 100]))
        assert packet["lost"] == [5, 3, 4, 100]

    def test_nothing_to_ask_for_is_no_packet(self) -> None:
        assert wire.rtcp_write_nack(1, 2, []) == b""

    @pytest.mark.parametrize("capacity", range(20))
    def test_no_space(self, capacity: int) -> None:
        with pytest.raises(MediaPlaneError) as failure:
            wire.rtcp_write_nack(1, 2, [1, 100], capacity=capacity)
        assert failure.value.status == Status.NO_SPACE


class TestKeyframeRequests:
    @given(uint32, uint32)
    def test_pli_as_aiortc_writes_it(self, sender: int, media: int) -> None:
        data = wire.rtcp_write_pli(sender, media)
        assert data == bytes(RtcpPsfbPacket(PLI, sender, media))
        (packet,) = wire.rtcp_parse(data)
        assert (packet["count"], packet["sender_ssrc"], packet["media_ssrc"]) == (PLI, sender, media)

    @given(uint32, uint32, uint8)
    def test_fir_names_the_source_in_its_entry(self, sender: int, media: int, seq: int) -> None:
        data = wire.rtcp_write_fir(sender, media, seq)
        assert data == bytes(RtcpPsfbPacket(FIR, sender, 0, struct.pack("!LB3x", media, seq)))
        (packet,) = wire.rtcp_parse(data)
        assert packet["fir"] == [(media, seq)]

    def test_fir_may_ask_several_sources(self) -> None:
        fci = struct.pack("!LB3xLB3x", 10, 1, 11, 255)
        (packet,) = wire.rtcp_parse(feedback(PSFB, FIR, fci))
        assert packet["fir"] == [(10, 1), (11, 255)]

    def test_incomplete_fir_entry_is_none(self) -> None:
        (packet,) = wire.rtcp_parse(feedback(PSFB, FIR, struct.pack("!LB3xL", 10, 1, 11)))
        assert packet["fir"] == [(10, 1)]

    @pytest.mark.parametrize("capacity", range(12))
    def test_no_space(self, capacity: int) -> None:
        with pytest.raises(MediaPlaneError) as failure:
            wire.rtcp_write_pli(1, 2, capacity)
        assert failure.value.status == Status.NO_SPACE
        with pytest.raises(MediaPlaneError) as failure:
            wire.rtcp_write_fir(1, 2, 3, capacity + 8)
        assert failure.value.status == Status.NO_SPACE


@pytest.mark.parametrize("packet_type", [RTPFB, PSFB])
@pytest.mark.parametrize("words", [0, 1])
def test_feedback_without_both_ssrcs_is_truncated(packet_type: int, words: int) -> None:
    data = struct.pack("!BBH", 0x80 | FIR, packet_type, words) + bytes(4 * words)
    (packet,) = wire.rtcp_parse(data)
    assert packet["error"] == Status.TRUNCATED
