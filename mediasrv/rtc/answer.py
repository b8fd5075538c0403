"""The answer's text (RFC 9429 §5.3), made from a plan."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from mediasrv.rtc.capabilities import TRANSPORT_CC, Codec
from mediasrv.rtc.data_channel import DEFAULT_SCTP_PORT, LOCAL_MAX_MESSAGE_SIZE
from mediasrv.rtc.ice import IceCredentials
from mediasrv.rtc.negotiation import NegotiatedTransport, Plan, SectionPlan
from mediasrv.rtc.policy import ANYTHING, MediaPolicy
from mediasrv.rtc.producer import Producer
from mediasrv.rtc.receive_slot import ReceiveSlot, SlotIdentity
from mediasrv.rtc.sdp import Direction, Line, MediaDescription, SessionDescription
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


@dataclass(frozen=True, slots=True)
class LocalDescription:
    """What every answer of a peer connection repeats. `session` is the numeric id of the `o=` line."""

    session: int
    candidates: Sequence[Candidate]
    fingerprint: Fingerprint


def write_answer(
    plan: Plan, local: LocalDescription, version: int, policy: MediaPolicy = ANYTHING
) -> SessionDescription:
    """`version` counts the answers (RFC 8866 §5.2)."""
    offered = plan.offer.description
    answer = SessionDescription()
    answer.add("v", "0")
    answer.add("o", f"- {local.session} {version} IN IP4 127.0.0.1")
    answer.add("s", "-")
    answer.add("t", "0 0")
    bundled = bundled_mids(plan)
    if bundled:
        answer.add("a", f"group:BUNDLE {' '.join(bundled)}")
    answer.add("a", "ice-lite")
    if offered.has("extmap-allow-mixed"):
        answer.add("a", "extmap-allow-mixed")
    if offered.has("msid-semantic"):
        answer.add("a", "msid-semantic: WMS *")
    tagged = tagged_section(plan)
    for section in plan.sections:
        if not section.live or plan.transport is None or plan.offer.transport is None:
            _write_rejected(answer, section)
            continue
        trickle = plan.offer.transport.trickle
        if section.offered.sctp is not None:
            media = _write_data_channels(answer, section, local)
            _write_transport(media, plan.transport, local, trickle=trickle)
        else:
            media = _write_media(answer, section, local, policy)
            _write_transport(media, plan.transport, local, trickle=trickle)
            media.add("a", "rtcp-mux")
            _write_rtp(media, section)
        if section.slot is not None:
            _write_sent_stream(media, section.slot.identity)
        if section is tagged:
            write_candidates(media, local.candidates)
    return answer


def bundled_mids(plan: Plan) -> list[str]:
    """The answer's BUNDLE group: the accepted m-lines of the offer's, in its order (RFC 9143 §7.3)."""
    live = {section.offered.mid for section in plan.sections if section.live}
    return [mid for mid in plan.offer.description.bundle or () if mid in live]


def tagged_section(plan: Plan) -> SectionPlan | None:
    """The m-line that stands for the transport: the first of the group, else the first that is live."""
    live = [section for section in plan.sections if section.live]
    first = bundled_mids(plan)[:1]
    return next((section for section in live if not first or section.offered.mid == first[0]), None)


def write_candidates(media: MediaDescription, candidates: Sequence[Candidate]) -> None:
    for candidate in candidates:
        media.add("a", f"candidate:{candidate}")
    media.add("a", "end-of-candidates")


def _write_rejected(answer: SessionDescription, section: SectionPlan) -> None:
    offered = section.offered.media
    media = answer.begin_media(offered.kind, 0, offered.protocol, offered.formats)
    media.add("c", "IN IP4 0.0.0.0")
    if offered.mid is not None:
        media.add("a", f"mid:{offered.mid}")
    media.add("a", "inactive")


def _write_media(
    answer: SessionDescription, section: SectionPlan, local: LocalDescription, policy: MediaPolicy
) -> MediaDescription:
    """The m-line, with the first candidate as default destination (RFC 8839 §4.2.1.2)."""
    offered = section.offered
    accepted = {str(codec.payload_type) for codec in offered.codecs}
    accepted |= {str(codec.rtx_payload_type) for codec in offered.codecs if codec.rtx_payload_type}
    address, port = _default_destination(local.candidates)
    formats = [format_ for format_ in dict.fromkeys(offered.media.formats) if format_ in accepted]
    media = answer.begin_media(offered.kind, port, offered.media.protocol, formats)
    media.add("c", address)
    if section.direction.receives and policy.track_bitrate_bps is not None:
        # TIAS (RFC 3890) is what is meant; AS (RFC 8866 §5.8) says about the same to clients that do not read it.
        media.add("b", f"AS:{-(-policy.track_bitrate_bps // 1000)}")
        media.add("b", f"TIAS:{policy.track_bitrate_bps}")
    if offered.media.mid is not None:
        media.add("a", f"mid:{offered.media.mid}")
    media.add("a", section.direction.word)
    return media


def _write_data_channels(answer: SessionDescription, section: SectionPlan, local: LocalDescription) -> MediaDescription:
    """RFC 8841 §12. The m-line has no direction: channels go both ways."""
    offered = section.offered.media
    address, port = _default_destination(local.candidates)
    media = answer.begin_media(offered.kind, port, offered.protocol, offered.formats)
    media.add("c", address)
    if offered.mid is not None:
        media.add("a", f"mid:{offered.mid}")
    media.add("a", f"sctp-port:{DEFAULT_SCTP_PORT}")
    media.add("a", f"max-message-size:{LOCAL_MAX_MESSAGE_SIZE}")
    return media


def _default_destination(candidates: Sequence[Candidate]) -> tuple[str, int]:
    for candidate in candidates:
        if candidate.protocol == "udp":
            family = _family(candidate.address)
            if family is None:
                continue  # a host name is no connection address that every client takes
            return f"IN IP{family} {candidate.address}", candidate.port
    return "IN IP4 0.0.0.0", 9


@lru_cache(maxsize=64)
def _family(address: str) -> int | None:
    """4 or 6, of one of the server's addresses; None for a host name."""
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None


