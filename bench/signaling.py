"""How synthetic peers get into a server: WHIP and WHEP, with offers that are no larger than they need to be."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import aiohttp
from mediaplane.loadgen.media import Connection, Stream

from mediasrv.rtc.capabilities import AUDIO_LEVEL, MID, TRANSPORT_CC
from mediasrv.rtc.certificate import Certificate
from mediasrv.rtc.sdp import MediaDescription, SessionDescription

Kind = Literal["audio", "video"]
Profile = Literal["gcm-128", "gcm-256", "cm-sha1"]

AUDIO_PAYLOAD_TYPE = 111
VIDEO_PAYLOAD_TYPE = 96
RTX_PAYLOAD_TYPE = 97
EXTENSIONS: dict[Kind, dict[str, int]] = {
    "audio": {MID: 1, AUDIO_LEVEL: 2, TRANSPORT_CC: 3},
    "video": {MID: 1, TRANSPORT_CC: 3},
}
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


@dataclass(frozen=True)
class MediaLine:
    """An m-line that was accepted. `ssrc`: the publisher's own, or what the server will send."""

    mid: str
    kind: Kind
    payload_type: int
    ssrc: int
    extensions: dict[str, int]


@dataclass(frozen=True)
class Negotiated:
    connection: Connection
    media: list[MediaLine]

    def streams(self) -> list[Stream]:
        return [Stream(line.kind, line.ssrc, line.payload_type) for line in self.media]


@dataclass(frozen=True)
class Credentials:
    """Our side of ICE."""

    ufrag: str = field(default_factory=lambda: secrets.token_hex(4))
    pwd: str = field(default_factory=lambda: secrets.token_hex(12))


class Signaling(Protocol):
    async def publish(self, kinds: Sequence[Kind], profile: Profile | None) -> Negotiated: ...

    async def subscribe(self, kinds: Sequence[Kind], profile: Profile | None) -> Negotiated: ...

    async def close(self) -> None: ...


class RefusedError(Exception):
    """The server did not take an offer; the text has its status and its reason."""


class HttpSignaling:
    """WHIP and WHEP into one room of a server that runs with --dev, which gives out tokens for the asking."""

    def __init__(self, url: str, certificate: Certificate, *, room: str = "load") -> None:
        self._url = url.rstrip("/")
        self._certificate = certificate
        self._room = room
        self._session = aiohttp.ClientSession(raise_for_status=False)

    async def publish(self, kinds: Sequence[Kind], profile: Profile | None) -> Negotiated:
        return await self._negotiate("whip", kinds, profile)

    async def subscribe(self, kinds: Sequence[Kind], profile: Profile | None) -> Negotiated:
        return await self._negotiate("whep", kinds, profile)

    async def close(self) -> None:
        await self._session.close()

    async def _negotiate(self, protocol: str, kinds: Sequence[Kind], profile: Profile | None) -> Negotiated:
        credentials = Credentials()
        ssrcs = [secrets.randbits(31) | 1 for _ in kinds]
        sends = protocol == "whip"
        offer = write_offer(kinds, ssrcs if sends else None, credentials, self._certificate)
        answer = await self._post(f"/{protocol}/{self._room}", offer, await self._token())
        return read_answer(answer, ssrcs if sends else None, credentials, profile)

    async def _token(self) -> str:
        request = {"room": self._room, "name": "load"}
        async with self._session.post(f"{self._url}/dev/token", json=request) as response:
            if response.status != 200:
                raise RefusedError(f"no token: HTTP {response.status}; was the server started with --dev?")
            return str((await response.json())["token"])

    async def _post(self, path: str, offer: str, token: str) -> str:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        async with self._session.post(self._url + path, data=offer, headers=headers) as response:
            text = await response.text()
            if response.status != 201:
                raise RefusedError(f"{path}: HTTP {response.status}: {text[:300]}")
            return text


def write_offer(
    kinds: Sequence[Kind], ssrcs: Sequence[int] | None, credentials: Credentials, certificate: Certificate
) -> str:
    """An offer with one m-line for each of `kinds`; it sends if it has SSRCs, and receives otherwise."""
    offer = SessionDescription()
    offer.add("v", "0")
    offer.add("o", f"- {secrets.randbits(62)} 1 IN IP4 127.0.0.1")
    offer.add("s", "-")
    offer.add("t", "0 0")
    offer.add("a", f"group:BUNDLE {' '.join(str(mid) for mid in range(len(kinds)))}")
    for mid, kind in enumerate(kinds):
        _write_media(offer, str(mid), kind, ssrcs[mid] if ssrcs else None, credentials, certificate)
    return str(offer)


def _write_media(
    offer: SessionDescription,
    mid: str,
    kind: Kind,
    ssrc: int | None,
    credentials: Credentials,
    certificate: Certificate,
) -> None:
    formats = [line.split(":")[1].split()[0] for line in _FORMATS[kind] if line.startswith("rtpmap")]
    media = offer.begin_media(kind, 9, "UDP/TLS/RTP/SAVPF", formats)
    media.add("c", "IN IP4 0.0.0.0")
    for attribute in (
        f"mid:{mid}",
        "recvonly" if ssrc is None else "sendonly",
        f"ice-ufrag:{credentials.ufrag}",
        f"ice-pwd:{credentials.pwd}",
        f"fingerprint:{certificate.fingerprint}",
        "setup:actpass",
        "rtcp-mux",
        "rtcp-rsize",
        *(f"extmap:{number} {uri}" for uri, number in EXTENSIONS[kind].items()),
        *_FORMATS[kind],
    ):
        media.add("a", attribute)
    if ssrc is not None:
        media.add("a", f"msid:load {mid}")
        media.add("a", f"ssrc:{ssrc} cname:load")


def read_answer(
    text: str, ssrcs: Sequence[int] | None, credentials: Credentials, profile: Profile | None
) -> Negotiated:
    """What a server agreed to; `ssrcs` are ours by m-line if we send. Raises `RefusedError` if nothing was accepted."""
    answer = SessionDescription.parse(text)
    live = [(index, media) for index, media in enumerate(answer.media) if media.port]
    if not live:
        raise RefusedError("the answer rejects every m-line")
    first = next(media for _, media in live if media.candidates)
    candidate = first.candidates[0]
    connection = Connection(
        address=candidate.address,
        port=candidate.port,
        local_ufrag=credentials.ufrag,
        local_pwd=credentials.pwd,
        remote_ufrag=first.ice_ufrag or "",
        remote_pwd=first.ice_pwd or "",
        fingerprints=[(fingerprint.algorithm, fingerprint.digest) for fingerprint in first.fingerprints],
        dtls_role="server" if first.setup == "active" else "client",
        srtp_profile=profile,
    )
    return Negotiated(connection, [_read_media(media, ssrcs[index] if ssrcs else None) for index, media in live])


def _read_media(media: MediaDescription, ssrc: int | None) -> MediaLine:
    kind: Kind = "audio" if media.kind == "audio" else "video"
    wanted = AUDIO_PAYLOAD_TYPE if kind == "audio" else VIDEO_PAYLOAD_TYPE
    if ssrc is None:
        ssrc = next(iter(media.ssrcs))
    extensions = {extension.uri: extension.id for extension in media.extmaps}
    return MediaLine(media.mid or "", kind, wanted, ssrc, extensions)
