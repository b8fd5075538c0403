"""Peers of the control protocol that cost as little as possible: what is measured is the server, and not they."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgpack


class Peer(asyncio.Protocol):
    """Calls `heard(now_s, message)` for what comes, decoded if `decodes`, else as its bytes."""

    def __init__(self, *, websocket_host: str | None) -> None:
        self.heard: Callable[[float, Any], None] = lambda _now_s, _message: None
        self.decodes = True
        self.received_bytes = 0
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._host = websocket_host
        self._open: asyncio.Future[None] = self._loop.create_future()
        self._rest = b""
        self._unpacker: msgpack.Unpacker | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if self._host is None:
            self._open.set_result(None)
            return
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /rpc HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now_s = self._loop.time()
        if not self._open.done():
            head, end, data = (self._rest + data).partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            assert b" 101 " in head.splitlines()[0], head
            self._rest = b""
            self._open.set_result(None)
        self.received_bytes += len(data)
        if not self.decodes:
            self.heard(now_s, data)
        elif self._host is None:
            self._stream(now_s, data)
        else:
            self._frames(now_s, data)

    def connection_lost(self, _error: Exception | None) -> None:
        self.closed = True

    def send(self, message: bytes) -> None:
        self._transport.write(message if self._host is None else _masked(message))

    def close(self) -> None:
        self._transport.abort()

    async def opened(self) -> None:
        await self._open

    async def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """One request at a time; what is told meanwhile is passed over."""
        answer: asyncio.Future[Any] = self._loop.create_future()

        def heard(_now_s: float, message: Any) -> None:
            if message[0] == 1 and not answer.done():
                answer.set_result(message)

        before, self.heard = self.heard, heard
        self.send(msgpack.packb([0, 1, method, params]))
        async with asyncio.timeout(60):
            _, _, error, result = await answer
        self.heard = before
        if error is not None:
            raise RuntimeError(f"{method}: {error['message']}")
        found: dict[str, Any] = result
        return found

    def _stream(self, now_s: float, data: bytes) -> None:
        if self._unpacker is None:
            self._unpacker = msgpack.Unpacker(read_size=512, max_buffer_size=1 << 24)
        self._unpacker.feed(data)
        for message in self._unpacker:
            self.heard(now_s, message)
        self._unpacker = None if not self._unpacker.tell() else self._unpacker

    def _frames(self, now_s: float, data: bytes) -> None:
        data = self._rest + data
        while len(data) >= 2:
            opcode, length, at = data[0] & 15, data[1] & 127, 2
            if length >= 126:
                size = 2 if length == 126 else 8
                at += size
                length = int.from_bytes(data[2:at], "big")
            if len(data) < at + length:
                break
            body, data = data[at : at + length], data[at + length :]
            if opcode == 9:
                self._transport.write(_masked(body, opcode=10))
            elif opcode in (1, 2):
                self.heard(now_s, msgpack.unpackb(body))
        self._rest = data


async def connect(where: str) -> Peer:
    """`where` is `tcp:HOST:PORT`, `unix:PATH` or a server's URL."""
    loop = asyncio.get_running_loop()
    if where.startswith("unix:"):
        _, peer = await loop.create_unix_connection(lambda: Peer(websocket_host=None), where[5:])
    elif where.startswith("tcp:"):
        _, host, port = where.split(":")
        _, peer = await loop.create_connection(lambda: Peer(websocket_host=None), host, int(port))
    else:
        parts = urlsplit(where)
        _, peer = await loop.create_connection(lambda: Peer(websocket_host=parts.netloc), parts.hostname, parts.port)
    await peer.opened()
    return peer


def _masked(body: bytes, *, opcode: int = 2) -> bytes:
    """A frame of a client, with a mask of zeros: it has to have one, and nobody looks over our shoulder."""
    length = len(body)
    if length < 126:
        head = bytes((0x80 | opcode, 0x80 | length))
    elif length < 65536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + length.to_bytes(8, "big")
    return head + bytes(4) + body
