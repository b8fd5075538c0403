"""The journal as a whole: its database and files, what writes into them, erases, tells webhooks, and reads."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from mediasrv.journal import files
from mediasrv.journal.chain import Row, timestamp
from mediasrv.journal.outbox import Outbox
from mediasrv.journal.reader import JournalReader
from mediasrv.journal.record_table import RecordTable
from mediasrv.journal.records import Record
from mediasrv.journal.recovery import close_open_rooms
from mediasrv.journal.retention import RetentionTask
from mediasrv.journal.settings import Retention, Webhook
from mediasrv.journal.spool import Spool
from mediasrv.journal.verification import Head
from mediasrv.journal.webhooks import Webhooks
from mediasrv.journal.writer import JournalWriter, WriterLimits
from mediasrv.rooms.clock import Clock
from mediasrv.store.database import DATABASE_ERRORS, Database, DatabaseError, words

log = structlog.get_logger("journal.database")  # "journal" is for the records alone

SPOOL_MAX_BYTES = 256 << 20
STOP_S = 5.0
COUNT_EVERY_S = 10.0  # what waits in the webhooks' outbox


class DurableJournal:
    """Made by `open`, which ends what an earlier run left open: `recovered` has those records.

    `writer` is the sink of new records, `reader` what programs read.
    """

    def __init__(
        self, database: Database, table: RecordTable, folder: Path, retention: Retention, clock: Clock
    ) -> None:
        self.recovered: Sequence[Record] = ()
        self.reader = JournalReader(database)
        self.database = database
        self._folder = folder
        self._table = table
        self._clock = clock
        self.retention = RetentionTask(table, retention, clock)
        self.webhooks = Webhooks(Outbox(database), self._now_ms)
        self.writer: JournalWriter
        self._tasks: list[asyncio.Task[None]] = []
        self._head_failing = False

    @classmethod
    async def open(
        cls,
        database: Database,
        folder: Path,
        *,
        retention: Retention,
        webhooks: tuple[Webhook, ...],
        clock: Clock,
        spool_max_bytes: int = SPOOL_MAX_BYTES,
        limits: WriterLimits | None = None,
    ) -> DurableJournal:
        """Take over the journal of `database`, whose files are in `folder`. Raises `DatabaseError`.

        Closing the journal closes the database too.
        """
        key = files.read_or_make_key(folder / files.KEY_NAME)

        def now_ms() -> int:
            return int(clock.time() * 1000)

        try:
            table = await RecordTable.open(database, key, "j_" + secrets.token_hex(16), now_ms)
            table.webhooks = webhooks
            journal = cls(database, table, folder, retention, clock)
            await journal._start(spool_max_bytes, limits)
            await journal.webhooks.set(webhooks)
        except DATABASE_ERRORS as error:
            raise DatabaseError(f"cannot use the database {database.name}: {words(error)}") from None
        return journal

    async def set_webhooks(self, webhooks: tuple[Webhook, ...]) -> None:
        """Tell these from now on. Raises one of `DATABASE_ERRORS`."""
        self._table.webhooks = webhooks
        await self.webhooks.set(webhooks)

    def statistics(self) -> Mapping[str, float]:
        """What is worth being watched, by name: counters, and gauges like how much waits."""
        return {
            **self.writer.statistics(),
            **self.webhooks.statistics(),
            "journal_erased_records": self.retention.erased_records,
            "journal_erased_fields": self.retention.erased_fields,
            "journal_retention_failing": float(self.retention.failing),
        }

    async def stop(self) -> None:
        """Write what is left, within `STOP_S`, and let go of everything."""
        self.reader.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.writer.stop(STOP_S)
        await self.webhooks.stop()
        log.info("journal closed", position=self._table.position, hash=self._table.hash.hex())
        await self.database.close()

    async def _start(self, spool_max_bytes: int, limits: WriterLimits | None) -> None:
        path = self._folder / files.SPOOL_NAME
        try:
            spool = Spool(path, max_bytes=spool_max_bytes)
        except OSError as error:
            raise DatabaseError(f"cannot use the journal's spool {path}: {error.strerror}") from None
        if spool.waiting_bytes:
            log.warning("the journal has records of an earlier run to write", bytes=spool.waiting_bytes)
        self.writer = JournalWriter(
            self._table, spool, committed=self._committed, note_head=self._note_head, limits=limits
        )
        await self._check_head()
        self.writer.start()
        while not await self.writer.drain(1.0):
            if self.writer.database_failing:
                await self.writer.stop(0)
                raise DatabaseError(f"the database {self.database.name} does not take the records of an earlier run")
        self.recovered = await close_open_rooms(self._table, timestamp(self._now_ms()))
        if self.recovered:
            closed = sum(record.event == "room_closed" for record in self.recovered)
            left = sum(record.event == "participant_left" for record in self.recovered)
            log.warning("an earlier run of the server ended without closing its rooms", rooms=closed, participants=left)
        self._note_head(self._table.position, self._table.hash)
        log.info(
            "journal opened",
            database=self.database.name,
            journal=self._table.journal_id,
            position=self._table.position,
            hash=self._table.hash.hex(),
        )
        self._tasks.append(asyncio.create_task(self.retention.run(), name="journal retention"))
        self._tasks.append(asyncio.create_task(self._count(), name="journal webhooks' outbox"))

    async def _count(self) -> None:
        while True:
            with contextlib.suppress(*DATABASE_ERRORS):  # of which the writer says more
                await self.webhooks.count()
            await asyncio.sleep(COUNT_EVERY_S)

    async def _check_head(self) -> None:
        """Whether the database still has what it had when the head was noted. Raises `DatabaseError`."""
        head = files.read_head(self._folder / files.HEAD_NAME)
        if head is None and self._table.position:
            log.warning(
                "no head of the journal was noted, so nobody can see whether the newest records are missing",
                position=self._table.position,
            )
        if head is None or (head.journal == self._table.journal_id and await self._table.has(head)):
            return
        log.error(
            "the journal is not the one whose head was noted: its end was removed or changed, or the database is "
            "another one or an old copy; `mediasrv journal verify` says more",
            noted_journal=head.journal,
            noted_position=head.position,
            journal=self._table.journal_id,
            position=self._table.position,
        )
        try:
            files.set_head_aside(self._folder)
        except OSError as error:
            raise DatabaseError(f"cannot write into {self._folder}: {error.strerror}") from None

    def _committed(self, _rows: Sequence[Row]) -> None:
        self.reader.committed()
        self.webhooks.wake()

    def _note_head(self, position: int, hash_: bytes) -> None:
        head = Head(journal=self._table.journal_id, position=position, hash=hash_.hex())
        path = self._folder / files.HEAD_NAME
        try:
            files.write_head(path, head)
        except OSError as error:
            if not self._head_failing:
                log.error("the journal's head cannot be noted", path=str(path), error=error.strerror)
            self._head_failing = True
        else:
            self._head_failing = False

    def _now_ms(self) -> int:
        return int(self._clock.time() * 1000)
