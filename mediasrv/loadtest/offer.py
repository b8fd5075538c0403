"""The offers of synthetic peers: what a browser would offer, and no larger than it needs to be."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mediasrv.loadtest.scenario import Kind, Scenario
from mediasrv.rtc.capabilities import AUDIO_LEVEL, MID, RID, TRANSPORT_CC
from mediasrv.rtc.certificate import Certificate
from mediasrv.rtc.ice import IceCredentials
from mediasrv.rtc.sdp import SessionDescription

AUDIO_PAYLOAD_TYPE = 111
VIDEO_PAYLOAD_TYPE = 96
RTX_PAYLOAD_TYPE = 97
PAYLOAD_TYPES: dict[Kind, int] = {"audio": AUDIO_PAYLOAD_TYPE, "video": VIDEO_PAYLOAD_TYPE}
EXTENSIONS: dict[Kind, dict[str, int]] = {
    "audio": {MID: 1, AUDIO_LEVEL: 2, TRANSPORT_CC: 3},
    "video": {MID: 1, TRANSPORT_CC: 3},
}
_RID_ID = 4
_FORMATS: dict[Kind, Sequence[str]] = {
    "audio": (f"rtpmap:{AUDIO_PAYLOAD_TYPE} opus/48000/2", f"fmtp:{AUDIO_PAYLOAD_TYPE} minptime=10;useinbandfec=1"),
    "video": (
        f"rtpmap:{VIDEO_PAYLOAD_TYPE} VP8/90000",
        f"rtcp-fb:{VIDEO_PAYLOAD_TYPE} nack",
        f"rtcp-fb:{VIDEO_PAYLOAD_TYPE} nack pli",
        f"rtcp-fb:{VIDEO_PAYLOAD_TYPE} transport-cc",
        f"rtpmap:{RTX_PAYLOAD_TYPE} rtx/90000",
        f"fmtp:{RTX_PAYLOAD_TYPE} apt={VIDEO_PAYLOAD_TYPE}",
    ),
}


@dataclass(frozen=True, slots=True)
class Sending:
    """What an m-line sends: (rid, SSRC, bit/s) for each encoding, lowest first. A rid is empty without simulcast."""

    kind: Kind
    encodings: tuple[tuple[str, int, int], ...]

    @property
    def is_simulcast(self) -> bool:
        return len(self.encodings) > 1


@dataclass(frozen=True, slots=True)
class Receiving:
    """An m-line that takes what the server sends."""

    kind: Kind


OfferedLine = Sending | Receiving


def sendings(scenario: Scenario) -> list[Sending]:
    """The m-lines of a publisher, with SSRCs of their own."""
    audio = (("", 0),)
    return [
        Sending(
            kind,
            tuple(
                (rid, secrets.randbits(31) | 1, bps) for rid, bps in (scenario.encodings if kind == "video" else audio)
            ),
        )
        for kind in scenario.kinds
    ]


def receivings(kinds: Iterable[Kind], count: int) -> list[Receiving]:
    """The m-lines of somebody who receives `count` publishers."""
    return [Receiving(kind) for kind in kinds] * count


def write_offer(lines: Sequence[OfferedLine], credentials: IceCredentials, certificate: Certificate) -> str:
    """One peer connection with an m-line for each of `lines`; its mid is its number."""
    offer = SessionDescription()
    offer.add("v", "0")
    offer.add("o", f"- {secrets.randbits(62)} 1 IN IP4 127.0.0.1")
    offer.add("s", "-")
    offer.add("t", "0 0")
    offer.add("a", f"group:BUNDLE {' '.join(map(str, range(len(lines))))}")
    for mid, line in enumerate(lines):
        formats = [text.split(":")[1].split()[0] for text in _FORMATS[line.kind] if text.startswith("rtpmap")]
        media = offer.begin_media(line.kind, 9, "UDP/TLS/RTP/SAVPF", formats)
        media.add("c", "IN IP4 0.0.0.0")
        for attribute in _attributes(str(mid), line, credentials, certificate):
            media.add("a", attribute)
    return str(offer)


def _attributes(mid: str, line: OfferedLine, credentials: IceCredentials, certificate: Certificate) -> Iterator[str]:
    simulcast = isinstance(line, Sending) and line.is_simulcast
    yield f"mid:{mid}"
    yield "sendonly" if isinstance(line, Sending) else "recvonly"
    yield f"ice-ufrag:{credentials.ufrag}"
    yield f"ice-pwd:{credentials.pwd}"
    yield f"fingerprint:{certificate.fingerprint}"
    yield "setup:actpass"
    yield "rtcp-mux"
    yield "rtcp-rsize"
    for uri, number in EXTENSIONS[line.kind].items():
        yield f"extmap:{number} {uri}"
    if simulcast:
        yield f"extmap:{_RID_ID} {RID}"
    yield from _FORMATS[line.kind]
    if not isinstance(line, Sending):
        return
    yield f"msid:load {line.kind}-{mid}"
    if simulcast:
        # SSRCs of streams with a rid are not signalled (RFC 8853 §5.2).
        for rid, _, _ in line.encodings:
            yield f"rid:{rid} send"
        yield f"simulcast:send {';'.join(rid for rid, _, _ in line.encodings)}"
    else:
        yield f"ssrc:{line.encodings[0][1]} cname:load"
