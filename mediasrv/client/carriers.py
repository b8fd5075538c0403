"""Carriers of the control protocol, from the client's side: messages in, messages out."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any, Protocol

import msgpack  # type: ignore[import-untyped]

from mediasrv.client.address import Address
from mediasrv.client.errors import ConnectionLostError

MESSAGE_MAX_BYTES = 64 << 20
_READ_BYTES = 256 << 10


class Carrier(Protocol):
    """All but `close` raise `ConnectionLostError`."""

    async def send(self, message: bytes) -> None:
        """Returns when there is room for more."""

    async def receive(self) -> Any:
        """The next message, decoded."""

    async def close(self) -> None:
        """Idempotent."""


async def connect(address: Address, tls: ssl.SSLContext | None) -> Carrier:
    """`tls` is how the server's certificate is checked; None: as this machine does. Raises `ConnectionLostError`."""
    try:
        match address.scheme:
            case "unix":
                return StreamCarrier(*await asyncio.open_unix_connection(address.path))
            case "tcp":
                return StreamCarrier(*await asyncio.open_connection(address.host, address.port))
            case "tls":
                context = tls or ssl.create_default_context()
                return StreamCarrier(*await asyncio.open_connection(address.host, address.port, ssl=context))
            case "ws":
                from mediasrv.client.websocket import WebSocketCarrier  # and aiohttp, which takes a while

                return await WebSocketCarrier.open(address.url, tls)
    except OSError as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ConnectionLostError(f"cannot reach the server at {address}: {reason}") from error


class StreamCarrier:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=MESSAGE_MAX_BYTES)

    async def send(self, message: bytes) -> None:
        try:
            self._writer.write(message)
            await self._writer.drain()
        except OSError as error:
            raise lost(error) from error

    async def receive(self) -> Any:
        while True:
            try:
                return self._unpacker.unpack()
            except msgpack.OutOfData:
                pass
            except (ValueError, msgpack.UnpackException) as error:
                raise ConnectionLostError("the server sent something that is no MessagePack") from error
            try:
                data = await self._reader.read(_READ_BYTES)
            except OSError as error:
                raise lost(error) from error
            if not data:
                raise ConnectionLostError("the server has closed the connection")
            try:
                self._unpacker.feed(data)
            except msgpack.BufferFull as error:
                raise ConnectionLostError(f"a message has more than {MESSAGE_MAX_BYTES} bytes") from error

    async def close(self) -> None:
        self._writer.close()
        # Whoever else waits for the end waits for the same future: a cancelled waiter must not take it along.
        with contextlib.suppress(OSError):
            await asyncio.shield(self._writer.wait_closed())


def lost(error: Exception) -> ConnectionLostError:
    return ConnectionLostError(f"the connection was lost: {getattr(error, 'strerror', None) or error}")
