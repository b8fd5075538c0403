"""A track that a peer receives: put in order, checked, repaired by NACK, reported on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from mediaplane.testing import wire
from mediaplane.wire.rtp_extensions import ExtensionKind

from scenarios import negotiated
from scenarios.negotiated import CLOCK_RATE, VP8_RTX_RECEIVED
from scenarios.network import Timer
from scenarios.payloads import Content, body_of_vp8, content_of
from scenarios.peer import Packet, Peer

NACK_AFTER_US = 12_000
NACK_RETRY_US = 60_000
NACK_TRIES = 12
REPORT_US = 1_000_000
KIND_OF_RECEIVED_ID = {identifier: kind for kind, identifier in negotiated.RECEIVED_IDS.items()}


@dataclass(frozen=True)
class Received:
    """One packet of a track. `index`: its number in 64 bits; `repaired`: it came by RTX."""

    index: int
    header: wire.RtpHeader
    payload: bytes
    content: Content
    data: bytes
    elements: dict[ExtensionKind, bytes]
    arrived_us: int
    repaired: bool

    @property
    def vp8(self) -> wire.Vp8Descriptor:
        return wire.vp8_parse(self.payload)


@dataclass
class Missing:
    due_us: int
    tries: int = 0


class Track:
    """What a peer makes of one consumer. `repairs`: it asks for what is missing."""

    def __init__(self, peer: Peer, kind: str, mid: str, ssrc: int, rtx_ssrc: int, *, repairs: bool = True) -> None:
        self.peer = peer
        self.kind = kind
        self.mid = mid
        self.ssrc = ssrc
        self.rtx_ssrc = rtx_ssrc
        self.repairs = repairs
        self.packets: dict[int, Received] = {}
        """By index."""
        self.arrivals: list[Received] = []
        """In the order they came, without duplicates."""
        self.duplicates = 0
        self.rtx_packets = 0
        self.highest = -1
        self.nacks = 0
        self.sender_reports: list[tuple[int, wire.SenderInfo]] = []
        self.cnames: set[bytes] = set()
        self._missing: dict[int, Missing] = {}
        self._nack_timer: Timer | None = None
        self._reported = (0, 0)
        peer.tracks[ssrc] = self._rtp
        if rtx_ssrc:
            peer.tracks[rtx_ssrc] = self._rtx
        peer.rtcp_listeners.append(self._rtcp)

    # --- packets -----------------------------------------------------------------------------------------------------

    def _rtp(self, packet: Packet) -> None:
        self._take(packet, packet.index, packet.payload, repaired=False)

    def _rtx(self, packet: Packet) -> None:
        assert packet.header["payload_type"] == VP8_RTX_RECEIVED
        self.rtx_packets += 1
        index = wire.unwrap16(self.highest, int.from_bytes(packet.payload[:2], "big"))
        self._take(packet, index, packet.payload[2:], repaired=True)

    def _take(self, packet: Packet, index: int, payload: bytes, *, repaired: bool) -> None:
        content = content_of(payload if self.kind == "audio" else body_of_vp8(payload))
        elements = dict(wire.extensions_parse(packet.data, KIND_OF_RECEIVED_ID))
        received = Received(index, packet.header, payload, content, packet.data, elements, packet.arrived_us, repaired)
        if index in self.packets:
            before = self.packets[index]
            assert before.payload == payload, f"packet {index} has two contents"
            self.duplicates += 1
            return
        self.packets[index] = received
        self.arrivals.append(received)
        self._missing.pop(index, None)
        if self.highest >= 0 and index > self.highest:
            for missing in range(self.highest + 1, index):
                self._missing[missing] = Missing(self.peer.network.now_us + NACK_AFTER_US)
        self.highest = max(self.highest, index)
        if self._missing and self._nack_timer is None and self.repairs:
            self._nack_timer = self.peer.network.after(NACK_AFTER_US, self._nack)

    def _nack(self) -> None:
        now_us = self.peer.network.now_us
        self._nack_timer = None
        due = [index for index, entry in sorted(self._missing.items()) if entry.due_us <= now_us]
        for index in due:
            entry = self._missing[index]
            entry.tries += 1
            entry.due_us = now_us + NACK_RETRY_US
            if entry.tries > NACK_TRIES:
                del self._missing[index]
        if due:
            self.send_nack(due)
        if self._missing:
            self._nack_timer = self.peer.network.after(NACK_AFTER_US, self._nack)

    def send_nack(self, indices: list[int]) -> None:
        self.nacks += len(indices)
        self.peer.send_rtcp(wire.rtcp_write_nack(1, self.ssrc, [index & 0xFFFF for index in indices]))

    def ask_keyframe(self) -> None:
        self.peer.send_rtcp(wire.rtcp_write_pli(1, self.ssrc))

    # --- reports -----------------------------------------------------------------------------------------------------

    def _rtcp(self, packets: list[wire.RtcpPacket], compound: bytes) -> None:
        for packet in packets:
            info = packet.get("sender_info")
            if info is not None and info["ssrc"] == self.ssrc:
                self.sender_reports.append((self.peer.network.now_us, info))

    def start_reports(self) -> None:
        self.report()
        self.peer.network.after(REPORT_US, self.start_reports)

    def report(self) -> None:
        """A receiver report with true numbers (RFC 3550 section 6.4.2)."""
        if not self.packets:
            return
        expected = self.highest - min(self.packets) + 1
        received = sum(not packet.repaired for packet in self.packets.values())
        since_expected, since_received = expected - self._reported[0], received - self._reported[1]
        self._reported = expected, received
        last_sr, delay = 0, 0
        if self.sender_reports:
            arrived_us, info = self.sender_reports[-1]
            last_sr = info["ntp"] >> 16 & 0xFFFFFFFF
            delay = (self.peer.network.now_us - arrived_us) * 65536 // 1_000_000
        self.peer.send_rtcp(
            wire.rtcp_write_rr(
                1,
                [
                    {
                        "ssrc": self.ssrc,
                        "fraction_lost": max(0, since_expected - since_received) * 256 // max(1, since_expected),
                        "cumulative_lost": expected - received,
                        "highest_seq": self.highest & 0xFFFFFFFF,
                        "jitter": 0,
                        "last_sr": last_sr,
                        "delay_since_last_sr": delay,
                    }
                ],
            )
        )

    def capture_ntp(self, packet: Received) -> int:
        """The NTP time at which the packet was captured, as the last sender report tells it."""
        assert self.sender_reports, "no sender report came"
        _, info = self.sender_reports[-1]
        ahead = wire.timestamp32_difference(packet.header["timestamp"], info["rtp_timestamp"])
        return info["ntp"] + (ahead << 32) // CLOCK_RATE[self.kind]

    # --- what has to hold --------------------------------------------------------------------------------------------

    @property
    def in_order(self) -> list[Received]:
        return [self.packets[index] for index in sorted(self.packets)]

    @property
    def contents(self) -> list[Content]:
        return [packet.content for packet in self.in_order]

    @property
    def gaps(self) -> list[int]:
        """Numbers between the first and the last that never came."""
        if not self.packets:
            return []
        return [index for index in range(min(self.packets), self.highest + 1) if index not in self.packets]

    def assert_steady(self) -> None:
        """Timestamps never go back, frames are not interleaved, and one frame has one timestamp."""
        packets = self.in_order
        for before, after in itertools.pairwise(packets):
            ahead = wire.timestamp32_difference(after.header["timestamp"], before.header["timestamp"])
            same = (before.content.stream, before.content.frame) == (after.content.stream, after.content.frame)
            assert (ahead == 0) if same else (ahead > 0), f"timestamps jump by {ahead} at {after.index}"

    def assert_frames_whole(self) -> None:
        """Every frame but the last came with all its packets, in order, and only the last has the marker."""
        packets = self.in_order
        while packets:
            count = packets[0].content.packets
            frame = packets[:count]
            if len(frame) < count:
                return
            assert [packet.content.index for packet in frame] == list(range(count))
            assert {(packet.content.stream, packet.content.frame) for packet in frame} == {
                (frame[0].content.stream, frame[0].content.frame)
            }
            assert [packet.header["marker"] for packet in frame] == [0] * (count - 1) + [1]
            del packets[:count]
