"""A worker that does no media: it records the commands it was given, and tests put the events it reports."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

COMMANDS = frozenset(
    {
        "create_transport",
        "update_transport",
        "restart_ice",
        "close_transport",
        "send_dtls",
        "create_producer",
        "create_piped_producer",
        "close_producer",
        "gate_producer",
        "limit_producer",
        "request_keyframe",
        "refresh_speakers",
        "create_consumer",
        "connect_consumer",
        "gate_consumer",
        "select_encoding",
        "close_consumer",
        "request_stats",
    }
)


class Command(NamedTuple):
    name: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]


class RecordingWorker:
    """Has the interface of `mediasrv.media.native.NativeWorker`. `ring_room`: commands it takes before it is full."""

    def __init__(
        self,
        index: int = 0,
        binds: Sequence[tuple[str, int]] = (("127.0.0.1", 0),),
        *,
        certificate: bytes = b"",
        private_key: bytes = b"",
        srtp_backend: str = "auto",
        max_transports: int = 4096,
        max_linger_us: int = 0,
    ) -> None:
        self.index = index
        self.binds = list(binds)
        self.certificate = certificate
        self.private_key = private_key
        self.max_transports = max_transports
        self.max_linger_us = max_linger_us
        self.port = binds[0][1] or 7882 + index
        self.srtp_backend = "libcrypto" if srtp_backend == "auto" else srtp_backend
        self.event_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.commands: list[Command] = []
        self.ring_room = 1 << 30
        self.joined: list[RecordingWorker] = []
        self.running = False
        self.stops = 0
        self._events: deque[tuple[Any, ...]] = deque()
        self._commanded = asyncio.Event()

    def __del__(self) -> None:
        os.close(self.event_fd)

    def announce_by(self, _call_soon: Any) -> None:
        """There is no thread to wake."""

    def __getattr__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise AttributeError(name)

        def record(*arguments: Any, **keywords: Any) -> None:
            if self.ring_room <= 0:
                raise BufferError("the command ring is full")
            self.ring_room -= 1
            self.commands.append(Command(name, arguments, keywords))
            self._commanded.set()

        return record

    def attach(self, mixer: object) -> None:
        assert not self.running

    def join(self, other: RecordingWorker) -> None:
        assert not self.running
        assert not other.running
        self.joined.append(other)

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False
        self.stops += 1

    def report(self, *event: Any) -> None:
        """Put an event where `poll_events` finds it."""
        self._events.append(event)
        os.eventfd_write(self.event_fd, 1)

    def poll_events(self, limit: int = 256) -> list[tuple[Any, ...]]:
        taken = [self._events.popleft() for _ in range(min(limit, len(self._events)))]
        if not self._events:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self.event_fd)
        return taken

    def counters(self) -> dict[str, int]:
        return {"rtp_received": 10 * (self.index + 1)}

    # What tests look at.

    async def commanded(self, count: int) -> list[Command]:
        """The commands, once there are that many."""
        while len(self.commands) < count:
            self._commanded.clear()
            await self._commanded.wait()
        return self.commands

    def take(self) -> list[Command]:
        """The commands since the last call."""
        taken, self.commands = self.commands, []
        return taken

    def named(self, name: str) -> list[Command]:
        return [command for command in self.commands if command.name == name]

    def names(self) -> list[str]:
        return [command.name for command in self.commands]
