"""The control protocol of this server over its WebSocket: participants with one peer connection each, as browsers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec

from mediasrv.loadtest.answer import Negotiated, read_answer
from mediasrv.loadtest.errors import LoadTestError, RefusedError
from mediasrv.loadtest.offer import OfferedLine, Receiving, Sending, write_offer
from mediasrv.loadtest.scenario import Kind, Profile
from mediasrv.loadtest.tokens import TokenSource, unreachable
from mediasrv.rtc.certificate import Certificate
from mediasrv.rtc.ice import IceCredentials

CALL_TIMEOUT_S = 30.0
LEAVE_S = 5.0


class RpcConnection:
    """Requests of one participant. Notifications are read, so that the server is never held up, and passed over."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._closing = ""
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str, http: aiohttp.ClientSession) -> Self:
        try:
            return cls(await http.ws_connect(url, max_msg_size=0, compress=0))
        except aiohttp.WSServerHandshakeError as error:
            raise RefusedError(f"{url} refuses: HTTP {error.status}; is this the URL of a mediasrv server?") from None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise unreachable(url, error) from None

    async def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result; raises `RefusedError` with the server's own words."""
        number = next(self._ids)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            if self._reader.done():
                raise self._lost()
            await self._socket.send_bytes(msgspec.msgpack.encode([0, number, method, params]))
            async with asyncio.timeout(CALL_TIMEOUT_S):
                return await self._waiting[number]
        except TimeoutError:
            raise RefusedError(f"'{method}' got no reply within {CALL_TIMEOUT_S:.0f} s") from None
        except ConnectionError:
            raise self._lost() from None
        finally:
            del self._waiting[number]

    async def close(self) -> None:
        with contextlib.suppress(LoadTestError, TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self.call("leave", {})
        await self._socket.close()
        await self._reader

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.BINARY:
                continue
            match msgspec.msgpack.decode(message.data):
                case [1, int(number), error, result]:
                    self._reply(number, error, result)
                case [2, "closing", params]:
                    self._closing = str(params.get("message", ""))
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(self._lost())

    def _reply(self, number: int, error: dict[str, Any] | None, result: dict[str, Any]) -> None:
        waiting = self._waiting.get(number)
        if waiting is None or waiting.done():
            return
        if error is None:
            waiting.set_result(result)
        else:
            waiting.set_exception(RefusedError(f"the server refuses: {error['code']}: {error['message']}"))

    def _lost(self) -> RefusedError:
        return RefusedError(f"the server closed the connection: {self._closing or 'it did not say why'}")


class Rpc:
    """`url`: of the WebSocket."""

    own_tracks_return = False

    def __init__(
        self,
        url: str,
        tokens: TokenSource,
        http: aiohttp.ClientSession,
        certificate: Certificate,
        profile: Profile | None,
        *,
        hears_mix: bool = False,
    ) -> None:
        self._url = url
        self._tokens = tokens
        self._http = http
        self._certificate = certificate
        self._profile = profile
        self._hears_mix = hears_mix
        self._connections: list[RpcConnection] = []

    async def publish(self, room: str, identity: str, sends: Sequence[Sending]) -> Negotiated:
        return await self._negotiate(room, identity, sends)

    async def subscribe(self, room: str, identity: str, kinds: Sequence[Kind]) -> Negotiated:
        return await self._negotiate(room, identity, [Receiving(kind) for kind in kinds])

    async def join(
        self, room: str, identity: str, sends: Sequence[Sending], kinds: Sequence[Kind]
    ) -> Sequence[Negotiated]:
        return [await self._negotiate(room, identity, [*sends, *(Receiving(kind) for kind in kinds)])]

    async def close(self) -> None:
        await asyncio.gather(*(connection.close() for connection in self._connections))
        self._connections.clear()

    async def _negotiate(self, room: str, identity: str, lines: Sequence[OfferedLine]) -> Negotiated:
        token = await self._tokens.token(room, identity)
        connection = await RpcConnection.open(self._url, self._http)
        self._connections.append(connection)
        await connection.call("join", {"token": token})
        if self._hears_mix:
            await connection.call("set_slots", {"kind": "audio", "policy": "mix"})
        credentials = IceCredentials.generate()
        offer = write_offer(lines, credentials, self._certificate)
        result = await connection.call("offer", {"sdp": offer})
        for mid, reason in result["refused"].items():
            raise RefusedError(f"the server refuses m-line {mid} of the offer: {reason}")
        return read_answer(result["sdp"], lines, credentials, self._profile, urlsplit(self._url).hostname or "")
