"""Negotiation of RTP header extensions (RFC 8285) for the m-lines of one transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from mediasrv.rtc.capabilities import PUBLISHER_EXTENSIONS, SUBSCRIBER_EXTENSIONS
from mediasrv.rtc.errors import NegotiationError
from mediasrv.rtc.sdp import Direction
from mediasrv.rtc.sdp_attributes import ExtMap
from mediasrv.rtc.section_facts import SectionFacts, when_forgotten

ONE_BYTE_IDS = range(1, 15)
_IDS = frozenset(ONE_BYTE_IDS) | frozenset(range(16, 256))  # 15 ends a one-byte block, and from 4096 on they are no ids


@dataclass(frozen=True, eq=False)
class SectionExtensions:
    """What one m-line agreed on."""

    maps: tuple[ExtMap, ...] = ()
    """Those of the answer."""
    received: Mapping[str, int] = field(default_factory=dict)
    """URI -> id of what the peer sends."""
    sent: tuple[tuple[str, int], ...] = ()
    """(URI, id) of what the peer takes."""

    @cached_property
    def lines(self) -> str:
        """The answer's attributes."""
        return "".join(
            f"a=extmap:{map_.id}{f'/{map_.direction}' if map_.direction else ''} {map_.uri}\r\n" for map_ in self.maps
        )

    @cached_property
    def sends_two_byte(self) -> bool:
        """Whether the peer takes an id that only the two-byte form has."""
        return any(id_ not in ONE_BYTE_IDS for _, id_ in self.sent)


class TransportExtensions(NamedTuple):
    """What all m-lines of an offer agreed on, in their order. `received`: URI -> id of what the peer sends on any."""

    sections: tuple[SectionExtensions, ...]
    received: Mapping[str, int]


_Sections = tuple[tuple[SectionFacts, Direction], ...]

_REMEMBERED_MAX = 512
_remembered: dict[_Sections, TransportExtensions] = {}
when_forgotten.append(_remembered.clear)


def negotiate_extensions(sections: _Sections) -> TransportExtensions:
    """Of each m-line what it says, and our direction in the answer. Raises `NegotiationError` if an id has two
    meanings.

    Clients of one kind all offer the same, so what came of it is remembered.
    """
    found = _remembered.get(sections)
    if found is None:
        agreement = _Agreement()
        found = TransportExtensions(tuple(agreement.add(*section) for section in sections), agreement.received)
        if all(facts.is_known for facts, _ in sections):
            if len(_remembered) >= _REMEMBERED_MAX:
                _remembered.clear()
            _remembered[sections] = found
    return found


class _Agreement:
    """Collects the ids of one offer: with BUNDLE, an id means the same in every m-line (RFC 9143 §7.1.3)."""

    def __init__(self) -> None:
        self.received: dict[str, int] = {}
        self._meaning: dict[int, str] = {}

    def add(self, facts: SectionFacts, answered: Direction) -> SectionExtensions:
        maps: list[ExtMap] = []
        received: dict[str, int] = {}
        sent: dict[str, int] = {}
        may_receive = answered.receives or answered is Direction.INACTIVE
        may_send = answered.sends or answered is Direction.INACTIVE
        for offered in facts.extmaps:
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
                maps.append(ExtMap(offered.id, offered.uri, _direction(offered, answered, receive, send)))
        return SectionExtensions(tuple(maps), received, tuple(sent.items()))

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
