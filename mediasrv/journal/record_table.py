"""The records in the database: appended in one chain, each batch in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mediasrv.journal import chain, outbox
from mediasrv.journal.chain import Row, Signer
from mediasrv.journal.records import Record
from mediasrv.journal.settings import Webhook
from mediasrv.journal.verification import Head, Start
from mediasrv.store.database import Database, DatabaseError
from mediasrv.store.tables import journal_open_rooms, journal_records, journals


class RecordTable:
    """The one writer of the table. `position` is that of the last record that was committed; `webhooks` may change."""

    def __init__(self, database: Database, journal_id: str, signer: Signer, now_ms: Callable[[], int]) -> None:
        self.database = database
        self.journal_id = journal_id
        self.signer = signer
        self.webhooks: tuple[Webhook, ...] = ()
        self.position = 0
        self.hash = b""
        self._now_ms = now_ms
        # Whether the end of the table may be another than we remember, and hold what we are about to append: at first,
        # and after a transaction whose commit was not answered.
        self._unsure = True

    @classmethod
    async def open(cls, database: Database, key: bytes, new_id: str, now_ms: Callable[[], int]) -> RecordTable:
        """The journal of this database, or a new one called `new_id`. Raises `DatabaseError` if `key` is not its."""
        async with database.transaction() as connection:
            start = await read_start(connection)
            if start is None:
                signer = Signer(key, new_id)
                first = chain.genesis(new_id)
                await connection.execute(
                    journals.insert().values(
                        id=new_id,
                        key_id=chain.key_id(key),
                        pruned_position=0,
                        pruned_hash=first,
                        pruned_mac=signer.pruning(0, first),
                    )
                )
                start_id = new_id
            else:
                require_key(start, key, await read_key_id(connection))
                start_id = start.journal_id
        table = cls(database, start_id, Signer(key, start_id), now_ms)
        async with database.snapshot() as connection:
            table.position, table.hash = await _end_of(connection)
        return table

    async def append(self, records: Sequence[Record]) -> list[Row]:
        """Add those of `records` that are not there yet; returns their rows once they are committed.

        `records` are in the order of their rooms. Raises one of `DATABASE_ERRORS`; then all may be given again.
        """
        unsure, self._unsure = self._unsure, True
        fresh: Sequence[Record] = records
        async with self.database.transaction() as connection:
            position, hash_ = self.position, self.hash
            if unsure:
                position, hash_ = await _end_of(connection)
                fresh = await _missing(connection, records)
            rows = []
            for record in fresh:
                row = chain.seal(record, position + 1, hash_, self.signer)
                position, hash_ = row.position, row.hash
                rows.append(row)
            if rows:
                await connection.execute(journal_records.insert(), [msgspec.structs.asdict(row) for row in rows])
                await _note_rooms(connection, rows)
                await outbox.queue(connection, rows, self.webhooks, self._now_ms())
        self.position, self.hash = position, hash_
        # What was there already can only be the first of what is appended, so with a last one that was not, it ends.
        self._unsure = unsure and (not fresh or fresh[-1] is not records[-1])
        return rows

    async def has(self, head: Head) -> bool:
        """Whether the record of `head` is there as it was, or has been pruned. Raises one of `DATABASE_ERRORS`."""
        query = sa.select(journal_records.c.hash).where(journal_records.c.position == head.position)
        async with self.database.snapshot() as connection:
            start = await read_start(connection)
            if start is not None and head.position <= start.pruned_position:
                return head.position < start.pruned_position or start.pruned_hash.hex() == head.hash
            found: bytes | None = await connection.scalar(query)
        return found is not None and found.hex() == head.hash


async def read_start(connection: AsyncConnection) -> Start | None:
    """Where the chain begins; None if there is no journal."""
    row = (await connection.execute(sa.select(journals))).mappings().first()
    if row is None:
        return None
    return Start(
        journal_id=row["id"],
        pruned_position=row["pruned_position"],
        pruned_hash=row["pruned_hash"],
        pruned_mac=row["pruned_mac"],
    )


async def read_key_id(connection: AsyncConnection) -> str:
    return str(await connection.scalar(sa.select(journals.c.key_id)))


def require_key(start: Start, key: bytes, key_id: str) -> None:
    """Raises `DatabaseError` if the journal was not written with `key`."""
    if chain.key_id(key) != key_id:
        raise DatabaseError(
            f"the journal {start.journal_id} was written with another key ({key_id}) than the one in the key file "
            f"({chain.key_id(key)}): put the right journal.key back, or give the server a new database"
        )


async def read_rows(connection: AsyncConnection, after: int, limit: int, *where: sa.ColumnElement[bool]) -> list[Row]:
    """The rows behind position `after`, as they lie."""
    query = (
        sa.select(journal_records)
        .where(journal_records.c.position > after, *where)
        .order_by(journal_records.c.position)
        .limit(limit)
    )
    return [Row(**row) for row in (await connection.execute(query)).mappings()]


async def _end_of(connection: AsyncConnection) -> tuple[int, bytes]:
    """Position and hash of the last record."""
    query = sa.select(journal_records.c.position, journal_records.c.hash)
    last = (await connection.execute(query.order_by(journal_records.c.position.desc()).limit(1))).first()
    if last is None:
        last = (await connection.execute(sa.select(journals.c.pruned_position, journals.c.pruned_hash))).one()
    return last[0], last[1]


async def _missing(connection: AsyncConnection, records: Sequence[Record]) -> list[Record]:
    """Those that the table does not have, each once: a room's come in their order, so its highest number decides."""
    rooms = {record.room_id for record in records}
    query = (
        sa.select(journal_records.c.room_id, sa.func.max(journal_records.c.seq))
        .where(journal_records.c.room_id.in_(rooms))
        .group_by(journal_records.c.room_id)
    )
    last: dict[str, int] = {room_id: seq for room_id, seq in (await connection.execute(query)).all()}  # noqa: C416
    missing = []
    for record in records:
        if record.seq > last.get(record.room_id, 0):
            last[record.room_id] = record.seq
            missing.append(record)
    return missing


async def _note_rooms(connection: AsyncConnection, rows: Iterable[Row]) -> None:
    """Keep the table of open rooms."""
    opened = {row.room_id for row in rows if row.event == "room_opened"}
    closed = {row.room_id for row in rows if row.event == "room_closed"}
    if opened - closed:
        values = [{"room_id": room_id} for room_id in sorted(opened - closed)]
        await connection.execute(journal_open_rooms.insert(), values)
    if closed - opened:
        await connection.execute(journal_open_rooms.delete().where(journal_open_rooms.c.room_id.in_(closed - opened)))
