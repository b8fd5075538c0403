"""The control protocol over a WebSocket, from the client's side."""

from __future__ import annotations

import ssl
from typing import Any

import aiohttp
import msgpack  # type: ignore[import-untyped]

from mediasrv.client.carriers import MESSAGE_MAX_BYTES, lost
from mediasrv.client.errors import ConnectionLostError

_HEARTBEAT_S = 20.0


class WebSocketCarrier:
    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._session = session
        self._socket = socket

    @classmethod
    async def open(cls, url: str, tls: ssl.SSLContext | None) -> WebSocketCarrier:
        session = aiohttp.ClientSession()
        try:
            socket = await session.ws_connect(
                url, ssl=True if tls is None else tls, max_msg_size=MESSAGE_MAX_BYTES, heartbeat=_HEARTBEAT_S
            )
        except aiohttp.ClientError as error:
            await session.close()
            raise ConnectionError(getattr(error, "strerror", None) or str(error) or type(error).__name__) from error
        except BaseException:
            await session.close()
            raise
        return cls(session, socket)

    async def send(self, message: bytes) -> None:
        try:
            await self._socket.send_bytes(message)
        except (OSError, aiohttp.ClientError) as error:
            raise lost(error) from error

    async def receive(self) -> Any:
        message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.BINARY:
            raise ConnectionLostError("the server has closed the connection")
        try:
            return msgpack.unpackb(message.data, raw=False, strict_map_key=False)
        except (ValueError, msgpack.UnpackException) as error:
            raise ConnectionLostError("the server sent something that is no MessagePack") from error

    async def close(self) -> None:
        await self._socket.close()
        await self._session.close()
