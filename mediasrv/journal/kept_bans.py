"""Bans outlive the server: read when it starts, and written down as they are imposed and lifted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from mediasrv.rooms.bans import Ban, Bans
from mediasrv.rooms.clock import Clock
from mediasrv.store.database import DATABASE_ERRORS, Database, words
from mediasrv.store.tables import bans as table

log = structlog.get_logger("bans")

PRUNE_EVERY_S = 600.0
RETRY_S = 5.0
SETTLE_S = 5.0  # who imposes a ban waits no longer to hear whether it is kept
STOP_S = 2.0


class KeptBans:
    """Keeps table `bans` equal to `bans`. A ban is in force before it is written; who imposes it waits for that.

    What is missing in the table is seen by comparison, so any number of changes while the database is away costs no
    memory, and one write when it is back.
    """

    def __init__(self, bans: Bans, database: Database, clock: Clock, *, retry_s: float = RETRY_S) -> None:
        self.failing = False
        self._bans = bans
        self._database = database
        self._clock = clock
        self._retry_s = retry_s
        self._stored: set[str] = set()  # ids of the rows of the table
        self._changed = asyncio.Event()
        self._changes = 0  # how many there were, and how many of them a restart knows of
        self._changes_written = 0
        self._attempt = asyncio.Event()  # set, and replaced, when a write is over
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, bans: Bans, database: Database, clock: Clock) -> KeptBans:
        """Have `bans` begin with those that are kept and hold. Raises one of `DATABASE_ERRORS`."""
        kept = cls(bans, database, clock)
        await kept._read()
        bans.on_change = kept._note_change
        bans.settled = kept.settled
        kept._task = asyncio.create_task(kept._run(), name="bans")
        return kept

    @property
    def waiting(self) -> int:
        """How many bans are yet to be written down or removed."""
        return len(self._stored.symmetric_difference(self._bans.ids))

    def statistics(self) -> Mapping[str, float]:
        return {"ban_store_failing": float(self.failing), "ban_store_waiting": self.waiting}

    async def settled(self) -> bool:
        """Wait until all changes until now are written down. False: they are not (yet), since the database fails or has
        not taken them within `SETTLE_S`."""
        wanted = self._changes
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while self._changes_written < wanted and not self.failing:
                    await self._attempt.wait()
        return self._changes_written >= wanted

    async def write(self) -> None:
        """Make the table equal now. Raises one of `DATABASE_ERRORS`; then it is as it was."""
        async with self._writing:
            self._bans.prune(self._clock.time())
            async with self._database.transaction() as connection:
                rows = set((await connection.execute(sa.select(table.c.id))).scalars())
                for ban_id in self._stored - rows:  # erased by somebody else, with the person
                    self._bans.discard(ban_id)
                held, changes = {ban.id: ban for ban in self._bans}, self._changes
                await _change(connection, [held[ban_id] for ban_id in held.keys() - rows], rows - held.keys())
            removed = bool(rows - held.keys())
            self._stored = set(held)
            self._changes_written = changes
            self._wake()
        if removed:
            await self._database.forget_erased()

    async def stop(self) -> None:
        """Write what is left, if the database takes it."""
        self._bans.on_change = self._bans.settled = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with asyncio.timeout(STOP_S):
                if self.waiting:
                    await self.write()
        except DATABASE_ERRORS as error:
            log.error("bans are lost with this server: the database does not take them",
                      bans=self.waiting, error=words(error))  # fmt: skip

    def _note_change(self) -> None:
        self._changes += 1
        self._changed.set()

    def _wake(self) -> None:
        """A write is over, well or not."""
        self._attempt.set()
        self._attempt = asyncio.Event()

    async def _read(self) -> None:
        async with self._database.snapshot() as connection:
            rows = (await connection.execute(sa.select(table.c.id, table.c.content).order_by(table.c.since_ms))).all()
        now = self._clock.time()
        for ban_id, content in rows:
            self._stored.add(ban_id)
            ban = msgspec.json.decode(content, type=Ban)
            if ban.until > now:
                self._bans.add(ban, now)

    async def _run(self) -> None:
        wait_s = 0.0  # those whose time was up while no server ran go at once
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            try:
                await self.write()
            except DATABASE_ERRORS as error:
                if not self.failing:
                    log.error("bans cannot be written down: until they are, a restart forgets them", error=words(error))
                self.failing = True
                self._wake()
                await asyncio.sleep(self._retry_s)
                wait_s = 0.0
            else:
                self.failing = False
                wait_s = PRUNE_EVERY_S


async def erase_bans(database: Database, identity: str) -> int:
    """Remove the bans of `identity` in all rooms; a running server lifts them within `PRUNE_EVERY_S`.

    Returns how many. Raises one of `DATABASE_ERRORS`.
    """
    async with database.transaction() as connection:
        rows = (await connection.execute(sa.select(table.c.id, table.c.content))).all()
        gone = {ban_id for ban_id, content in rows if msgspec.json.decode(content, type=Ban).identity == identity}
        await _change(connection, [], gone)
    return len(gone)


async def _change(connection: AsyncConnection, add: list[Ban], remove: set[str]) -> None:
    if remove:
        gone = table.delete().where(table.c.id == sa.bindparam("gone"))
        await connection.execute(gone, [{"gone": ban_id} for ban_id in remove])
    if add:
        await connection.execute(table.insert(), [_row(ban) for ban in add])


def _row(ban: Ban) -> dict[str, object]:
    content = msgspec.json.encode(ban).decode()
    since_ms, until_ms = int(ban.since * 1000), int(ban.until * 1000)
    return {"id": ban.id, "since_ms": since_ms, "until_ms": until_ms, "content": content}
