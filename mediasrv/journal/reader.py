"""What programs read of the journal: a part of it, or all from some position on and then what comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import sqlalchemy as sa

from mediasrv.journal import chain
from mediasrv.journal.chain import Row
from mediasrv.journal.record_table import read_rows
from mediasrv.journal.records import StoredRecord
from mediasrv.store.database import Database
from mediasrv.store.tables import journal_records

READ_MAX = 1_000
_NOT_ERASED = journal_records.c.content.is_not(None)


class JournalReader:
    """Positions grow with every record of any room and are never given twice; where records were erased, some are
    missing. Readers come at their own pace: nothing is kept for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._news = asyncio.Event()  # of the next commit
        self._closed = False

    async def read(self, room: str | None = None, *, after: int = 0, limit: int = 100) -> list[StoredRecord]:
        """The records behind position `after`, oldest first, at most `limit` and `READ_MAX`; all but those that were
        erased. `room`: of all openings of the room with this name. Raises one of `DATABASE_ERRORS`."""
        where: list[sa.ColumnElement[bool]] = [_NOT_ERASED]
        if room is not None:
            where.append(journal_records.c.room == chain.searchable(room))
        async with self._database.snapshot() as connection:
            rows = await read_rows(connection, after, min(limit, READ_MAX), *where)
        return [stored for row in rows if (stored := stored_record(row)) is not None]

    async def last(self, room: str | None, limit: int) -> list[StoredRecord]:
        """The newest `limit` records, oldest first. Raises one of `DATABASE_ERRORS`."""
        query = sa.select(journal_records).where(_NOT_ERASED).order_by(journal_records.c.position.desc())
        if room is not None:
            query = query.where(journal_records.c.room == chain.searchable(room))
        async with self._database.snapshot() as connection:
            rows = [Row(**row) for row in (await connection.execute(query.limit(limit))).mappings()]
        return [stored for row in reversed(rows) if (stored := stored_record(row)) is not None]

    async def last_position(self) -> int:
        """Of the newest record; 0 if there is none. Raises one of `DATABASE_ERRORS`."""
        async with self._database.snapshot() as connection:
            return await connection.scalar(sa.select(sa.func.max(journal_records.c.position))) or 0

    async def position_at(self, ts_ms: int) -> int:
        """That of the last record before a time: to read from then on. Raises one of `DATABASE_ERRORS`."""
        query = sa.select(sa.func.min(journal_records.c.position)).where(journal_records.c.ts_ms >= ts_ms)
        async with self._database.snapshot() as connection:
            first: int | None = await connection.scalar(query)
        return first - 1 if first is not None else await self.last_position()

    async def follow(self, room: str | None = None, *, after: int | None = None) -> AsyncIterator[StoredRecord]:
        """What comes behind `after`, without end; None: from now on. Raises one of `DATABASE_ERRORS`.

        A record is given once it is committed. Ends when the journal is closed.
        """
        at = await self.last_position() if after is None else after
        while not self._closed:
            news = self._news  # of what comes while we read
            found = await self.read(room, after=at, limit=READ_MAX)
            for record in found:
                at = record.position
                yield record
            if not found:
                await news.wait()

    def committed(self) -> None:
        """There is more to read."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def close(self) -> None:
        """Whoever follows comes to an end."""
        self._closed = True
        self.committed()


def stored_record(row: Row) -> StoredRecord | None:
    """A row as readers see it; None if it was erased."""
    record = chain.record_of(row.content, row.personal)
    if record is None:
        return None
    erased = tuple(sorted(chain.decode_erased(row.erased)))
    return StoredRecord(position=row.position, erased=erased, **msgspec.structs.asdict(record))
