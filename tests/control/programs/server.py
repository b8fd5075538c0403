"""The control protocol on real sockets, over rooms whose media is fake and whose time is the machine's."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgpack
from rooms.fakes import FakeGrant, FakePeerConnection, FakeTokenError

from mediasrv.control.address import ControlAddress, TcpAddress, UnixAddress
from mediasrv.control.server import ControlServer
from mediasrv.control.statistics import server_statistics
from mediasrv.journal.chain import milliseconds
from mediasrv.journal.journal import Journal
from mediasrv.journal.records import Record, StoredRecord
from mediasrv.rooms.clock import SystemClock
from mediasrv.rooms.permissions import ALL, Permission
from mediasrv.rooms.registry import RoomRegistry
from mediasrv.rooms.room import RoomLimits
from mediasrv.signaling.event_log import EventLog
from mediasrv.signaling.services import JournalUnavailableError, Services
from mediasrv.signaling.session import Session, SessionLimits


class MemoryJournal:
    """Keeps records, and is read like the real one. `failing`: it cannot be read."""

    def __init__(self) -> None:
        self.records: list[StoredRecord] = []
        self.failing = False

    def write(self, record: Record) -> None:
        fields = {name: getattr(record, name) for name in record.__struct_fields__}
        self.records.append(StoredRecord(position=len(self.records) + 1, **fields))

    async def read(self, room: str | None = None, *, after: int = 0, limit: int = 100) -> Sequence[StoredRecord]:
        self._check()
        return [each for each in self.records if each.position > after and room in (None, each.room)][:limit]

    async def last(self, room: str | None, limit: int) -> Sequence[StoredRecord]:
        self._check()
        return [each for each in self.records if room in (None, each.room)][-limit:]

    async def position_at(self, ts_ms: int) -> int:
        self._check()
        return sum(milliseconds(each.ts) < ts_ms for each in self.records)

    def _check(self) -> None:
        if self.failing:
            raise JournalUnavailableError("the journal's database does not answer now")


class ProgramServer:
    """Rooms, their events and journal, and a control server. `restart` begins another run with the same journal."""

    def __init__(self, *, kept_events: int = 10_000, limits: SessionLimits | None = None) -> None:
        self.journal = MemoryJournal()
        self.limits = limits
        self.kept_events = kept_events
        self.sessions: list[Session] = []
        self.control: ControlServer
        self.bound: list[ControlAddress] = []
        self.trust_users = True
        self._begin()

    def _begin(self) -> None:
        self.clock = SystemClock()
        self.registry = RoomRegistry(
            lambda room, observer: FakePeerConnection(room, observer), clock=self.clock, limits=RoomLimits(resume_s=0)
        )
        self.events = EventLog(self.clock, self.kept_events)
        self.registry.observe(Journal([self.journal, self.events], self.clock))
        self.registry.observe(self.events.observe)

    async def start(self, *addresses: ControlAddress, tls: ssl.SSLContext | None = None) -> None:
        self.control = ControlServer(addresses, self._open, tls=tls)
        self.bound = await self.control.start()

    async def restart(self) -> None:
        await self.control.stop()
        self.registry.close()
        self._begin()
        await self.start(*self.bound)

    @property
    def port(self) -> int:
        return next(address.port for address in self.bound if isinstance(address, TcpAddress))

    def _open(self, send: Any, close: Any, address: str | None, trusted: str | None) -> Session:
        grant = FakeGrant(trusted, "", permissions=Permission(0), admin=True) if trusted and self.trust_users else None
        services = Services(self.events, self.journal, self._statistics)
        session = Session(
            self.registry,
            verify,
            send=send,
            close=close,
            address=address,
            limits=self.limits,
            services=services,
            trusted=grant,
            text=False,
        )
        self.sessions.append(session)
        return session

    def _statistics(self) -> Any:
        counters = {**self.events.counters, **self.control.counters}
        return server_statistics(self.registry, 0.0, self.control.connections, counters), [], {}


def verify(token: str) -> FakeGrant:
    """`NAME!` is an admin's token, `NAME` that of a participant of `standup`, `NAME-` of one who may not moderate,
    `expired` is too old."""
    if token == "expired":
        raise FakeTokenError("token_expired", "the token expired 3 minutes ago")
    if token.endswith("!"):
        return FakeGrant(token[:-1], "", permissions=Permission(0), admin=True)
    if token.endswith("-"):
        return FakeGrant(token[:-1], permissions=ALL & ~Permission.MODERATE)
    return FakeGrant(token)


@asynccontextmanager
async def serving(folder: Path, *, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[ProgramServer]:
    """On a Unix socket in `folder` and on a TCP port."""
    server = ProgramServer(**options)
    await server.start(UnixAddress(str(folder / "control.sock")), TcpAddress("127.0.0.1", 0), tls=tls)
    try:
        yield server
    finally:
        await server.control.stop()
        server.registry.close()


class Wire:
    """A client that knows bytes and arrays, and nothing of the protocol: for what no decent client sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.told: list[Any] = []
        self._unpacker = msgpack.Unpacker()
        self._last_id = 0

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def next(self) -> Any:
        """The next message; None when the connection is closed."""
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(msgpack.OutOfData):
                    return self._unpacker.unpack()
                data = await self.reader.read(65536)
                if not data:
                    return None
                self._unpacker.feed(data)

    async def call(self, method: str, **params: Any) -> Any:
        """The result, or the error."""
        self._last_id += 1
        await self.send(msgpack.packb([0, self._last_id, method, params]))
        while (message := await self.next()) is not None:
            if message[0] == 1:
                assert message[1] == self._last_id
                return message[3] if message[2] is None else message[2]
            self.told.append(message)
        return None

    async def closing(self) -> str | None:
        """The reason that the server gives before it closes the connection."""
        reason = None
        with contextlib.suppress(ConnectionError):
            while (message := await self.next()) is not None:
                if message[:2] == [2, "closing"]:
                    reason = message[2]["reason"]
        return reason

    def close(self) -> None:
        self.writer.close()


@asynccontextmanager
async def tcp(server: ProgramServer, token: str | None = "root!") -> AsyncIterator[Wire]:
    wire = Wire(*await asyncio.open_connection("127.0.0.1", server.port))
    try:
        if token is not None:
            assert "name" in await wire.call("authenticate", token=token)
        yield wire
    finally:
        wire.close()


async def until(holds: Any) -> None:
    """For what nobody announces: the state of the other end of a socket."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
