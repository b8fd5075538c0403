"""An offer as the server reads it: what each m-line wants, and the one transport that all of them share.

Reading refuses what can't be served at all (`NegotiationError`), and says of single m-lines why they can't be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from mediasrv.rtc.capabilities import CODEC_NAMES, Codec, shared_codecs
from mediasrv.rtc.data_channel import LOCAL_MAX_MESSAGE_SIZE, SctpParameters
from mediasrv.rtc.errors import NegotiationError, SdpError
from mediasrv.rtc.ice import IceCredentials
from mediasrv.rtc.policy import ANYTHING, MediaPolicy
from mediasrv.rtc.sdp import Direction, MediaDescription, SessionDescription
from mediasrv.rtc.sdp_attributes import ACCEPTED_HASHES, Fingerprint

MAX_MID_BYTES = 32  # of the media plane's tables; clients write a digit or two
MAX_FINGERPRINTS = 4
MAX_CREDENTIAL_CHARACTERS = 256  # RFC 8839 §5.4


@dataclass(frozen=True, slots=True)
class OfferedSection:
    """One m-line. `mid` is its place in the offer where the m-line has none."""

    media: MediaDescription
    mid: str
    removed: bool
    """Port 0 and not bundled: the peer has given the m-line up (RFC 9429 §5.2.1)."""
    refusal: str | None
    """Why it is answered with port 0."""
    codecs: tuple[Codec, ...] = ()
    sctp: SctpParameters | None = None
    """Of an m-line of data channels: the peer's end."""

    @property
    def kind(self) -> str:
        return self.media.kind

    @property
    def live(self) -> bool:
        """Whether it is negotiated, were it only as inactive."""
        return not self.removed and self.refusal is None

    @property
    def direction(self) -> Direction:
        return self.media.direction


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
    description: SessionDescription
    sections: tuple[OfferedSection, ...]
    transport: OfferedTransport | None
    """None: no m-line is live."""

    @property
    def outline(self) -> tuple[SectionOutline, ...]:
        return tuple(SectionOutline(section.mid, section.kind, section.live) for section in self.sections)

    @classmethod
    def parse(cls, text: str, policy: MediaPolicy = ANYTHING) -> Self:
        """Raises `SdpError` or another `NegotiationError`."""
        description = SessionDescription.parse(text)
        bundle = description.bundle
        sections: list[OfferedSection] = []
        seen: dict[str, int] = {}
        for index, media in enumerate(description.media):
            mid = media.mid if media.mid is not None else str(index)
            if mid in seen:
                raise SdpError(media.line_number, f"mid '{mid}' is used by m-lines {seen[mid]} and {index}")
            seen[mid] = index
            section = _section(media, mid, bundle, policy)
            if section.sctp is not None and any(other.sctp is not None for other in sections):
                section = replace(section, refusal="there is one m-line for all data channels", sctp=None)
            sections.append(section)
        offered = [section for section in sections if not section.removed]
        if len(offered) > 1 and bundle is None:
            raise NegotiationError(
                "bundle_required",
                f"the offer has {len(offered)} m-lines and no 'a=group:BUNDLE': everything goes over one transport, so "
                "offer with bundlePolicy 'max-bundle'",
            )
        return cls(description, tuple(sections), _transport(sections, bundle))


def _section(media: MediaDescription, mid: str, bundle: tuple[str, ...] | None, policy: MediaPolicy) -> OfferedSection:
    bundled = bundle is not None and media.mid in bundle
    if media.port == 0 and not bundled and not media.has("bundle-only"):
        return OfferedSection(media, mid, removed=True, refusal=None)
    refusal = _refusal(media, mid)
    if refusal is None and bundle is not None and not bundled:
        refusal = f"mid '{mid}' is not in the BUNDLE group, and there is one transport for everything"
    if refusal is not None:
        return OfferedSection(media, mid, removed=False, refusal=refusal)
    if media.kind == "application":
        return OfferedSection(media, mid, removed=False, refusal=None, sctp=_sctp(media))
    codecs = tuple(policy.allowed(media.kind, shared_codecs(media)))
    if not codecs:
        offered = ", ".join(dict.fromkeys(rtpmap.encoding for rtpmap in media.rtpmaps.values()))
        refusal = (
            f"no codec of this m-line is forwarded (offered: {offered or 'none by name'}; forwarded {media.kind}: "
            f"{', '.join(policy.names(media.kind))})"
        )
    return OfferedSection(media, mid, removed=False, refusal=refusal, codecs=codecs)


