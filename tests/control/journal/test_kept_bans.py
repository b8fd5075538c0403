"""Bans outlive the server, go when their time is up or their person is erased, and wait for a database that is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
import sqlalchemy as sa

from mediasrv.journal import kept_bans
from mediasrv.journal.kept_bans import KeptBans
from mediasrv.rooms.bans import Ban, Bans
from mediasrv.rooms.errors import RoomError
from mediasrv.store.database import Database, DatabaseError
from mediasrv.store.tables import bans as table
from tests.control.slow_commits import slow_commits

from .harness import JournalHarness


def ban(harness: JournalHarness, identity: str | None, for_s: float = 60, **what: str) -> Ban:
    now = harness.clock.time()
    return Ban("standup", now + for_s, "p_host", "spam", identity, since=now, **what)


@asynccontextmanager
async def kept(harness: JournalHarness) -> AsyncIterator[tuple[Bans, KeptBans]]:
    """As a server has them from its start to its stop."""
    database = await harness.connect()
    bans = Bans()
    keeping = await KeptBans.open(bans, database, harness.clock)
    try:
        yield bans, keeping
    finally:
        await keeping.stop()
        await database.close()


async def rows(harness: JournalHarness) -> list[str]:
    async with (await harness.reader()).snapshot() as connection:
        return [each for (each,) in await connection.execute(sa.select(table.c.content).order_by(table.c.since_ms))]


def away(_database: Database) -> None:
    """Instead of a transaction."""
    raise DatabaseError("the disk is full")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  tables announce nothing
            await asyncio.sleep(0.005)


async def test_they_are_there_after_a_restart_as_they_were(any_harness):
    harness = any_harness
    odd = ban(harness, 'm"al\x00 \u202e', 600)
    harness.clock.now += 1
    here = ban(harness, None, 60, network="203.0.113.7")
    async with kept(harness) as (bans, keeping):
        for each in (odd, here, ban(harness, "lifted")):
            bans.add(each, harness.clock.time())
        bans.lift("standup", list(bans)[-1].id)
        await until(lambda: not keeping.waiting)
    async with kept(harness) as (bans, _):
        assert list(bans) == [odd, here]
        for who in [(odd.identity, None), ("eve", "203.0.113.7")]:
            with pytest.raises(RoomError, match="has banned you"):
                bans.check("standup", *who, harness.clock.time())
        bans.check("elsewhere", str(odd.identity), None, harness.clock.time())


async def test_who_kills_a_server_gets_nobody_back_in(harness):
    """What was written down does not wait for the stop."""
    database = await harness.connect()
    bans = Bans()
    keeping = await KeptBans.open(bans, database, harness.clock)
    bans.add(ban(harness, "mal"), harness.clock.time())
    await until(lambda: not keeping.waiting)
    async with kept(harness) as (after, _):  # while the one before never stopped
        assert [each.identity for each in after] == ["mal"]
    await keeping.stop()
    await database.close()


async def test_who_bans_hears_of_it_when_it_is_written_down(any_harness, monkeypatch):
    harness = any_harness
    async with kept(harness) as (bans, keeping):
        assert bans.settled is not None
        assert await bans.settled()  # nothing to wait for
        commits = slow_commits(monkeypatch)
        bans.add(ban(harness, "mal"), harness.clock.time())
        answer = asyncio.ensure_future(bans.settled())
        await until(lambda: keeping._writing.locked())
        bans.add(ban(harness, "eve"), harness.clock.time())  # after the write had begun, so it takes another
        later = asyncio.ensure_future(bans.settled())
        assert not answer.done()
        commits.set()
        assert await asyncio.wait_for(answer, 20)
        assert "mal" in str(await rows(harness))
        assert await asyncio.wait_for(later, 20)
        assert len(await rows(harness)) == 2
        bans.lift("standup", next(iter(bans)).id)
        assert await bans.settled()
        assert len(await rows(harness)) == 1


async def test_a_database_that_is_too_slow_or_fails_is_not_waited_for(harness, monkeypatch):
    async with kept(harness) as (bans, keeping):
        monkeypatch.setattr(kept_bans, "SETTLE_S", 0.01)
        async with keeping._writing:
            bans.add(ban(harness, "mal"), harness.clock.time())
            assert not await keeping.settled()
        monkeypatch.setattr(kept_bans, "SETTLE_S", 60.0)
        assert await keeping.settled()
        monkeypatch.setattr(Database, "transaction", away)
        bans.add(ban(harness, "eve"), harness.clock.time())
        assert not await asyncio.wait_for(keeping.settled(), 20)
        assert not await asyncio.wait_for(keeping.settled(), 20)  # nor tries it again for this one's sake
        monkeypatch.undo()
    assert len(await rows(harness)) == 2


async def test_a_ban_whose_time_is_up_leaves_no_trace(harness):
    async with kept(harness) as (bans, keeping):
        bans.add(ban(harness, "short", 60), harness.clock.time())
        bans.add(ban(harness, "long", 600), harness.clock.time())
        await until(lambda: not keeping.waiting)
        harness.clock.now += 61
        await keeping.write()  # as it does every ten minutes
        assert [msgspec.json.decode(each)["identity"] for each in await rows(harness)] == ["long"]
    harness.clock.now += 600
    async with kept(harness) as (bans, keeping):
        assert list(bans) == []
        await until(lambda: not keeping.waiting)
    assert await rows(harness) == []


async def test_a_person_who_is_erased_is_not_kept_as_banned(any_harness):
    harness = any_harness
    journal = await harness.open()
    bans = Bans()
    keeping = await KeptBans.open(bans, journal.database, harness.clock)
    for who in ("ada", "mal"):
        bans.add(ban(harness, who), harness.clock.time())
    await until(lambda: not keeping.waiting)
    await journal.retention.erase_person("mal")
    assert [msgspec.json.decode(each)["identity"] for each in await rows(harness)] == ["ada"]
    await keeping.write()
    assert [each.identity for each in bans] == ["ada"]
    await keeping.stop()


async def test_without_a_database_bans_hold_and_are_written_when_it_is_back(harness, monkeypatch):
    database = await harness.connect()
    bans = Bans()
    keeping = await KeptBans.open(bans, database, harness.clock)
    keeping._retry_s = 0.01
    real = Database.transaction

    monkeypatch.setattr(Database, "transaction", away)
    bans.add(ban(harness, "mal"), harness.clock.time())
    await until(lambda: keeping.failing)
    assert keeping.statistics() == {"ban_store_failing": 1, "ban_store_waiting": 1}
    with pytest.raises(RoomError):
        bans.check("standup", "mal", None, harness.clock.time())
    monkeypatch.setattr(Database, "transaction", real)
    await until(lambda: not keeping.failing)
    assert len(await rows(harness)) == 1
    await keeping.stop()
    await database.close()
