"""An offer as the server reads it: what each m-line wants, and the one transport that all of them share.

Reading refuses what can't be served at all (`NegotiationError`), and says of single m-lines why they can't be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from mediasrv.rtc import sdp_attributes as attributes
from mediasrv.rtc.capabilities import CODEC_NAMES
from mediasrv.rtc.codec_set import CodecSet
from mediasrv.rtc.data_channel import SctpParameters
from mediasrv.rtc.errors import NegotiationError, SdpError
from mediasrv.rtc.ice import IceCredentials
from mediasrv.rtc.offer_text import OfferText, OwnLines, SectionText, read_closely, read_known
from mediasrv.rtc.policy import ANYTHING, MediaPolicy
from mediasrv.rtc.sdp import Direction
from mediasrv.rtc.sdp_attributes import ACCEPTED_HASHES, Fingerprint, Msid, SsrcGroup
from mediasrv.rtc.section_facts import SectionFacts

MAX_MID_BYTES = 32  # of the media plane's tables; clients write a digit or two
MAX_FINGERPRINTS = 4
MAX_CREDENTIAL_CHARACTERS = 256  # RFC 8839 §5.4


class SentStreams(NamedTuple):
    """What an m-line says of the streams that its client sends: RTP's names, and the track's (RFC 5576, RFC 8830)."""

    msid: str = ""
    """As the client names it, "STREAM TRACK"; may be empty."""
    ssrcs: tuple[int, ...] = ()
    groups: tuple[SsrcGroup, ...] = ()


_NO_CODECS = CodecSet()
_NO_STREAMS = SentStreams()


@dataclass(frozen=True, slots=True)
class OfferedSection:
    """One m-line. `mid` is its place in the offer where the m-line has none, `written_mid` then is None."""

    facts: SectionFacts
    mid: str
    written_mid: str | None
    removed: bool
    """Port 0 and not bundled: the peer has given the m-line up (RFC 9429 §5.2.1)."""
    refusal: str | None
    """Why it is answered with port 0."""
    codecs: CodecSet = _NO_CODECS
    sent: SentStreams = _NO_STREAMS
    sctp: SctpParameters | None = None
    """Of an m-line of data channels: the peer's end."""

    @property
    def kind(self) -> str:
        return self.facts.kind

    @property
    def live(self) -> bool:
        """Whether it is negotiated, were it only as inactive."""
        return not self.removed and self.refusal is None

    @property
    def direction(self) -> Direction:
        return self.facts.direction


class SectionOutline(NamedTuple):
    """What is kept of an m-line for the next offer; the parsed lines take some 100 kB of an offer with twenty."""

    mid: str
    kind: str
    live: bool


@dataclass(frozen=True, slots=True)
class OfferedTransport:
    """What the m-lines share. `dtls_role` is ours: `server`, `client`, or empty if the peer leaves it to us."""

    credentials: IceCredentials
    trickle: bool
    fingerprints: tuple[Fingerprint, ...]
    dtls_role: str


@dataclass(frozen=True, slots=True)
class Offer:
    """`bundle` has the mids of the first BUNDLE group; None: there is none. The flags are of the session's part."""

    sections: tuple[OfferedSection, ...]
    transport: OfferedTransport | None
    """None: no m-line is live."""
    bundle: tuple[str, ...] | None
    allows_mixed_extensions: bool
    has_msid_semantic: bool

    @property
    def outline(self) -> tuple[SectionOutline, ...]:
        return tuple(SectionOutline(section.mid, section.kind, section.live) for section in self.sections)

    @classmethod
    def parse(cls, text: str, policy: MediaPolicy = ANYTHING) -> Self:
        """Raises `SdpError` or another `NegotiationError`."""
        known = read_known(text)
        if known is not None:
            try:
                return cls._of(known, policy)
            except SdpError:
                pass  # reading it closely tells in which line
        return cls._of(read_closely(text), policy)

    @classmethod
    def _of(cls, offer: OfferText, policy: MediaPolicy) -> Self:
        bundle = offer.session.bundle
        sections: list[OfferedSection] = []
        seen: dict[str, int] = {}
        for index, text in enumerate(offer.sections):
            written = _mid(text.own)
            mid = written if written is not None else str(index)
            if mid in seen:
                raise SdpError(text.line, f"mid '{mid}' is used by m-lines {seen[mid]} and {index}")
            seen[mid] = index
            section = _section(text, mid, written, bundle, policy)
            if section.sctp is not None and any(other.sctp is not None for other in sections):
                section = replace(section, refusal="there is one m-line for all data channels", sctp=None)
            sections.append(section)
        offered = sum(not section.removed for section in sections)
        if bundle is None and offered > 1:
            raise NegotiationError(
                "bundle_required",
                f"the offer has {offered} m-lines and no 'a=group:BUNDLE': everything goes over one transport, so "
                "offer with bundlePolicy 'max-bundle'",
            )
        return cls(
            tuple(sections),
            _transport(offer, sections, bundle),
            bundle,
            allows_mixed_extensions=offer.session.has("extmap-allow-mixed"),
            has_msid_semantic=offer.session.has("msid-semantic"),
        )


