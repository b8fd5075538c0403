"""Negotiation of RTP header extensions (RFC 8285) for the m-lines of one transport."""

from __future__ import annotations

from dataclasses import dataclass, field

from mediasrv.rtc.capabilities import PUBLISHER_EXTENSIONS, SUBSCRIBER_EXTENSIONS
from mediasrv.rtc.errors import NegotiationError
from mediasrv.rtc.sdp import Direction, MediaDescription
from mediasrv.rtc.sdp_attributes import ExtMap

ONE_BYTE_IDS = range(1, 15)
_IDS = frozenset(ONE_BYTE_IDS) | frozenset(range(16, 256))  # 15 ends a one-byte block, and from 4096 on they are no ids


@dataclass(frozen=True, slots=True)
class SectionExtensions:
    """What one m-line agreed on. `lines` are the answer's."""

    lines: tuple[ExtMap, ...] = ()
    received: dict[str, int] = field(default_factory=dict)
    """URI -> id of what the peer sends."""
    sent: dict[str, int] = field(default_factory=dict)
    """URI -> id of what the peer takes."""


class TransportExtensions:
    """Collects the ids of one offer: with BUNDLE, an id means the same in every m-line (RFC 9143 §7.1.3)."""

    def __init__(self) -> None:
        self.received: dict[str, int] = {}
        self._meaning: dict[int, str] = {}

    def negotiate(self, media: MediaDescription, answered: Direction) -> SectionExtensions:
        """`answered` is our direction. Raises `NegotiationError` if an id has two meanings."""
        lines, received, sent = [], {}, {}
        may_receive = answered.receives or answered is Direction.INACTIVE
        may_send = answered.sends or answered is Direction.INACTIVE
        for offered in media.extmaps:
            if offered.id not in _IDS or offered.uri in received or offered.uri in sent:
                continue
            self._check_meaning(offered)
            # An inactive m-line keeps what both directions could use, so that nothing changes when it comes back.
            receive = (
                offered.uri in PUBLISHER_EXTENSIONS
                and offered.direction in ("", "sendonly", "sendrecv")
                and may_receive
                and self.received.get(offered.uri, offered.id) == offered.id
            )
            send = (
                offered.uri in SUBSCRIBER_EXTENSIONS and offered.direction in ("", "recvonly", "sendrecv") and may_send
            )
            # On later m-lines Chromium offers only what its first one of that kind was answered with. Where that is a
            # receive slot, a camera turned on later would have no rids: what only a sender uses is agreed there too.
            remember = offered.uri in PUBLISHER_EXTENSIONS and not offered.direction and answered is Direction.SENDONLY
            if receive:
                received[offered.uri] = self.received[offered.uri] = offered.id
            if send:
                sent[offered.uri] = offered.id
            if receive or send or remember:
                lines.append(ExtMap(offered.id, offered.uri, _direction(offered, answered, receive, send)))
        return SectionExtensions(tuple(lines), received, sent)

    def _check_meaning(self, offered: ExtMap) -> None:
        meaning = self._meaning.setdefault(offered.id, offered.uri)
        if meaning != offered.uri:
            raise NegotiationError(
                "extension_conflict",
                f"header extension id {offered.id} means both {meaning} and {offered.uri}: within a BUNDLE group an id "
                "has one meaning",
            )


def _direction(offered: ExtMap, answered: Direction, receive: bool, send: bool) -> str:
    """RFC 8285 §6: a direction is answered by its mirror, and needed where a two-way m-line has it one way only."""
    if offered.direction or (answered is Direction.SENDRECV and receive != send):
        return Direction.of(send=send, recv=receive).word
    return ""
