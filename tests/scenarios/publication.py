"""A source that a peer publishes: synthetic Opus or VP8, with simulcast, retransmission, reports and keyframes."""

from __future__ import annotations

from dataclasses import dataclass, field

from mediaplane.testing import wire
from mediaplane.wire.rtp_extensions import ExtensionKind

from scenarios import negotiated
from scenarios.negotiated import CLOCK_RATE, MID, OPUS, REPAIRED_RID, RID, TRANSPORT_CC, VP8, VP8_RTX, ntp_of
from scenarios.payloads import Content, vp8
from scenarios.peer import Peer

SENDER_REPORT_US = 500_000
NAMED_PACKETS = 30


@dataclass(frozen=True)
class SentPacket:
    content: Content
    payload: bytes
    payload_type: int
    marker: bool
    timestamp: int
    index: int
    sent_us: int
    keyframe: bool


@dataclass
class Encoding:
    """One quality. `signaled`: its SSRCs stand in the SDP; else MID and RID tell whose it is."""

    stream: int
    ssrc: int
    rtx_ssrc: int
    rid: str = ""
    signaled: bool = True
    packets_per_frame: int = 2
    payload_size: int = 300
    uneven: int = 0
    """Bytes by which the packets of a frame differ at most."""
    next_index: int = 1000
    next_rtx_index: int = 77
    timestamp_base: int = 0
    picture_id: int = 0
    tl0: int = 0
    frame: int = 0
    octets: int = 0
    paused: bool = False
    keyframe_wanted: bool = True
    keyframe_requests: int = 0
    fir_numbers: list[int] = field(default_factory=list)
    nacked: list[int] = field(default_factory=list)
    sent: dict[int, SentPacket] = field(default_factory=dict)
    """By index."""

    def timestamp_at(self, us: int, kind: str) -> int:
        return (self.timestamp_base + us * CLOCK_RATE[kind] // 1_000_000) & 0xFFFFFFFF


class Publication:
    """Sends until it is stopped. `elements(encoding, packet number)` are header extensions to put on each packet."""

    def __init__(
        self,
        peer: Peer,
        kind: str,
        mid: str,
        producer_id: int,
        encodings: list[Encoding],
        *,
        frames_per_second: int,
        rtx: bool = True,
        transport_cc: list[int] | None = None,
    ) -> None:
        self.peer = peer
        self.kind = kind
        self.mid = mid
        self.producer_id = producer_id
        self.encodings = encodings
        self.interval_us = 1_000_000 // frames_per_second
        self.rtx = rtx and kind == "video"
        self.answers_nacks = True
        self.answers_keyframe_requests = True
        self.sends_reports = True
        self.clock_offset_us = 0
        """Of the peer's NTP clock."""
        self.elements: list[tuple[ExtensionKind, bytes]] = []
        self.csrcs: list[int] = []
        self.padding = 0
        self.transport_cc = transport_cc
        """The peer's counter over all it sends, in a list of one."""
        self.reports: list[wire.ReportBlock] = []
        self.running = False
        peer.rtcp_listeners.append(self._rtcp)

    @property
    def network(self):
        return self.peer.network

    # --- frames ------------------------------------------------------------------------------------------------------

    def start(self) -> Publication:
        self.running = True
        self._frame_again()
        self._report_again()
        return self

    def stop(self) -> None:
        self.running = False

    def _frame_again(self) -> None:
        if self.running:
            self.send_frame()
            self.network.after(self.interval_us, self._frame_again)

    def send_frame(self) -> None:
        """A frame of every encoding that is not paused."""
        for encoding in self.encodings:
            if not encoding.paused:
                self._send_frame(encoding)

    def _send_frame(self, encoding: Encoding) -> None:
        now_us = self.network.now_us
        keyframe = self.kind == "audio" or encoding.keyframe_wanted
        encoding.keyframe_wanted = False
        count = 1 if self.kind == "audio" else encoding.packets_per_frame * (2 if keyframe else 1)
        for index in range(count):
            content = Content(encoding.stream, encoding.frame, index, count, now_us)
            size = encoding.payload_size + 7 * (encoding.frame % 5) + 5 * index % (encoding.uneven + 1)
            payload = content.body(size)
            if self.kind == "video":
                payload = vp8(
                    payload, keyframe=keyframe, first=index == 0, picture_id=encoding.picture_id, tl0=encoding.tl0
                )
            self._send(encoding, content, payload, marker=index == count - 1, keyframe=keyframe)
        encoding.frame += 1
        encoding.picture_id = (encoding.picture_id + 1) & 0x7FFF
        encoding.tl0 = (encoding.tl0 + 1) & 0xFF

    def _send(self, encoding: Encoding, content: Content, payload: bytes, *, marker: bool, keyframe: bool) -> None:
        payload_type = OPUS if self.kind == "audio" else VP8
        packet = SentPacket(
            content,
            payload,
            payload_type,
            marker,
            encoding.timestamp_at(content.capture_us, self.kind),
            encoding.next_index,
            self.network.now_us,
            keyframe,
        )
        encoding.next_index += 1
        encoding.octets += len(payload)
        encoding.sent[packet.index] = packet
        named = [] if len(encoding.sent) > NAMED_PACKETS else [(MID, self.mid.encode())]
        if named and encoding.rid:
            named.append((RID, encoding.rid.encode()))
        self.write(packet, encoding.ssrc, packet.index, payload_type, payload, named + self.elements)

    def write(
        self,
        packet: SentPacket,
        ssrc: int,
        index: int,
        payload_type: int,
        payload: bytes,
        elements: list[tuple[ExtensionKind, bytes]],
        *,
        padding: int | None = None,
    ) -> bytes:
        """Seal and send one packet with these header extensions and the next transport-wide number."""
        if self.transport_cc is not None:
            elements = [*elements, (TRANSPORT_CC, (self.transport_cc[0] & 0xFFFF).to_bytes(2, "big"))]
            self.transport_cc[0] += 1
        two_byte = any(not wire.extension_fits_one_byte(1, len(data)) for _, data in elements)
        block, _ = wire.extensions_write(
            [(negotiated.SENT_IDS[kind], data) for kind, data in elements], two_byte=two_byte
        )
        header = bytearray(
            wire.rtp_write_fixed_header(
                payload_type=payload_type,
                marker=packet.marker,
                seq16=index & 0xFFFF,
                timestamp=packet.timestamp,
                ssrc=ssrc,
                csrc_count=len(self.csrcs),
                has_extension=bool(block),
            )
        )
        padding = self.padding if padding is None else padding
        if padding:
            header[0] |= 0x20
            payload += bytes(padding - 1) + bytes([padding])
        csrcs = b"".join(csrc.to_bytes(4, "big") for csrc in self.csrcs)
        return self.peer.send_rtp(bytes(header) + csrcs + block, payload, index)

    # --- what the server asks ----------------------------------------------------------------------------------------

    def resend(self, encoding: Encoding, index: int) -> None:
        """By RTX (RFC 4588) if it was negotiated, else as it was."""
        packet = encoding.sent[index]
        if not self.rtx:
            self.write(packet, encoding.ssrc, index, packet.payload_type, packet.payload, self.elements)
            return
        named = [(MID, self.mid.encode())]
        if encoding.rid:
            named.append((REPAIRED_RID, encoding.rid.encode()))
        payload = (index & 0xFFFF).to_bytes(2, "big") + packet.payload
        self.write(packet, encoding.rtx_ssrc, encoding.next_rtx_index, VP8_RTX, payload, named + self.elements)
        encoding.next_rtx_index += 1

    def _rtcp(self, packets: list[wire.RtcpPacket], compound: bytes) -> None:
        for packet in packets:
            self.reports += [block for block in packet.get("report_blocks", []) if self._by_ssrc(block["ssrc"])]
            for ssrc, number in packet.get("fir", []):
                encoding = self._by_ssrc(ssrc)
                if encoding is not None and number not in encoding.fir_numbers:
                    encoding.fir_numbers.append(number)
                    self._keyframe_asked(encoding)
            encoding = self._by_ssrc(packet.get("media_ssrc", 0))
            if encoding is None:
                continue
            if packet["packet_type"] == 206 and packet["count"] == 1:
                self._keyframe_asked(encoding)
            for seq16 in packet.get("lost", []):
                index = wire.unwrap16(encoding.next_index, seq16)
                encoding.nacked.append(index)
                if self.answers_nacks and index in encoding.sent:
                    self.resend(encoding, index)

    def _keyframe_asked(self, encoding: Encoding) -> None:
        encoding.keyframe_requests += 1
        encoding.keyframe_wanted |= self.answers_keyframe_requests

    def _by_ssrc(self, ssrc: int) -> Encoding | None:
        return next((encoding for encoding in self.encodings if encoding.ssrc == ssrc), None)

    def encoding_of(self, stream: int) -> Encoding:
        return next(encoding for encoding in self.encodings if encoding.stream == stream)

    # --- reports -----------------------------------------------------------------------------------------------------

    def _report_again(self) -> None:
        if self.running:
            if self.sends_reports:
                self.send_reports()
            self.network.after(SENDER_REPORT_US, self._report_again)

    def send_reports(self) -> None:
        """A sender report of every encoding that has sent something (RFC 3550 section 6.4.1)."""
        now_us = self.network.now_us
        compound = b"".join(
            wire.rtcp_write_sr(
                {
                    "ssrc": encoding.ssrc,
                    "ntp": ntp_of(now_us + self.clock_offset_us),
                    "rtp_timestamp": encoding.timestamp_at(now_us, self.kind),
                    "packets": len(encoding.sent),
                    "octets": encoding.octets,
                }
            )
            for encoding in self.encodings
            if encoding.sent
        )
        if compound:
            self.peer.send_rtcp(compound)

    def say_bye(self) -> None:
        self.peer.send_rtcp(b"".join(wire.rtcp_write_bye(encoding.ssrc) for encoding in self.encodings))
