"""What an offer leads to, before anything is changed: a plan that the peer connection then carries out."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mediasrv.rtc.capabilities import RID, TRANSPORT_CC
from mediasrv.rtc.data_channel import SctpParameters
from mediasrv.rtc.encodings import offered_encodings
from mediasrv.rtc.errors import NegotiationError
from mediasrv.rtc.extensions import SectionExtensions, negotiate_extensions
from mediasrv.rtc.ice import IceCredentials
from mediasrv.rtc.offer import Offer, OfferedSection, OfferedTransport, SectionOutline
from mediasrv.rtc.producer import Producer, ProducerParameters
from mediasrv.rtc.receive_slot import ReceiveSlot, SlotIdentity, SlotParameters
from mediasrv.rtc.sdp import Direction
from mediasrv.rtc.sdp_attributes import Fingerprint, Msid, Rid

_NO_EXTENSIONS = SectionExtensions()


@dataclass(frozen=True, slots=True)
class OfferedTrack:
    """A track that the peer begins to send. `msid` is "STREAM TRACK" as the peer names them, or empty."""

    mid: str
    kind: str
    msid: str
    simulcast_rids: tuple[str, ...]


Authorise = Callable[[OfferedTrack], str | None]


@dataclass(frozen=True, slots=True)
class NegotiatedTransport:
    """One transport's two ends as of the last answer. `dtls_role` is ours, `server` or `client`."""

    remote: IceCredentials
    local: IceCredentials
    fingerprints: tuple[Fingerprint, ...]
    dtls_role: str


@dataclass(slots=True)
class SectionPlan:
    """One m-line of the answer. `direction` is ours; with neither producer nor slot it is inactive or rejected."""

    offered: OfferedSection
    direction: Direction = Direction.INACTIVE
    extensions: SectionExtensions = _NO_EXTENSIONS
    rids: Sequence[Rid] = ()
    producer: Producer | None = None
    slot: ReceiveSlot | None = None

    @property
    def live(self) -> bool:
        return self.offered.live


@dataclass(slots=True)
class Plan:
    offer: Offer
    sections: list[SectionPlan]
    refused: dict[str, str]
    transport: NegotiatedTransport | None
    extensions: Mapping[str, int]
    """URI -> id of what the peer sends, over all m-lines."""
    sctp: SctpParameters | None = None
    """The peer's end of data channels; None: it wants none."""


class LocalStreams:
    """The SSRCs and names under which the server sends to one peer."""

    def __init__(self) -> None:
        self.cname = secrets.token_urlsafe(12)
        self._ssrcs: set[int] = set()

    def identity(self, kind: str, mid: str, *, rtx: bool, one_of_each: bool) -> SlotIdentity:
        """`one_of_each`: the peer has one slot of each kind at most, as players do; they expect one MediaStream."""
        stream = self.cname if one_of_each else f"{self.cname}-{mid}"
        return SlotIdentity(
            ssrc=self._allocate(),
            rtx_ssrc=self._allocate() if rtx else 0,
            cname=self.cname,
            msid=Msid(stream, f"{kind}-{mid}"),
        )

    def _allocate(self) -> int:
        while True:
            ssrc = secrets.randbits(32)
            if ssrc and ssrc not in self._ssrcs:
                self._ssrcs.add(ssrc)
                return ssrc


def check_continuity(before: Sequence[SectionOutline], offer: Offer) -> None:
    """What a later offer must keep of the earlier one (RFC 3264 §8, RFC 9429 §5.2.2). Raises `NegotiationError`."""
    if len(offer.sections) < len(before):
        raise NegotiationError(
            "m_lines_missing",
            f"the offer has {len(offer.sections)} m-lines and the one before had {len(before)}: an m-line is "
            "given up by port 0 and keeps its place",
        )
    index_before = {section.mid: index for index, section in enumerate(before) if section.live}
    for index, section in enumerate(offer.sections):
        if section.live and index_before.get(section.mid, index) != index:
            raise NegotiationError(
                "m_line_moved",
                f"mid '{section.mid}' was m-line {index_before[section.mid]} and is now m-line {index}: m-lines keep "
                "their places",
            )
    for index, (old, new) in enumerate(zip(before, offer.sections, strict=False)):
        if old.live and new.live and old.kind != new.kind:
            raise NegotiationError(
                "m_line_kind_changed",
                f"m-line {index} was {old.kind} and is now {new.kind}: give it up by port 0 first, or add an m-line",
            )


