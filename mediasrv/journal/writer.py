"""The way of a record into the database: a queue in memory, then the spool on the disk, then a transaction.

Nothing of it holds a room up: `write` appends to a queue and returns. Whatever is slow or broken behind it, order is
kept, and what is given up in the end is counted, said aloud and written down.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeVar

import structlog

from mediasrv.journal.chain import Row
from mediasrv.journal.losses import Losses
from mediasrv.journal.record_table import RecordTable
from mediasrv.journal.records import Record
from mediasrv.journal.spool import Spool, encode_line
from mediasrv.store.database import DATABASE_ERRORS, words

log = structlog.get_logger("journal.writer")

GATHERED_BYTES = 32 << 10  # of the spool, after which its records are not waited with

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """`queue` records wait in memory for the spool, `batch` go into one transaction, which has `transaction_s`.

    Between two transactions are `gather_s`, and between two writes to the spool `spool_gather_s`, unless much waits:
    each costs as much as dozens of records.
    """

    queue: int = 20_000
    batch: int = 256
    transaction_s: float = 30.0
    gather_s: float = 0.02
    spool_gather_s: float = 0.005
    retry_first_s: float = 0.1
    retry_last_s: float = 5.0
    spool_retry_s: float = 1.0
    sync_s: float = 1.0  # between two syncs of the spool while the database does not take what is in it
    behind_s: float = 5.0  # after which it is said that the database is slow


class _Pace:
    """Keeps a time between the beginnings of what is done again and again; what comes alone waits for nothing."""

    def __init__(self, between_s: float) -> None:
        self._between_s = between_s
        self._due = 0.0

    async def wait(self) -> None:
        loop = asyncio.get_running_loop()
        if (left_s := self._due - loop.time()) > 0:
            await asyncio.sleep(left_s)
        self._due = loop.time() + self._between_s


class JournalWriter:
    """A sink. `committed` is told the rows of each transaction; `head` writes down how far the journal is."""

    def __init__(
        self,
        table: RecordTable,
        spool: Spool,
        *,
        committed: Callable[[Sequence[Row]], None],
        note_head: Callable[[int, bytes], None],
        limits: WriterLimits | None = None,
    ) -> None:
        self.written = 0
        self.transactions = 0
        self.database_failing = False
        self.spool_failing = False
        self.behind = False
        self.losses = Losses()
        self._table = table
        self._spool = spool
        self._committed = committed
        self._note_head = note_head
        self._limits = limits or WriterLimits()
        self._queue: deque[tuple[Record, bytes]] = deque()  # with their lines for the spool
        self._refused = 0  # how many of the queue's first the disk did not take: the database may have them from memory
        self._queue_lock = asyncio.Lock()  # held while the first records of the queue are being put somewhere
        self._queued = asyncio.Event()
        self._spooled = asyncio.Event()
        self._taken = asyncio.Event()  # some of the queue was, or the disk fails
        self._idle = asyncio.Event()
        self._idle.set()
        self._waiting_since: float | None = None  # since when the database owes us a transaction
        # One thread, so that the spool's calls follow each other, and a disk that hangs holds nobody else up.
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="mediasrv-journal")
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._fill_spool(), name="journal spool"),
            asyncio.create_task(self._empty_spool(), name="journal database"),
            asyncio.create_task(self._watch(), name="journal watch"),
        ]
        if self._spool.waiting_bytes:  # what an earlier run left behind
            self._idle.clear()
            self._spooled.set()

    def write(self, record: Record) -> None:
        """Take a record; it is in the spool a few milliseconds later."""
        # Once some are lost, so are the next ones until those are told of: a room's records keep their order.
        if self.losses.untold or len(self._queue) >= self._limits.queue:
            if self.losses.add(record):
                log.error(
                    "the journal loses records: neither the disk nor the database takes them, and memory is full",
                    waiting=len(self._queue),
                )
            return
        try:
            line = encode_line(record)
        except (TypeError, ValueError) as error:
            self.losses.add(record)
            log.error("the journal cannot write a record down", record_event=record.event, error=str(error))
            self._tell_losses()
            return
        self._push(record, line)

    async def has_room(self) -> None:
        """Wait until half of what may wait in memory does, or the disk takes nothing."""
        while len(self._queue) > self._limits.queue // 2 and not self.spool_failing:
            self._taken.clear()
            await self._taken.wait()

    async def drain(self, timeout_s: float) -> bool:
        """Wait until everything is in the database. False if that took too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
                return True
        return False

    async def stop(self, timeout_s: float) -> None:
        """Write what is left; what the database does not take in time waits in the spool for the next start."""
        drained = await self.drain(timeout_s)
        filling, emptying, watching = self._tasks
        emptying.cancel()
        watching.cancel()
        async with self._queue_lock:  # so that nothing is half way between memory and spool
            filling.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not drained:
            with contextlib.suppress(OSError):
                await self._on_disk(partial(self._spool.append, [line for _, line in self._queue]))
                self._queue.clear()
            log.warning(
                "the database did not take everything; the next start writes what waits in the spool",
                bytes=self._spool.waiting_bytes,
                lost=len(self._queue),
            )
        with contextlib.suppress(OSError):
            await self._on_disk(self._spool.sync)
        await self._on_disk(self._spool.close)
        self._disk.shutdown(wait=False)

    def statistics(self) -> dict[str, float]:
        """Counters and gauges, by name."""
        waiting = self._waiting_since
        return {
            "journal_records_written": self.written,
            "journal_transactions": self.transactions,
            "journal_records_lost": self.losses.count,
            "journal_spool_damaged_lines": self._spool.damaged,
            "journal_queue_records": len(self._queue),
            "journal_spool_bytes": self._spool.waiting_bytes,
            "journal_database_lag_seconds": 0.0 if waiting is None else asyncio.get_running_loop().time() - waiting,
            "journal_database_failing": float(self.database_failing),
            "journal_database_slow": float(self.behind),
            "journal_spool_failing": float(self.spool_failing),
            "journal_losing": float(self.losses.untold),
            "journal_position": self._table.position,
        }

    # --- memory -----------------------------------------------------------------------------------------------

    def _push(self, record: Record, line: bytes) -> None:
        self._queue.append((record, line))
        self._idle.clear()
        self._queued.set()

    def _shift(self, count: int) -> None:
        """The first `count` of the queue have been put somewhere."""
        for _ in range(count):
            self._queue.popleft()
        self._refused = max(0, self._refused - count)
        self._taken.set()
        if self.losses.untold and len(self._queue) <= self._limits.queue // 2:
            self._tell_losses()

    def _tell_losses(self) -> None:
        log.error("records of the journal were lost; it says which", lost_in_all=self.losses.count)
        for record in self.losses.take():
            self._push(record, encode_line(record))

    # --- memory to spool ---------------------------------------------------------------------------------------

    async def _fill_spool(self) -> None:
        pace = _Pace(self._limits.spool_gather_s)
        while True:
            await self._queued.wait()
            self._queued.clear()
            while self._queue:
                if len(self._queue) < self._limits.batch:
                    await pace.wait()
                done = await self._spool_queue()
                self._spooled.set()  # if not done, the database may still take them from memory
                if not done:
                    await asyncio.sleep(self._limits.spool_retry_s)

    async def _spool_queue(self) -> bool:
        async with self._queue_lock:
            lines = [line for _, line in islice(self._queue, 4 * self._limits.batch)]
            if not lines:
                return True
            try:
                await self._on_disk(partial(self._spool.append, lines))
            except OSError as error:
                self._refused = len(lines)
                if not self.spool_failing:
                    self.spool_failing = True
                    self._taken.set()
                    log.error(
                        "the journal cannot write to its spool: free disk space, or mend the disk; "
                        "records wait in memory alone",
                        path=str(self._spool.path),
                        error=error.strerror or str(error),
                    )
                return False
            if self.spool_failing:
                self.spool_failing = False
                log.warning("the journal writes to its spool again")
            self._shift(len(lines))
            return True

    # --- spool to database -------------------------------------------------------------------------------------

    async def _empty_spool(self) -> None:
        delay_s = self._limits.retry_first_s
        pace = _Pace(self._limits.gather_s)
        while True:
            await self._spooled.wait()
            self._spooled.clear()
            while self._spool.waiting_bytes or self._refused:
                if self._spool.waiting_bytes < GATHERED_BYTES and not self._refused:
                    await pace.wait()
                if not await self._store_some():
                    break
                if not self.database_failing:
                    delay_s = self._limits.retry_first_s
                    continue
                await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
                delay_s = min(delay_s * 2, self._limits.retry_last_s)
            if not self._queue and not self._spool.waiting_bytes:
                self._idle.set()
                if self.behind:
                    self.behind = False
                    log.warning("the journal's database has caught up")

    async def _store_some(self) -> bool:
        """Bring a batch into the database, or fail to. False if there was nothing to bring."""
        records, end = await self._on_disk(partial(self._spool.peek, self._limits.batch))
        if records:
            if await self._store(records):
                await self._on_disk(partial(self._spool.remove, end))
            return True
        if end > 0 and self._spool.waiting_bytes:  # nothing but damaged lines
            log.error("the journal's spool is damaged: lines of it cannot be read", damaged=self._spool.damaged)
            await self._on_disk(partial(self._spool.remove, end))
            return True
        if not self._refused:
            return False
        async with self._queue_lock:
            records = [record for record, _ in islice(self._queue, min(self._refused, self._limits.batch))]
            if records and not self._spool.waiting_bytes and await self._store(records):
                self._shift(len(records))
        return True

    async def _store(self, records: Sequence[Record]) -> bool:
        loop = asyncio.get_running_loop()
        if self._waiting_since is None:
            self._waiting_since = loop.time()
        try:
            async with asyncio.timeout(self._limits.transaction_s):
                rows = await self._table.append(records)
        except DATABASE_ERRORS as error:
            if not self.database_failing:
                self.database_failing = True
                log.error(
                    "the journal's database takes no records; they wait on the disk",
                    database=self._table.database.name,
                    error=words(error),
                )
            return False
        self._say_whether_behind()
        self._waiting_since = None
        if self.database_failing:
            self.database_failing = False
            log.warning("the journal's database takes records again", database=self._table.database.name)
        self.transactions += 1
        self.written += len(rows)
        if rows:
            self._committed(rows)
            await self._on_disk(partial(self._note_head, self._table.position, self._table.hash))
        return True

    async def _watch(self) -> None:
        """While the database owes a transaction, make sure of what waits for it on the disk."""
        while True:
            await asyncio.sleep(self._limits.sync_s)
            if self._waiting_since is not None:
                self._say_whether_behind()
                with contextlib.suppress(OSError):
                    await self._on_disk(self._spool.sync)

    def _say_whether_behind(self) -> None:
        """Whether the transaction that is under way takes long; of one that fails, more has been said."""
        if self._waiting_since is None or self.database_failing:
            return
        waited_s = asyncio.get_running_loop().time() - self._waiting_since
        if waited_s >= self._limits.behind_s and not self.behind:
            self.behind = True
            log.error("the journal's database is slow; records wait on the disk", seconds=round(waited_s, 1))

    async def _on_disk(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, call)
