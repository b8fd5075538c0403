"""One connection of a program over a stream: frames out of bytes for its session, and the session's into bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Iterator
from typing import cast

import structlog

from mediasrv.signaling.carriers import FRAME_TIMEOUT_S, CarriedSession
from mediasrv.signaling.codec import Frame
from mediasrv.signaling.frame_scanner import FramingError, StreamFramer

log = structlog.get_logger("control")

QUEUE_MAX_FRAMES = 512
QUEUE_MAX_BYTES = 8 << 20
KERNEL_QUEUE_BYTES = 64 << 10  # in the transport, beyond which frames stay here, where they can be given up
FRAMES_IN_A_TURN = 64  # of one connection, before others have theirs
CLOSE_TIMEOUT_S = 2.0

OpenSession = Callable[["StreamConnection", asyncio.Transport], CarriedSession]


class StreamConnection(asyncio.Protocol):
    """What `open_session` makes of it gets every frame. `gone` is called once, when the connection has gone.

    `idle_s`: None if it may be silent for ever.
    """

    def __init__(self, open_session: OpenSession, gone: Callable[[StreamConnection], None], idle_s: float | None):
        self.heard_at = 0.0
        self.overflowed = False
        self._open_session = open_session
        self._gone = gone
        self._idle_s = idle_s
        self._loop = asyncio.get_running_loop()
        self._framer = StreamFramer()
        self._chunks: deque[bytes] = deque()
        self._found: Iterator[bytes] = iter(())
        self._working = False
        self._partial_since: float | None = None
        self._queue: deque[Frame] = deque()
        self._queued_bytes = 0
        self._may_write = True
        self._drain_announced = False
        self._closing = False
        self._transport: asyncio.Transport
        self._session: CarriedSession | None = None

    # --- the transport's side ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        self.heard_at = self._loop.time()
        self._transport.set_write_buffer_limits(high=KERNEL_QUEUE_BYTES)
        self._session = self._open_session(self, self._transport)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        self._chunks.append(data)
        if not self._working:
            self._work()

    def eof_received(self) -> bool:
        return False  # a client that says no more is not spoken to either

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        while self._queue and self._may_write:
            frame = self._queue.popleft()
            self._queued_bytes -= len(frame)
            self._transport.write(_bytes(frame))
        if not self._queue:
            if self._closing:
                self._transport.close()
            self._announce_drain()

    def connection_lost(self, error: Exception | None) -> None:
        if isinstance(error, ssl.SSLError):
            log.info("a connection ended with a TLS error", error=error.reason)
        self._closing = True
        self._queue.clear()
        self._chunks.clear()
        self._found = iter(())
        if self._session is not None:
            self._session.closed()
        self._gone(self)

    # --- what comes --------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Give the session a few frames; if more are there, let others have a turn, and read nothing meanwhile."""
        session = self._session
        assert session is not None
        try:
            for _ in range(FRAMES_IN_A_TURN):
                frame = self._next_frame()
                if frame is None or self._closing:
                    self._rest()
                    return
                session.feed(frame)
        except FramingError as error:
            self._chunks.clear()
            session.end("bad_frame", str(error))
            return
        except Exception:
            log.exception("a session failed")
            self._transport.abort()
            return
        if not self._working:
            self._working = True
            self._transport.pause_reading()
        self._loop.call_soon(self._work)

    def _next_frame(self) -> bytes | None:
        while True:
            frame = next(self._found, None)
            if frame is not None or not self._chunks:
                return frame
            self._found = self._framer.feed(self._chunks.popleft(), self._frame_limit)

    def _frame_limit(self) -> int:
        assert self._session is not None
        return self._session.frame_limit

    def _rest(self) -> None:
        """Nothing is left to be given."""
        if self._working:
            self._working = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        if not self._framer.partial_bytes:
            self._partial_since = None
        elif self._partial_since is None:
            self._partial_since = self._loop.time()

    # --- what goes ---------------------------------------------------------------------------------------------

    def send(self, frame: Frame) -> bool:
        """Send `frame`, or queue it. False: too many wait, it was not taken; what is sent next takes their place."""
        if self._closing:
            return False
        if self._may_write and not self._queue:
            self._transport.write(_bytes(frame))
            if not self._drain_announced:
                self._drain_announced = True
                self._loop.call_soon(self._announce_drain)
            return True
        if len(self._queue) >= QUEUE_MAX_FRAMES or self._queued_bytes + len(frame) > QUEUE_MAX_BYTES:
            log.warning("a control client reads too slowly", queued_frames=len(self._queue))
            self._queue.clear()
            self._queued_bytes = 0
            self.overflowed = True
            return False
        self._queue.append(frame)
        self._queued_bytes += len(frame)
        return True

    def close(self) -> None:
        """Close after what is queued, or cut it if the client doesn't read that; idempotent."""
        if self._closing:
            return
        self._closing = True
        if not self._queue:
            self._transport.close()
        self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    def end(self, reason: str) -> None:
        """Have the session say why, and close."""
        if self._session is not None:
            self._session.end(reason)
        self.close()

    def check(self, now: float) -> None:
        """End it if it has been silent, or at one frame, for too long."""
        if self._session is None or self._closing:
            return
        if self._partial_since is not None and now - self._partial_since > FRAME_TIMEOUT_S:
            self._session.end("bad_frame", f"a frame was not whole {FRAME_TIMEOUT_S:g} seconds after it had begun")
        elif self._idle_s is not None and now - self.heard_at > self._idle_s:
            self._session.end("idle")

    def _announce_drain(self) -> None:
        self._drain_announced = False
        if self._session is not None and not self._closing and self._may_write and not self._queue:
            self._session.drained()


def _bytes(frame: Frame) -> bytes:
    return frame if isinstance(frame, bytes) else frame.encode()
