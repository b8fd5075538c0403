"""What a server agreed to: where its media is, and what goes which way."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from mediaplane.loadgen.media import AudioSource, Connection, Source, Stream, VideoSource

from mediasrv.loadtest.errors import RefusedError
from mediasrv.loadtest.offer import PAYLOAD_TYPES, OfferedLine, Sending
from mediasrv.loadtest.scenario import Profile, Scenario
from mediasrv.rtc.capabilities import MID
from mediasrv.rtc.errors import SdpError
from mediasrv.rtc.ice import IceCredentials
from mediasrv.rtc.sdp import MediaDescription, SessionDescription
from mediasrv.rtc.sdp_attributes import Candidate


@dataclass(frozen=True, slots=True)
class SentLine:
    """An m-line that the server receives: (rid, SSRC, bit/s) for each encoding that it accepted."""

    mid: str
    sending: Sending
    extensions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Negotiated:
    """One peer connection."""

    connection: Connection
    sent: list[SentLine] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)

    def sources(self, scenario: Scenario) -> list[Source]:
        """What the synthetic peer shall send."""
        found: list[Source] = []
        for line in self.sent:
            payload_type = PAYLOAD_TYPES[line.sending.kind]
            for rid, ssrc, bitrate_bps in line.sending.encodings:
                if line.sending.kind == "audio":
                    found.append(AudioSource(ssrc, payload_type, line.mid, line.extensions))
                else:
                    found.append(
                        VideoSource(
                            ssrc,
                            payload_type,
                            line.mid,
                            bitrate_bps,
                            line.extensions,
                            fps=scenario.fps,
                            pacing=scenario.pacing,
                            packets=scenario.packets,
                            rid=rid,
                        )
                    )
        return found


def read_answer(
    text: str,
    lines: Sequence[OfferedLine],
    credentials: IceCredentials,
    profile: Profile | None,
    host: str = "",
) -> Negotiated:
    """`lines` are the offer's; of several candidates one at `host` is preferred. Raises `RefusedError`."""
    try:
        return _read(SessionDescription.parse(text), lines, credentials, profile, host)
    except SdpError as error:
        raise RefusedError(f"the server's answer cannot be read: {error.message}") from None


def _read(
    answer: SessionDescription,
    lines: Sequence[OfferedLine],
    credentials: IceCredentials,
    profile: Profile | None,
    host: str,
) -> Negotiated:
    if len(answer.media) != len(lines):
        raise RefusedError(f"the offer has {len(lines)} m-lines and the server's answer {len(answer.media)}")
    live = [(line, media) for line, media in zip(lines, answer.media, strict=True) if media.port]
    for line, media in zip(lines, answer.media, strict=True):
        if isinstance(line, Sending) and not (media.port and media.direction.receives):
            raise RefusedError(f"the server does not take the publisher's {line.kind}: its answer rejects that m-line")
    if not live:
        raise RefusedError("the server's answer rejects every m-line")
    negotiated = Negotiated(_connection([media for _, media in live], credentials, profile, host))
    for line, media in live:
        if isinstance(line, Sending):
            extensions = {extension.uri: extension.id for extension in media.extmaps}
            negotiated.sent.append(SentLine(media.mid or "", _accepted(line, media), extensions))
        elif media.direction.sends:
            negotiated.streams.append(_stream(line, media))
    return negotiated


def _connection(
    live: Sequence[MediaDescription], credentials: IceCredentials, profile: Profile | None, host: str
) -> Connection:
    first = next((media for media in live if media.candidates), None)
    if first is None:
        raise RefusedError(
            "the server's answer has no ICE candidate; one that tells them later (trickle) cannot be loaded"
        )
    candidate = _best([candidate for media in live for candidate in media.candidates], host)
    if not (first.ice_ufrag and first.ice_pwd and first.fingerprints):
        raise RefusedError("the server's answer lacks ICE credentials or a fingerprint")
    return Connection(
        address=candidate.address,
        port=candidate.port,
        local_ufrag=credentials.ufrag,
        local_pwd=credentials.pwd,
        remote_ufrag=first.ice_ufrag,
        remote_pwd=first.ice_pwd,
        fingerprints=[(fingerprint.algorithm, fingerprint.digest) for fingerprint in first.fingerprints][:4],
        dtls_role="server" if first.setup == "active" else "client",
        srtp_profile=profile,
    )


def _best(candidates: Sequence[Candidate], host: str) -> Candidate:
    """A synthetic peer has one socket, connected to one address: most likely that of signaling, else IPv4."""
    usable = [candidate for candidate in candidates if candidate.protocol == "udp" and _version(candidate)]
    if not usable:
        raise RefusedError("the server's answer has no UDP candidate with an IP address")
    return max(usable, key=lambda each: (each.address == host, _version(each) == 4, each.type == "host", each.priority))


def _version(candidate: Candidate) -> int:
    """4 or 6; 0: a host name."""
    try:
        return ipaddress.ip_address(candidate.address).version
    except ValueError:
        return 0


def _accepted(line: Sending, media: MediaDescription) -> Sending:
    """Without simulcast in the answer the m-line is one stream (RFC 8853 §5.3.2): the highest encoding."""
    if not line.is_simulcast:
        return line
    wanted = {rid.id for rid in media.rids.values() if rid.direction == "recv"}
    kept = tuple(encoding for encoding in line.encodings if encoding[0] in wanted)
    if not kept:
        _, ssrc, bitrate_bps = line.encodings[-1]
        return Sending(line.kind, (("", ssrc, bitrate_bps),))
    return Sending(line.kind, kept)


def _stream(line: OfferedLine, media: MediaDescription) -> Stream:
    repairs = {group.ssrcs[1] for group in media.ssrc_groups if group.semantics == "FID" and len(group.ssrcs) == 2}
    ssrc = next((ssrc for ssrc in media.ssrcs if ssrc not in repairs), 0)
    mid_id = next((extension.id for extension in media.extmaps if extension.uri == MID), 0)
    return Stream(line.kind, ssrc, PAYLOAD_TYPES[line.kind], media.mid or "", mid_id)