def negotiate_transport(
    before: NegotiatedTransport | None, offered: OfferedTransport | None
) -> NegotiatedTransport | None:
    """Changed remote credentials are an ICE restart (RFC 8839 §4.4.1.1.1): the local ones change too."""
    if offered is None:
        return before
    if before is None:
        role = offered.dtls_role or "server"
        return NegotiatedTransport(offered.credentials, IceCredentials.generate(), offered.fingerprints, role)
    if set(offered.fingerprints) != set(before.fingerprints):
        raise NegotiationError(
            "fingerprint_changed", "the certificate's fingerprint has changed: that takes a new peer connection"
        )
    if offered.dtls_role not in ("", before.dtls_role):
        raise NegotiationError(
            "dtls_role_changed", "'a=setup' asks for the other DTLS role than before: that takes a new peer connection"
        )
    if offered.credentials == before.remote:
        return before
    return NegotiatedTransport(offered.credentials, IceCredentials.generate(), before.fingerprints, before.dtls_role)


def negotiate(
    offer: Offer,
    *,
    before: NegotiatedTransport | None,
    producers: Mapping[str, Producer],
    slots: Mapping[str, ReceiveSlot],
    streams: LocalStreams,
    authorise: Authorise,
    on_producer_closed: Callable[[Producer], None],
) -> Plan:
    """Plan the answer. Producers and slots go on where packets still mean the same; others are planned anew.

    `authorise` is asked about every m-line that begins to send. Raises `NegotiationError`.
    """
    transport = negotiate_transport(before, offer.transport)
    plan = Plan(offer, [], {}, transport, {})
    media: list[SectionPlan] = []
    for offered in offer.sections:
        section = SectionPlan(offered)
        plan.sections.append(section)
        if offered.refusal is not None:
            plan.refused[offered.mid] = offered.refusal
        if not offered.live:
            continue
        if offered.sctp is not None:
            plan.sctp = offered.sctp
            continue
        media.append(section)
        receive = offered.direction.sends
        if receive and offered.mid not in producers:
            refusal = authorise(_offered_track(offered))
            if refusal is not None:
                plan.refused[offered.mid] = refusal
                receive = False
        section.direction = Direction.of(send=offered.direction.receives, recv=receive)
    agreed = negotiate_extensions(tuple((section.offered.facts, section.direction) for section in media))
    plan.extensions = agreed.received
    receiving = Counter(section.offered.kind for section in media if section.direction.sends)
    one_of_each = max(receiving.values(), default=0) <= 1
    for section, section.extensions in zip(media, agreed.sections, strict=True):
        mid = section.offered.mid
        if section.direction.receives:
            parameters, section.rids = _producer_parameters(section)
            existing = producers.get(mid)
            if existing is None or not existing.parameters.same_media(parameters):
                existing = Producer(parameters, section.offered.sent.msid, on_producer_closed)
            section.producer = existing
        if section.direction.sends:
            section.slot = _slot(section, slots.get(mid), streams, one_of_each)
    _check_ssrcs(plan)
    return plan


def _offered_track(offered: OfferedSection) -> OfferedTrack:
    simulcast = offered.facts.simulcast
    rids = tuple(alternatives[0].id for alternatives in simulcast.send) if simulcast is not None else ()
    return OfferedTrack(offered.mid, offered.kind, offered.sent.msid, rids)


def _producer_parameters(section: SectionPlan) -> tuple[ProducerParameters, Sequence[Rid]]:
    offered, received = section.offered, section.extensions.received
    encodings, rids = offered_encodings(offered, rid_negotiated=RID in received)
    transport_cc = TRANSPORT_CC in received and "transport-cc" in offered.codecs.feedback
    return ProducerParameters(offered.kind, offered.mid, offered.codecs, encodings, transport_cc), rids


def _slot(section: SectionPlan, existing: ReceiveSlot | None, streams: LocalStreams, one_of_each: bool) -> ReceiveSlot:
    offered, extensions = section.offered, section.extensions
    parameters = SlotParameters(
        kind=offered.kind,
        mid=offered.mid,
        codecs=offered.codecs,
        extensions=extensions.sent,
        two_byte=offered.facts.takes_two_byte_extensions or extensions.sends_two_byte,
    )
    if existing is not None and existing.parameters.same_media(parameters):
        return existing
    rtx = offered.codecs.has_rtx
    return ReceiveSlot(parameters, streams.identity(offered.kind, offered.mid, rtx=rtx, one_of_each=one_of_each))


def _check_ssrcs(plan: Plan) -> None:
    owners: dict[int, str] = {}
    for section in plan.sections:
        if section.producer is None:
            continue
        for encoding in section.producer.parameters.encodings:
            for ssrc in filter(None, (encoding.ssrc, encoding.rtx_ssrc)):
                owner = owners.setdefault(ssrc, section.offered.mid)
                if owner != section.offered.mid:
                    raise NegotiationError(
                        "ssrc_conflict", f"SSRC {ssrc} is announced by mid '{owner}' and by mid '{section.offered.mid}'"
                    )