def _refusal(media: MediaDescription, mid: str) -> str | None:
    if media.kind == "application":
        return _data_channel_refusal(media, mid)
    if media.kind not in CODEC_NAMES:
        return f"'{media.kind}' is neither audio nor video"
    if not media.protocol.endswith(("/SAVPF", "/SAVP")) and not media.protocol.startswith("RTP/SAVP"):
        return f"{media.protocol} is not encrypted: offer UDP/TLS/RTP/SAVPF"
    if len(mid) > MAX_MID_BYTES:
        return f"its mid is longer than {MAX_MID_BYTES} characters"
    return None


def _data_channel_refusal(media: MediaDescription, mid: str) -> str | None:
    if media.protocol != "UDP/DTLS/SCTP" or "webrtc-datachannel" not in media.formats:
        return f"{media.protocol} {' '.join(media.formats)[:64]} is not UDP/DTLS/SCTP webrtc-datachannel (RFC 8841)"
    if len(mid) > MAX_MID_BYTES:
        return f"its mid is longer than {MAX_MID_BYTES} characters"
    sctp = _sctp(media)
    if sctp is None or not 0 < sctp.port < 1 << 16:
        return "its 'a=sctp-port' is missing or no port (RFC 8841 §5)"
    return None


def _sctp(media: MediaDescription) -> SctpParameters | None:
    """None: there is no valid port. Without a size the peer takes 64 kB (RFC 8841 §6)."""
    port, size = media.value("sctp-port"), media.value("max-message-size")
    if port is None or not port.isdecimal():
        return None
    return SctpParameters(int(port), int(size) if size is not None and size.isdecimal() else LOCAL_MAX_MESSAGE_SIZE)


def _transport(sections: list[OfferedSection], bundle: tuple[str, ...] | None) -> OfferedTransport | None:
    """RFC 9143 §7.1.3: what concerns the transport may be in the tagged m-line alone, the first of the group."""
    live = [section for section in sections if section.live]
    if not live:
        return None
    media = [section for section in live if section.sctp is None]
    if media and not any(section.media.has("rtcp-mux") for section in media):
        raise NegotiationError(
            "rtcp_mux_required", "the offer has no 'a=rtcp-mux': RTP and RTCP share one port here (RFC 5761)"
        )
    by_mid = {section.media.mid: section.media for section in sections if not section.removed}
    tagged = [by_mid[mid] for mid in bundle or () if mid in by_mid] or [live[0].media]
    return OfferedTransport(
        credentials=_credentials(tagged),
        trickle=any("trickle" in media.ice_options for media in tagged),
        fingerprints=_fingerprints(tagged),
        dtls_role=_dtls_role(tagged),
    )


def _credentials(tagged: list[MediaDescription]) -> IceCredentials:
    for media in tagged:
        ufrag, pwd = media.ice_ufrag, media.ice_pwd
        if ufrag and pwd:
            if max(len(ufrag), len(pwd)) > MAX_CREDENTIAL_CHARACTERS:
                raise SdpError(media.line_number, "the ICE credentials are longer than 256 characters (RFC 8839 §5.4)")
            return IceCredentials(ufrag, pwd)
    raise NegotiationError("ice_required", "the offer has no 'a=ice-ufrag' and 'a=ice-pwd' (RFC 8839 §5.4)")


def _fingerprints(tagged: list[MediaDescription]) -> tuple[Fingerprint, ...]:
    known = next((found for media in tagged if (found := media.fingerprints)), [])
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


def _dtls_role(tagged: list[MediaDescription]) -> str:
    """RFC 5763 §5; without the attribute the offerer is active (RFC 4145 §4.1)."""
    setup = next((found for media in tagged if (found := media.setup)), "active")
    if setup == "holdconn":
        raise NegotiationError("setup_unsupported", "'a=setup:holdconn' is not supported: offer actpass")
    return {"actpass": "", "active": "server", "passive": "client"}[setup]
