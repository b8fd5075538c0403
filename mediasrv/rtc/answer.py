"""The answer's text (RFC 9429 §5.3), made from a plan."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from mediasrv.rtc.capabilities import TRANSPORT_CC
from mediasrv.rtc.data_channel import DEFAULT_SCTP_PORT, LOCAL_MAX_MESSAGE_SIZE
from mediasrv.rtc.negotiation import NegotiatedTransport, Plan, SectionPlan
from mediasrv.rtc.policy import ANYTHING, MediaPolicy
from mediasrv.rtc.producer import Producer
from mediasrv.rtc.receive_slot import ReceiveSlot, SlotIdentity
from mediasrv.rtc.sdp import Direction
from mediasrv.rtc.sdp_attributes import Candidate, Fingerprint


@dataclass(frozen=True, slots=True)
class Answer:
    """What an offer led to. `refused`: why m-lines were not accepted, by mid."""

    sdp: str
    added: list[Producer] = field(default_factory=list)
    removed: list[Producer] = field(default_factory=list)
    added_slots: list[ReceiveSlot] = field(default_factory=list)
    removed_slots: list[ReceiveSlot] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


class LocalAddresses:
    """The server's addresses for the peers of one worker, the most preferred first. What answers say of them is put
    together once."""

    def __init__(self, candidates: Sequence[Candidate], fingerprint: Fingerprint) -> None:
        self.candidates = tuple(candidates)
        self.fingerprint_line = f"a=fingerprint:{fingerprint}\r\n"
        self.candidate_lines = (
            "".join(f"a=candidate:{candidate}\r\n" for candidate in candidates) + "a=end-of-candidates\r\n"
        )
        address, self.port = _default_destination(candidates)
        self.connection_line = f"c={address}\r\n"


@dataclass(frozen=True, slots=True)
class LocalDescription:
    """What every answer of a peer connection repeats. `session` is the numeric id of the `o=` line."""

    session: int
    addresses: LocalAddresses


def write_answer(plan: Plan, local: LocalDescription, version: int, policy: MediaPolicy = ANYTHING) -> str:
    """`version` counts the answers (RFC 8866 §5.2)."""
    bundled = bundled_mids(plan)
    parts = [
        f"v=0\r\no=- {local.session} {version} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
        f"a=group:BUNDLE {' '.join(bundled)}\r\n" if bundled else "",
        "a=ice-lite\r\n",
        "a=extmap-allow-mixed\r\n" if plan.offer.allows_mixed_extensions else "",
        "a=msid-semantic: WMS *\r\n" if plan.offer.has_msid_semantic else "",
    ]
    addresses = local.addresses
    transport = _transport_lines(plan.transport, addresses, trickle=_trickles(plan)) if plan.transport else ""
    tagged = tagged_section(plan)
    for section in plan.sections:
        if not section.live or plan.transport is None or plan.offer.transport is None:
            parts.append(_rejected(section))
            continue
        if section.offered.sctp is not None:
            parts += _data_channel_lines(section, addresses), transport
        else:
            parts += _media_lines(section, addresses, policy), transport, "a=rtcp-mux\r\n", _rtp_lines(section)
        if section.slot is not None:
            parts.append(_sent_stream_lines(section.slot.identity))
        if section is tagged:
            parts.append(addresses.candidate_lines)
    return "".join(parts)


def bundled_mids(plan: Plan) -> list[str]:
    """The answer's BUNDLE group: the accepted m-lines of the offer's, in its order (RFC 9143 §7.3)."""
    live = {section.offered.mid for section in plan.sections if section.live}
    return [mid for mid in plan.offer.bundle or () if mid in live]


def tagged_section(plan: Plan) -> SectionPlan | None:
    """The m-line that stands for the transport: the first of the group, else the first that is live."""
    live = [section for section in plan.sections if section.live]
    first = bundled_mids(plan)[:1]
    return next((section for section in live if not first or section.offered.mid == first[0]), None)


def _trickles(plan: Plan) -> bool:
    return plan.offer.transport is not None and plan.offer.transport.trickle


def _mid_line(section: SectionPlan) -> str:
    mid = section.offered.written_mid
    return f"a=mid:{mid}\r\n" if mid is not None else ""


def _rejected(section: SectionPlan) -> str:
    facts = section.offered.facts
    first = f"m={facts.kind} 0 {facts.protocol} {' '.join(facts.formats)}\r\n"
    return f"{first}c=IN IP4 0.0.0.0\r\n{_mid_line(section)}a=inactive\r\n"


def _media_lines(section: SectionPlan, addresses: LocalAddresses, policy: MediaPolicy) -> str:
    """The m-line, with the first candidate as default destination (RFC 8839 §4.2.1.2)."""
    offered = section.offered
    bitrate = ""
    if section.direction.receives and policy.track_bitrate_bps is not None:
        # TIAS (RFC 3890) is what is meant; AS (RFC 8866 §5.8) says about the same to clients that do not read it.
        bitrate = f"b=AS:{-(-policy.track_bitrate_bps // 1000)}\r\nb=TIAS:{policy.track_bitrate_bps}\r\n"
    first = f"m={offered.kind} {addresses.port} {offered.facts.protocol} {offered.codecs.formats}\r\n"
    return f"{first}{addresses.connection_line}{bitrate}{_mid_line(section)}a={section.direction.word}\r\n"


def _data_channel_lines(section: SectionPlan, addresses: LocalAddresses) -> str:
    """RFC 8841 §12. The m-line has no direction: channels go both ways."""
    facts = section.offered.facts
    return (
        f"m={facts.kind} {addresses.port} {facts.protocol} {' '.join(facts.formats)}\r\n{addresses.connection_line}"
        f"{_mid_line(section)}a=sctp-port:{DEFAULT_SCTP_PORT}\r\na=max-message-size:{LOCAL_MAX_MESSAGE_SIZE}\r\n"
    )


def _transport_lines(transport: NegotiatedTransport, addresses: LocalAddresses, *, trickle: bool) -> str:
    return (
        f"a=ice-ufrag:{transport.local.ufrag}\r\na=ice-pwd:{transport.local.pwd}\r\n"
        f"a=ice-options:{'ice2 trickle' if trickle else 'ice2'}\r\n{addresses.fingerprint_line}"
        f"a=setup:{'passive' if transport.dtls_role == 'server' else 'active'}\r\n"
    )


def _rtp_lines(section: SectionPlan) -> str:
    codecs, extensions = section.offered.codecs, section.extensions
    transport_cc = section.direction is not Direction.SENDONLY and TRANSPORT_CC in extensions.received
    simulcast = ""
    if section.rids:
        rids = [f"a=rid:{rid.id} {rid.direction} {rid.restrictions}".rstrip() + "\r\n" for rid in section.rids]
        simulcast = f"{''.join(rids)}a=simulcast:recv {';'.join(rid.id for rid in section.rids)}\r\n"
    codec_lines = codecs.lines if transport_cc else codecs.lines_without_transport_cc
    return f"{section.offered.facts.answer_flags}{extensions.lines}{codec_lines}{simulcast}"


def _sent_stream_lines(identity: SlotIdentity) -> str:
    """Both `a=msid` and `a=ssrc`: without SSRCs or MID in packets, Chromium drops the media without a word."""
    ssrcs, group = [identity.ssrc], ""
    if identity.rtx_ssrc:
        ssrcs.append(identity.rtx_ssrc)
        group = f"a=ssrc-group:FID {identity.ssrc} {identity.rtx_ssrc}\r\n"
    cname, msid = identity.cname, str(identity.msid)
    named = [f"a=ssrc:{ssrc} cname:{cname}\r\na=ssrc:{ssrc} msid:{msid}\r\n" for ssrc in ssrcs]
    return f"a=msid:{msid}\r\n{group}{''.join(named)}"


def _default_destination(candidates: Sequence[Candidate]) -> tuple[str, int]:
    for candidate in candidates:
        if candidate.protocol == "udp":
            try:
                family = ipaddress.ip_address(candidate.address).version
            except ValueError:
                continue  # a host name is no connection address that every client takes
            return f"IN IP{family} {candidate.address}", candidate.port
    return "IN IP4 0.0.0.0", 9
