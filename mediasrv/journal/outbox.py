"""What webhooks have yet to be told, in the same database and transaction as the records themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mediasrv.journal import chain
from mediasrv.journal.chain import Row
from mediasrv.journal.records import Record
from mediasrv.journal.settings import Webhook
from mediasrv.store.database import Database
from mediasrv.store.tables import journal_records, webhook_outbox

ERROR_MAX_CHARACTERS = 200


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One record for one webhook. `record` is None if it was erased meanwhile. `dead_ms`: when it was given up."""

    webhook: str
    position: int
    room_id: str
    attempts: int
    queued_ms: int
    dead_ms: int | None
    error: str | None
    record: Record | None

    @property
    def key(self) -> tuple[str, int]:
        return self.webhook, self.position


async def queue(connection: AsyncConnection, rows: Iterable[Row], webhooks: Sequence[Webhook], now_ms: int) -> None:
    """Note a delivery of each row for each webhook that wants it."""
    values = [
        {
            "webhook": webhook.called,
            "position": row.position,
            "room_id": row.room_id,
            "attempts": 0,
            "queued_ms": now_ms,
        }
        for row in rows
        for webhook in webhooks
        if row.event is not None and webhook.wants(row.event)
    ]
    if values:
        await connection.execute(webhook_outbox.insert(), values)


class Outbox:
    """Deliveries, oldest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pending(self, webhook: str, limit: int, *, without_rooms: Collection[str] = ()) -> list[Delivery]:
        where: list[sa.ColumnElement[bool]] = [webhook_outbox.c.webhook == webhook, webhook_outbox.c.dead_ms.is_(None)]
        if without_rooms:
            where.append(webhook_outbox.c.room_id.not_in(without_rooms))
        return await self._select(where, limit)

    async def dead(self, limit: int, webhook: str | None = None) -> list[Delivery]:
        where: list[sa.ColumnElement[bool]] = [webhook_outbox.c.dead_ms.is_not(None)]
        if webhook is not None:
            where.append(webhook_outbox.c.webhook == webhook)
        return await self._select(where, limit)

    async def counts(self) -> tuple[int, int]:
        """How many are pending, and how many dead."""
        query = sa.select(sa.func.count(), sa.func.count(webhook_outbox.c.dead_ms)).select_from(webhook_outbox)
        async with self._database.snapshot() as connection:
            every, dead = (await connection.execute(query)).one()
        return every - dead, dead

    async def delivered(self, webhook: str, positions: Collection[int]) -> None:
        await self._delete(webhook_outbox.c.webhook == webhook, webhook_outbox.c.position.in_(positions))

    async def failed(self, delivery: Delivery, error: str, *, dead_ms: int | None) -> None:
        """Note one more attempt; with `dead_ms` it was the last."""
        change = webhook_outbox.update().where(*_is(delivery.webhook, delivery.position))
        error = error[:ERROR_MAX_CHARACTERS]
        async with self._database.transaction() as connection:
            await connection.execute(change.values(attempts=delivery.attempts + 1, error=error, dead_ms=dead_ms))

    async def expire(self, webhook: str, before_ms: int, error: str, now_ms: int) -> int:
        """Give up what was queued before `before_ms`. Returns how many."""
        due = (webhook_outbox.c.webhook == webhook, webhook_outbox.c.dead_ms.is_(None))
        change = webhook_outbox.update().where(*due, webhook_outbox.c.queued_ms <= before_ms)
        async with self._database.transaction() as connection:
            result = await connection.execute(change.values(dead_ms=now_ms, error=error[:ERROR_MAX_CHARACTERS]))
        return int(result.rowcount)

    async def revive(self, positions: Collection[int], webhook: str | None, now_ms: int) -> int:
        """Send dead ones again, all if `positions` is empty. Returns how many."""
        change = webhook_outbox.update().where(webhook_outbox.c.dead_ms.is_not(None))
        if positions:
            change = change.where(webhook_outbox.c.position.in_(positions))
        if webhook is not None:
            change = change.where(webhook_outbox.c.webhook == webhook)
        async with self._database.transaction() as connection:
            result = await connection.execute(change.values(dead_ms=None, attempts=0, queued_ms=now_ms))
        return int(result.rowcount)

    async def drop_dead(self, positions: Collection[int], webhook: str | None) -> int:
        """Forget dead ones. Returns how many."""
        where: list[sa.ColumnElement[bool]] = [webhook_outbox.c.dead_ms.is_not(None)]
        if positions:
            where.append(webhook_outbox.c.position.in_(positions))
        if webhook is not None:
            where.append(webhook_outbox.c.webhook == webhook)
        return await self._delete(*where)

    async def drop_others(self, webhooks: Collection[str]) -> int:
        """Forget what is pending for receivers that are not among `webhooks`, those that are configured."""
        return await self._delete(webhook_outbox.c.webhook.not_in(webhooks), webhook_outbox.c.dead_ms.is_(None))

    async def _delete(self, *where: sa.ColumnElement[bool]) -> int:
        async with self._database.transaction() as connection:
            return int((await connection.execute(webhook_outbox.delete().where(*where))).rowcount)

    async def _select(self, where: Iterable[sa.ColumnElement[bool]], limit: int) -> list[Delivery]:
        query = (
            sa.select(webhook_outbox, journal_records.c.content, journal_records.c.personal)
            .outerjoin(journal_records, journal_records.c.position == webhook_outbox.c.position)
            .where(*where)
            .order_by(webhook_outbox.c.position)
            .limit(limit)
        )
        async with self._database.snapshot() as connection:
            found = (await connection.execute(query)).mappings().all()
        return [
            Delivery(
                **{name: row[name] for name in Delivery.__struct_fields__ if name != "record"},
                record=chain.record_of(row["content"], row["personal"]),
            )
            for row in found
        ]


def _is(webhook: str, position: int) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return webhook_outbox.c.webhook == webhook, webhook_outbox.c.position == position