def _mid(own: OwnLines) -> str | None:
    """RFC 5888 §4."""
    for number, text in own.all("mid"):
        return attributes.token(number, "mid", text)
    return None


def _section(
    text: SectionText, mid: str, written_mid: str | None, bundle: tuple[str, ...] | None, policy: MediaPolicy
) -> OfferedSection:
    facts = text.facts
    bundled = bundle is not None and written_mid in bundle
    if text.port == 0 and not bundled and not facts.bundle_only:
        return OfferedSection(facts, mid, written_mid, removed=True, refusal=None)
    refusal = _refusal(facts, mid)
    if refusal is None and bundle is not None and not bundled:
        refusal = f"mid '{mid}' is not in the BUNDLE group, and there is one transport for everything"
    if refusal is not None:
        return OfferedSection(facts, mid, written_mid, removed=False, refusal=refusal)
    if facts.kind == "application":
        return OfferedSection(facts, mid, written_mid, removed=False, refusal=None, sctp=facts.sctp)
    if facts.problem is not None:
        raise facts.problem
    codecs = facts.allowed(policy)
    if not codecs:
        refusal = (
            f"no codec of this m-line is forwarded (offered: {facts.encoding_names or 'none by name'}; forwarded "
            f"{facts.kind}: {', '.join(policy.names(facts.kind))})"
        )
    sent = _sent_streams(text) if facts.direction.sends else _NO_STREAMS
    return OfferedSection(facts, mid, written_mid, removed=False, refusal=refusal, codecs=codecs, sent=sent)


def _sent_streams(text: SectionText) -> SentStreams:
    own = text.own
    ssrcs: dict[int, None] = {}
    of_ssrcs = ""  # as older senders write it
    for number, value in own.all("ssrc"):
        ssrc, name, said = attributes.ssrc(number, value)
        ssrcs[ssrc] = None
        if name == "msid" and not of_ssrcs:
            of_ssrcs = said
    msids = [Msid.parse(number, value) for number, value in own.all("msid")]
    if not msids and of_ssrcs:
        msids = [Msid.parse(text.line, of_ssrcs)]
    groups = tuple(SsrcGroup.parse(number, value) for number, value in own.all("ssrc-group"))
    return SentStreams(str(msids[0]) if msids else "", tuple(ssrcs), groups)


def _refusal(facts: SectionFacts, mid: str) -> str | None:
    if len(mid) > MAX_MID_BYTES and facts.kind in (*CODEC_NAMES, "application"):
        return f"its mid is longer than {MAX_MID_BYTES} characters"
    if facts.kind == "application":
        return _data_channel_refusal(facts)
    if facts.kind not in CODEC_NAMES:
        return f"'{facts.kind}' is neither audio nor video"
    if not facts.protocol.endswith(("/SAVPF", "/SAVP")) and not facts.protocol.startswith("RTP/SAVP"):
        return f"{facts.protocol} is not encrypted: offer UDP/TLS/RTP/SAVPF"
    return None


