"""WHIP (RFC 9725) and WHEP, as any server speaks them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

import aiohttp

from mediasrv.loadtest.answer import Negotiated, read_answer
from mediasrv.loadtest.errors import RefusedError
from mediasrv.loadtest.offer import OfferedLine, Receiving, Sending, write_offer
from mediasrv.loadtest.scenario import Kind, Profile
from mediasrv.loadtest.tokens import TokenSource, unreachable
from mediasrv.rtc.certificate import Certificate
from mediasrv.rtc.ice import IceCredentials

LEAVE_S = 5.0
LEAVES_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class _Session:
    url: str
    token: str


class WhipWhep:
    """`whip_url` and `whep_url` are endpoints; `{room}` in them stands for the room's name."""

    own_tracks_return = True

    def __init__(
        self,
        whip_url: str,
        whep_url: str,
        tokens: TokenSource,
        http: aiohttp.ClientSession,
        certificate: Certificate,
        profile: Profile | None,
    ) -> None:
        self._whip_url = whip_url
        self._whep_url = whep_url
        self._tokens = tokens
        self._http = http
        self._certificate = certificate
        self._profile = profile
        self._sessions: list[_Session] = []

    async def publish(self, room: str, identity: str, sends: Sequence[Sending]) -> Negotiated:
        return await self._negotiate(self._whip_url, room, identity, sends)

    async def subscribe(self, room: str, identity: str, kinds: Sequence[Kind]) -> Negotiated:
        return await self._negotiate(self._whep_url, room, identity, [Receiving(kind) for kind in kinds])

    async def join(
        self, room: str, identity: str, sends: Sequence[Sending], kinds: Sequence[Kind]
    ) -> Sequence[Negotiated]:
        return [
            await self.publish(room, identity, sends),
            await self.subscribe(room, f"{identity}-receives", kinds),
        ]

    async def close(self) -> None:
        places = asyncio.Semaphore(LEAVES_AT_ONCE)

        async def leave(session: _Session) -> None:
            async with places:
                # Whether the server still has it or not: nothing is left to do about it.
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with self._http.delete(session.url, headers=_authorization(session.token)):
                        pass

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await asyncio.gather(*map(leave, self._sessions))
        self._sessions.clear()

    async def _negotiate(self, endpoint: str, room: str, identity: str, lines: Sequence[OfferedLine]) -> Negotiated:
        url = endpoint.replace("{room}", quote(room, safe=""))
        credentials = IceCredentials.generate()
        offer = write_offer(lines, credentials, self._certificate)
        answer = await self._post(url, offer, await self._tokens.token(room, identity))
        return read_answer(answer, lines, credentials, self._profile, urlsplit(url).hostname or "")

    async def _post(self, url: str, offer: str, token: str) -> str:
        headers = {"Content-Type": "application/sdp", **_authorization(token)}
        try:
            async with self._http.post(url, data=offer, headers=headers) as response:
                text = await response.text()
                if response.status == 201:
                    if location := response.headers.get("Location"):
                        self._sessions.append(_Session(urljoin(str(response.url), location), token))
                    return text
                status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise unreachable(url, error) from None
        raise RefusedError(f"{url} refuses: HTTP {status}: {_reason(status, text)}")


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _reason(status: int, text: str) -> str:
    """What a server says of it: a problem document (RFC 9457), or the beginning of whatever it is."""
    with contextlib.suppress(ValueError, AttributeError):
        problem = json.loads(text)
        text = str(problem.get("detail") or problem.get("title") or text)
    if status == 404:
        text = f"there is no such endpoint. {text}"
    return " ".join(text.split())[:300] or "it does not say why"