def _write_transport(
    media: MediaDescription, transport: NegotiatedTransport, local: LocalDescription, *, trickle: bool
) -> None:
    write_credentials(media, transport.local)
    media.add("a", "ice-options:" + ("ice2 trickle" if trickle else "ice2"))
    media.add("a", f"fingerprint:{local.fingerprint}")
    media.add("a", "setup:" + ("passive" if transport.dtls_role == "server" else "active"))


def write_credentials(media: MediaDescription, credentials: IceCredentials) -> None:
    media.add("a", f"ice-ufrag:{credentials.ufrag}")
    media.add("a", f"ice-pwd:{credentials.pwd}")


def _write_rtp(media: MediaDescription, section: SectionPlan) -> None:
    offered = section.offered
    if offered.media.has("rtcp-rsize"):
        media.add("a", "rtcp-rsize")
    if offered.media.has("extmap-allow-mixed"):
        media.add("a", "extmap-allow-mixed")
    for extension in section.extensions.lines:
        direction = f"/{extension.direction}" if extension.direction else ""
        media.add("a", f"extmap:{extension.id}{direction} {extension.uri}")
    transport_cc = section.direction is not Direction.SENDONLY and TRANSPORT_CC in section.extensions.received
    media.extend(_codec_lines(offered.codecs, transport_cc))
    for rid in section.rids:
        media.add("a", f"rid:{rid.id} {rid.direction} {rid.restrictions}".rstrip())
    if section.rids:
        media.add("a", f"simulcast:recv {';'.join(rid.id for rid in section.rids)}")


@lru_cache(maxsize=64)
def _codec_lines(codecs: tuple[Codec, ...], transport_cc: bool) -> tuple[Line, ...]:
    """The attributes that say what these codecs are. Clients of one kind all offer the same ones."""
    lines = []
    for codec in codecs:
        number, rtpmap = codec.payload_type, codec.rtpmap
        channels = f"/{rtpmap.channels}" if rtpmap.channels > 1 else ""
        lines.append(f"rtpmap:{number} {rtpmap.encoding}/{rtpmap.clock_rate}{channels}")
        for kind in sorted(codec.feedback):
            if kind != "transport-cc" or transport_cc:
                lines.append(f"rtcp-fb:{number} {kind}")
        if codec.parameters:
            lines.append(
                f"fmtp:{number} " + ";".join(f"{name}={value}" if value else name for name, value in codec.parameters)
            )
        if codec.rtx_payload_type:
            lines.append(f"rtpmap:{codec.rtx_payload_type} rtx/{rtpmap.clock_rate}")
            lines.append(f"fmtp:{codec.rtx_payload_type} apt={number}")
    return tuple(Line("a", value) for value in lines)


def _write_sent_stream(media: MediaDescription, identity: SlotIdentity) -> None:
    """Both `a=msid` and `a=ssrc`: without SSRCs or MID in packets, Chromium drops the media without a word."""
    media.add("a", f"msid:{identity.msid}")
    ssrcs = [identity.ssrc]
    if identity.rtx_ssrc:
        ssrcs.append(identity.rtx_ssrc)
        media.add("a", f"ssrc-group:FID {identity.ssrc} {identity.rtx_ssrc}")
    for ssrc in ssrcs:
        media.add("a", f"ssrc:{ssrc} cname:{identity.cname}")
        media.add("a", f"ssrc:{ssrc} msid:{identity.msid}")