def _data_channel_refusal(facts: SectionFacts) -> str | None:
    if facts.protocol != "UDP/DTLS/SCTP" or "webrtc-datachannel" not in facts.formats:
        return f"{facts.protocol} {' '.join(facts.formats)[:64]} is not UDP/DTLS/SCTP webrtc-datachannel (RFC 8841)"
    if facts.sctp is None or not 0 < facts.sctp.port < 1 << 16:
        return "its 'a=sctp-port' is missing or no port (RFC 8841 §5)"
    return None


def _transport(
    offer: OfferText, sections: list[OfferedSection], bundle: tuple[str, ...] | None
) -> OfferedTransport | None:
    """RFC 9143 §7.1.3: what concerns the transport may be in the tagged m-line alone, the first of the group."""
    live = [index for index, section in enumerate(sections) if section.live]
    if not live:
        return None
    media = [sections[index].facts for index in live if sections[index].sctp is None]
    if media and not any(facts.rtcp_mux for facts in media):
        raise NegotiationError(
            "rtcp_mux_required", "the offer has no 'a=rtcp-mux': RTP and RTCP share one port here (RFC 5761)"
        )
    by_mid = {section.written_mid: index for index, section in enumerate(sections) if not section.removed}
    tagged = [by_mid[mid] for mid in bundle or () if mid in by_mid] or live[:1]
    lines = [(offer.sections[index].own, offer.own) for index in tagged]
    return OfferedTransport(
        credentials=_credentials(lines),
        trickle=any("trickle" in value.split() for _, value in _inherited(lines, "ice-options")),
        fingerprints=_fingerprints(lines),
        dtls_role=_dtls_role(lines),
    )


_Tagged = list[tuple[OwnLines, OwnLines]]
"""Of each of the m-lines that may speak for the transport: its own lines, and the session's."""


def _inherited(tagged: _Tagged, name: str) -> Iterator[tuple[int, str]]:
    """(line number, value) of the first `a=name` of each m-line: its own, or else the session's."""
    for own, session in tagged:
        lines = own.all(name) or session.all(name)
        if lines:
            yield lines[0]


def _credentials(tagged: _Tagged) -> IceCredentials:
    for lines in tagged:
        (number, ufrag) = next(_inherited([lines], "ice-ufrag"), (0, ""))
        (_, pwd) = next(_inherited([lines], "ice-pwd"), (0, ""))
        if ufrag and pwd:
            if max(len(ufrag), len(pwd)) > MAX_CREDENTIAL_CHARACTERS:
                raise SdpError(number, "the ICE credentials are longer than 256 characters (RFC 8839 §5.4)")
            return IceCredentials(ufrag, pwd)
    raise NegotiationError("ice_required", "the offer has no 'a=ice-ufrag' and 'a=ice-pwd' (RFC 8839 §5.4)")


def _fingerprints(tagged: _Tagged) -> tuple[Fingerprint, ...]:
    known: list[Fingerprint] = []
    for own, session in tagged:
        lines = own.all("fingerprint") or session.all("fingerprint")
        parsed = (Fingerprint.parse(number, value) for number, value in lines)
        if known := [fingerprint for fingerprint in parsed if fingerprint is not None]:
            break
    accepted = tuple(dict.fromkeys(item for item in known if item.algorithm in ACCEPTED_HASHES))
    if accepted:
        return accepted[:MAX_FINGERPRINTS]
    if known:
        raise NegotiationError(
            "fingerprint_unsupported",
            f"the certificate's fingerprint is only there as {known[0].algorithm}: {', '.join(ACCEPTED_HASHES)} are "
            "accepted",
        )
    raise NegotiationError(
        "fingerprint_required", "the offer has no 'a=fingerprint' of a known kind: media is encrypted by DTLS-SRTP"
    )


def _dtls_role(tagged: _Tagged) -> str:
    """RFC 5763 §5; without the attribute the offerer is active (RFC 4145 §4.1)."""
    number, setup = next(_inherited(tagged, "setup"), (0, "active"))
    if setup == "holdconn":
        raise NegotiationError("setup_unsupported", "'a=setup:holdconn' is not supported: offer actpass")
    role = {"actpass": "", "active": "server", "passive": "client"}.get(setup)
    if role is None:
        raise SdpError(number, f"'{setup[:40]}' is no setup role: it is active, passive or actpass")
    return role
