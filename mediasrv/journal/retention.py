"""Erases what has been kept as long as it may be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from mediasrv.journal import chain
from mediasrv.journal.chain import Row
from mediasrv.journal.kept_bans import erase_bans
from mediasrv.journal.record_table import RecordTable
from mediasrv.journal.records import EVENTS
from mediasrv.journal.settings import Retention
from mediasrv.rooms.clock import Clock
from mediasrv.store.database import DATABASE_ERRORS, words
from mediasrv.store.tables import journal_open_rooms, journal_records, journals, webhook_outbox

log = structlog.get_logger("journal.retention")

EVERY_S = 600.0
FIRST_S = 30.0
BATCH = 500  # rows in a transaction: as long as a new record may have to wait


class RetentionTask:
    """Enforces a `Retention`, which may change, every ten minutes."""

    def __init__(self, table: RecordTable, retention: Retention, clock: Clock) -> None:
        self.retention = retention
        self.erased_records = 0
        self.erased_fields = 0
        self.pruned_records = 0
        self.failing = False
        self._table = table
        self._clock = clock

    async def run(self) -> None:
        delay_s = FIRST_S
        while True:
            await asyncio.sleep(delay_s)
            delay_s = EVERY_S
            try:
                await self.enforce()
            except DATABASE_ERRORS as error:
                if not self.failing:
                    log.error("what is due cannot be erased from the journal", error=words(error))
                self.failing = True
            else:
                self.failing = False

    async def enforce(self) -> None:
        """Erase all that is due now. Raises one of `DATABASE_ERRORS`; what was erased by then stays so."""
        now_ms = int(self._clock.time() * 1000)
        before = (self.erased_records, self.erased_fields)
        while await self._erase_records(now_ms):
            pass
        for before_ms, names in self._due_fields(now_ms):
            await self._erase_fields(before_ms, names, now_ms)
        while await self._prune():
            pass
        records, fields = self.erased_records - before[0], self.erased_fields - before[1]
        if records or fields:
            await self._table.database.forget_erased()
            log.info("erased from the journal", records=records, fields=fields)

    async def erase_person(self, identity: str) -> int:
        """Erase the personal fields of all records that name `identity`, and its bans. Returns how many records."""
        now_ms = int(self._clock.time() * 1000)
        needle = chain.encode(identity)
        where = journal_records.c.personal.contains(needle, autoescape=True)
        changed = await self._erase_fields_where([where], lambda row: _names_of(row, identity), now_ms)
        if await erase_bans(self._table.database, identity) or changed:
            await self._table.database.forget_erased()
        return changed

    # --- whole records -----------------------------------------------------------------------------------------

    async def _erase_records(self, now_ms: int) -> bool:
        """Erase some records whose time is over, but none of a room that is open. False if there were none."""
        due = _due_records(self.retention, now_ms)
        if due is None:
            return False
        open_rooms = sa.select(journal_open_rooms.c.room_id)
        query = (
            sa.select(journal_records)
            .where(due, journal_records.c.room_id.not_in(open_rooms))
            .order_by(journal_records.c.position)
            .limit(BATCH)
        )
        async with self._table.database.transaction() as connection:
            rows = [Row(**row) for row in (await connection.execute(query)).mappings()]
            await _update(connection, [chain.erase(row, now_ms, self._table.signer) for row in rows])
        self.erased_records += len(rows)
        return bool(rows)

    async def _prune(self) -> bool:
        """Remove erased records that lie before all others, and note where the chain goes on. False if none was."""
        async with self._table.database.transaction() as connection:
            position = journal_records.c.position
            kept = sa.select(position).where(journal_records.c.content.is_not(None)).order_by(position).limit(1)
            # The last record stays, erased or not: the next one goes behind it.
            last = sa.select(sa.func.max(position))
            first_kept = await connection.scalar(kept) or await connection.scalar(last)
            if first_kept is None:
                return False
            query = sa.select(position, journal_records.c.hash).where(position < first_kept)
            gone = (await connection.execute(query.order_by(position).limit(BATCH))).all()
            if not gone:
                return False
            end, hash_ = gone[-1]
            await connection.execute(journal_records.delete().where(position <= end))
            # Nothing is left that could be delivered.
            await connection.execute(webhook_outbox.delete().where(webhook_outbox.c.position <= end))
            start = {"pruned_position": end, "pruned_hash": hash_}
            mac = self._table.signer.pruning(end, hash_)
            await connection.execute(journals.update().values(**start, pruned_mac=mac))
        self.pruned_records += len(gone)
        return True

    # --- personal fields ---------------------------------------------------------------------------------------

    def _due_fields(self, now_ms: int) -> Iterable[tuple[int, frozenset[str]]]:
        """Which fields are due of records before which time; those with the same time together."""
        spans: dict[int, set[str]] = {}
        for name, span in self.retention.field.items():
            if span is not None:
                spans.setdefault(span, set()).add(name)
        return [(now_ms - span, frozenset(names)) for span, names in sorted(spans.items())]

    async def _erase_fields(self, before_ms: int, names: frozenset[str], now_ms: int) -> None:
        due = [journal_records.c.personal.is_not(None), journal_records.c.ts_ms < before_ms]
        any_of = [journal_records.c.personal.contains(f'"{name}":', autoescape=True) for name in sorted(names)]
        await self._erase_fields_where([*due, sa.or_(*any_of)], lambda _row: names, now_ms)

    async def _erase_fields_where(
        self, where: Sequence[sa.ColumnElement[bool]], names_of: Callable[[Row], frozenset[str]], now_ms: int
    ) -> int:
        """Erase the fields that `names_of` names. Returns of how many records."""
        after = changed = 0
        while True:
            query = (
                sa.select(journal_records)
                .where(journal_records.c.position > after, *where)
                .order_by(journal_records.c.position)
                .limit(BATCH)
            )
            async with self._table.database.transaction() as connection:
                rows = [Row(**row) for row in (await connection.execute(query)).mappings()]
                signer = self._table.signer
                pairs = [(row, chain.erase_fields(row, names_of(row), now_ms, signer)) for row in rows]
                fresh = [after_ for before, after_ in pairs if after_ != before]
                await _update(connection, fresh)
            changed += len(fresh)
            self.erased_fields += sum(_fields_of(before) - _fields_of(after_) for before, after_ in pairs)
            if not rows:
                return changed
            after = rows[-1].position


def _due_records(retention: Retention, now_ms: int) -> sa.ColumnElement[bool] | None:
    """What is true of a record whose event's time is over; None if all are kept for ever."""
    events: dict[int, list[str]] = {}  # by time to keep
    for event in sorted(EVENTS):
        if (span := retention.of_event(event)) is not None:
            events.setdefault(span, []).append(event)
    cases = [
        sa.and_(journal_records.c.event.in_(named), journal_records.c.ts_ms < now_ms - span)
        for span, named in events.items()
    ]
    return sa.or_(*cases) if cases else None


def _names_of(row: Row, identity: str) -> frozenset[str]:
    """All personal fields of a record that is about `identity`."""
    personal = chain.decode_personal(row.personal)
    salt_and_identity = personal.get("identity")
    return frozenset(personal) if salt_and_identity is not None and salt_and_identity[1] == identity else frozenset()


def _fields_of(row: Row) -> int:
    return len(chain.decode_personal(row.personal))


async def _update(connection: AsyncConnection, rows: list[Row]) -> None:
    if not rows:
        return
    columns = [name for name in Row.__struct_fields__ if name not in ("position", "hash", "mac", "room_id", "seq")]
    change = (
        journal_records.update()
        .where(journal_records.c.position == sa.bindparam("at"))
        .values({name: sa.bindparam(name) for name in columns})
    )
    values = [{"at": row.position, **{name: getattr(row, name) for name in columns}} for row in rows]
    await connection.execute(change, values)
