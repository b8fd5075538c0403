"""`/rpc`: the WebSocket that control clients and the call page speak the control protocol over."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from mediasrv.http.client_address import ClientAddresses
from mediasrv.http.problem import HttpError

log = structlog.get_logger(__name__)

HEARTBEAT_S = 15  # a ping each; a peer that doesn't answer within half of it has gone
FRAME_MAX_BYTES = 1 << 20
QUEUE_MAX_FRAMES = 512
QUEUE_MAX_BYTES = 8 << 20
KERNEL_QUEUE_BYTES = 16 << 10  # in the transport: so much or less, and the client reads
BURST_FRAMES = 64  # so many, or bytes, are written at once instead of with what else is said in this turn of the loop
BURST_BYTES = 32 << 10
MAX_CONNECTIONS = 16384
CLOSE_TIMEOUT_S = 2.0
_CLOSED = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)

Frame = bytes | str
Send = Callable[[Frame], bool]
Close = Callable[[], None]


class RpcSession(Protocol):
    """One client's side of the control protocol; it knows nothing of what carries its frames."""

    def feed(self, frame: Frame) -> None:
        """Take a frame: bytes are MessagePack, text is JSON."""

    def drained(self) -> None:
        """All that was sent has been taken from the queue."""

    def end(self, reason: str) -> None:
        """Tell the client why, and close."""

    def closed(self) -> None:
        """The connection has gone; called exactly once."""


SessionFactory = Callable[[Send, Close, str | None], RpcSession]
"""Makes the session of a client at an IP address."""


