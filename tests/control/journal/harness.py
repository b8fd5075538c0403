"""A journal on a real database, with the clock and the records of a test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mediasrv.journal import files
from mediasrv.journal.chain import Row, timestamp
from mediasrv.journal.check import Checked, check_journal
from mediasrv.journal.durable import DurableJournal
from mediasrv.journal.record_table import read_rows
from mediasrv.journal.records import Record
from mediasrv.journal.settings import Webhook, parse_retention
from mediasrv.journal.spool import Spool
from mediasrv.journal.writer import WriterLimits
from mediasrv.store.database import Database, database_url

DAY_S = 86_400
FAST = WriterLimits(retry_first_s=0.01, retry_last_s=0.05, spool_retry_s=0.02)


class Clock:
    """Stands still until it is set on."""

    def __init__(self) -> None:
        self.now = 1_767_225_600.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def call_later(self, delay_s: float, callback: Any) -> Any:
        raise AssertionError("the journal sets no timer on a room's clock")


class RoomScript:
    """Makes the records of one opening of a room."""

    def __init__(self, clock: Clock, name: str = "standup", room_id: str = "r_1") -> None:
        self.clock = clock
        self.name = name
        self.room_id = room_id
        self.seq = 0

    def record(self, event: str, participant: str | None = None, **fields: object) -> Record:
        self.seq += 1
        return Record(
            seq=self.seq,
            ts=timestamp(int(self.clock.now * 1000)),
            room=self.name,
            room_id=self.room_id,
            participant=participant,
            event=event,
            fields=fields,
        )

    def id(self, who: str) -> str:
        return f"p_{who.encode().hex()}_{self.room_id}"

    def opened(self) -> Record:
        return self.record("room_opened")

    def joined(self, who: str, address: str = "203.0.113.0/24") -> Record:
        return self.record("participant_joined", self.id(who), identity=who, name=who.title(), address=address)

    def left(self, who: str) -> Record:
        return self.record("participant_left", self.id(who), identity=who, reason="left")

    def published(self, who: str, track: str) -> Sequence[Record]:
        participant = self.id(who)
        what = {"track": track, "kind": "audio", "source": "microphone"}
        on = {"feature": "microphone", "enabled": True, "by": participant, "track": track}
        return (
            self.record("track_published", participant, **what, codec="opus", encodings=[]),
            self.record("feature_toggled", participant, **on),
        )

    def closed(self) -> Record:
        return self.record("room_closed")

    def call(self, *people: str) -> list[Record]:
        """From its opening to its closing."""
        records = [self.opened(), *(self.joined(who) for who in people)]
        return [*records, *(self.left(who) for who in people), self.closed()]


class JournalHarness:
    """Opens the same journal again and again, as a server does at each start."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.folder = folder
        self.database = database
        self.clock = Clock()
        self.retention: dict[str, str] = {}
        self.webhooks: tuple[Webhook, ...] = ()
        self.limits = FAST
        self.spool_max_bytes = 1 << 20
        self.journal: DurableJournal | None = None
        self._readers: list[Database] = []

    def room(self, name: str = "standup", room_id: str = "r_1") -> RoomScript:
        return RoomScript(self.clock, name, room_id)

    async def connect(self, **how: bool) -> Database:
        return await Database.open(database_url(self.database, self.folder), **how)

    async def open(self) -> DurableJournal:
        database = await self.connect()
        try:
            self.journal = await DurableJournal.open(
                database,
                self.folder,
                retention=parse_retention(self.retention),
                webhooks=self.webhooks,
                clock=self.clock,
                spool_max_bytes=self.spool_max_bytes,
                limits=self.limits,
            )
        except BaseException:
            await database.close()
            raise
        return self.journal

    async def write(self, records: Iterable[Record]) -> DurableJournal:
        """Into the journal, opened if it is not, and wait until they are stored."""
        journal = self.journal or await self.open()
        for record in records:
            journal.writer.write(record)
        assert await journal.writer.drain(20)
        return journal

    async def close(self) -> None:
        if self.journal is not None:
            journal, self.journal = self.journal, None
            await journal.stop()
        for reader in self._readers:
            await reader.close()
        self._readers = []

    async def reader(self) -> Database:
        """The database as another process sees it."""
        database = await self.connect(exclusive=False, migrate=False)
        self._readers.append(database)
        return database

    async def rows(self) -> list[Row]:
        async with (await self.reader()).snapshot() as connection:
            return await read_rows(connection, 0, 1_000_000)

    async def checked(self, *, key: bool = True) -> Checked:
        """What `mediasrv journal verify` finds."""
        secret = files.read_key(self.folder / files.KEY_NAME) if key else None
        return await check_journal(await self.reader(), secret, files.read_heads(self.folder))

    async def problems(self, *, key: bool = True) -> list[tuple[int, str]]:
        return [(finding.position, finding.problem) for finding in (await self.checked(key=key)).findings]

    def spool(self) -> Spool:
        return Spool(self.folder / files.SPOOL_NAME, max_bytes=self.spool_max_bytes)