class Connection:
    """Sends the frames of one session in their order, and loses a client that doesn't read.

    While the client reads, what is said in one turn of the loop is written in its next: a write for each frame would be
    a system call for each, and one request may cause many. Else a task of its own writes from the queue.
    """

    __slots__ = (
        "_close_code", "_drain_announced", "_flush_due", "_frames", "_loop", "_overflowed", "_queued_bytes", "_socket",
        "_transport", "_writing", "drained",
    )  # fmt: skip

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._frames: list[Frame] = []  # an empty deque takes 760 bytes, and it nearly always is
        self._queued_bytes = 0
        self._writing: asyncio.Task[None] | None = None  # while there is something to wait for
        self._flush_due = False
        self._drain_announced = False
        self._close_code: WSCloseCode | None = None
        self._overflowed = False
        self.drained: Callable[[], None] = _nothing

    def send(self, frame: Frame) -> bool:
        """Send or queue `frame`. False if it was refused: the connection is closing, or about to because the queue was
        full."""
        if self._close_code is not None:
            return False
        if len(self._frames) >= QUEUE_MAX_FRAMES or self._queued_bytes + len(frame) > QUEUE_MAX_BYTES:
            log.warning("client reads too slowly", queued_frames=len(self._frames))
            self._frames.clear()
            self._queued_bytes = 0
            self._overflowed = True
            # Not at once: what the session says now, that it closes, takes the place of what was queued.
            self._loop.call_soon(self.close)
            return False
        self._frames.append(frame)
        self._queued_bytes += len(frame)
        if self._writing is not None:
            return True
        if len(self._frames) >= BURST_FRAMES or self._queued_bytes >= BURST_BYTES:
            self._flush()
        elif not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)
        return True

    def close(self, code: WSCloseCode = WSCloseCode.OK) -> None:
        """Close the socket after what is queued, or cut it if the client doesn't read that; idempotent."""
        if self._close_code is None:
            self._close_code = WSCloseCode.POLICY_VIOLATION if self._overflowed else code
            self._write_on()
            if self._transport is not None:
                self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    def gone(self) -> None:
        """Nobody is there to send to."""
        self._close_code = self._close_code or WSCloseCode.OK
        if self._writing is not None:
            self._writing.cancel()

    async def closed(self) -> None:
        """What is queued was written, and the close frame."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    def _has_room(self) -> bool:
        return self._transport is not None and self._transport.get_write_buffer_size() < KERNEL_QUEUE_BYTES

    def _flush(self) -> None:
        """Write what is queued, unless the client does not read or it is written already."""
        self._flush_due = False
        if self._writing is not None or self._close_code is not None or not self._frames:
            return
        if not self._has_room():
            self._write_on()
            return
        assert self._transport is not None
        if not self._socket.closed and not self._transport.is_closing():
            self._transport.write(b"".join([part for frame in self._frames for part in _framed(frame)]))
        self._frames.clear()
        self._queued_bytes = 0
        if not self._drain_announced:
            self._drain_announced = True
            self._loop.call_soon(self._announce_drain)

    def _announce_drain(self) -> None:
        self._drain_announced = False
        if self._writing is None and self._close_code is None:
            self.drained()

    def _write_on(self) -> None:
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        """Write what is queued, and close if that is wanted."""
        with contextlib.suppress(ConnectionError):
            while self._frames or self._close_code is None:
                if not self._frames:
                    self.drained()
                    if self._frames or self._close_code is not None:
                        continue
                    self._writing = None
                    return
                frame = self._frames.pop(0)  # of a few hundred at most
                self._queued_bytes -= len(frame)
                await self._send(frame)
            await self._socket.close(code=self._close_code)

    def _send(self, frame: Frame) -> Coroutine[Any, Any, None]:
        return self._socket.send_str(frame) if isinstance(frame, str) else self._socket.send_bytes(frame)


def _nothing() -> None:
    pass


def _framed(frame: Frame) -> tuple[bytes, bytes]:
    """The header of a server's frame, whole, unmasked and of a socket without extensions, and its payload (RFC 6455
    §5.2)."""
    opcode, payload = (WSMsgType.TEXT, frame.encode()) if isinstance(frame, str) else (WSMsgType.BINARY, frame)
    first, size = 0x80 | opcode, len(payload)
    if size < 126:
        return bytes((first, size)), payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size), payload
    return struct.pack("!BBQ", first, 127, size), payload


class RpcEndpoint:
    """Accepts WebSockets and gives each a session."""

    def __init__(self, open_session: SessionFactory, clients: ClientAddresses) -> None:
        self._open_session = open_session
        self._clients = clients
        self._connections: dict[Connection, RpcSession] = {}
        self._stopping = False

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/rpc", self._accept)

    async def _accept(self, request: web.Request) -> web.StreamResponse:
        # Origin is not checked: a session can do nothing before it sends a token in a message, and no cookie speaks for
        # it, so a foreign page gains nothing here that it could not do with a client of its own.
        if self._stopping or len(self._connections) >= MAX_CONNECTIONS:
            raise HttpError(503, "server_busy", "the server takes no new connections now", {"Retry-After": "5"})
        # Without compression: it would cost more CPU than it saves bytes, and invites decompression bombs.
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, max_msg_size=FRAME_MAX_BYTES, compress=False, timeout=CLOSE_TIMEOUT_S
        )
        await socket.prepare(request)
        socket.headers.clear()  # they were sent, and would stay as long as the client
        connection = Connection(socket, request.transport)
        session = self._open_session(connection.send, connection.close, self._clients.of(request))
        self._connections[connection] = session
        connection.drained = session.drained
        try:
            # A coroutine less for each client than `async for` in a method of its own.
            while (message := await socket.receive()).type not in _CLOSED:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    try:
                        session.feed(message.data)
                    except Exception as error:
                        log.exception("session failed", error=type(error).__name__)
                        connection.close(WSCloseCode.INTERNAL_ERROR)
        finally:
            session.closed()
            self._connections.pop(connection, None)
            connection.gone()
        return socket

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def stop(self) -> None:
        """Close every connection after what is queued for it; no longer than CLOSE_TIMEOUT_S."""
        self._stopping = True
        connections = list(self._connections)
        for connection, session in list(self._connections.items()):
            session.end("server_stopping")
            connection.close(WSCloseCode.GOING_AWAY)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await asyncio.gather(*(connection.closed() for connection in connections))
