"""What /readyz looks at: each part that fails is named, and only that."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mediasrv import health
from mediasrv.health import SILENT_WORKER_S, Health
from mediasrv.loop_lag import EVERY_S, LoopLag
from mediasrv.store.database import SQLITE_NAME, Database, database_url


@dataclass
class FakeWorker:
    index: int = 0
    counted: dict[str, int] = field(default_factory=lambda: {"loops": 1})

    def counters(self) -> dict[str, int]:
        return self.counted


@pytest.fixture
async def database(tmp_path: Path):
    opened = await Database.open(database_url("", tmp_path))
    yield opened
    await opened.close()


async def test_everything_is_well(database):
    watched = Health(LoopLag(), [FakeWorker()], database)
    watched.watch_workers()
    assert set((await watched.checks()).values()) == {"ok"}


async def test_a_server_that_stops_is_not_ready(database):
    watched = Health(LoopLag(), [FakeWorker()], database)
    watched.stopping = "the server is being stopped"
    assert (await watched.checks())["server"] == "the server is being stopped"


async def test_a_worker_that_goes_round_no_more_is_named(database):
    workers = [FakeWorker(0), FakeWorker(1)]
    watched = Health(LoopLag(), workers, database)
    long_ago = time.monotonic() - SILENT_WORKER_S - 1
    watched.watch_workers(long_ago)
    workers[0].counted["loops"] += 1
    watched.watch_workers()
    assert (await watched.checks())["media_workers"] == "no sign of life from worker 1"
    workers[1].counted["loops"] += 1
    watched.watch_workers()
    assert (await watched.checks())["media_workers"] == "ok"


async def test_a_database_whose_file_is_gone_is_named(database, tmp_path: Path):
    watched = Health(LoopLag(), [FakeWorker()], database)
    (tmp_path / SQLITE_NAME).rename(tmp_path / "elsewhere.db")
    assert "was removed or replaced while it was in use" in (await watched.checks())["database"]


async def test_before_the_workers_run_nobody_is_ready(database):
    assert (await Health(LoopLag(), [], database).checks())["media_workers"] == "not started"


async def test_a_database_that_is_closed_or_mute_is_said(database, monkeypatch):
    closed = Health(LoopLag(), [FakeWorker()])
    assert (await closed.checks())["database"] == "not open"
    slow = Health(LoopLag(), [FakeWorker()], database)
    monkeypatch.setattr(health, "DATABASE_TIMEOUT_S", 0.05)
    monkeypatch.setattr(Database, "snapshot", _hanging_snapshot)
    assert (await slow.checks())["database"].startswith("no answer within")


class _hanging_snapshot:  # noqa: N801  takes the place of a method
    def __init__(self, _database: Database | None = None) -> None: ...

    async def __aenter__(self) -> None:
        await asyncio.sleep(60)

    async def __aexit__(self, *_: object) -> None: ...


async def test_a_database_is_not_asked_again_for_each_probe(database, monkeypatch):
    asked = []
    real = health._ask

    async def ask(opened: Database) -> str:
        asked.append(opened)
        return await real(opened)

    monkeypatch.setattr(health, "_ask", ask)
    one = Health(LoopLag(), [FakeWorker()], database)
    for _ in range(5):
        assert (await one.checks())["database"] == "ok"
    assert len(asked) == 1


async def test_a_loop_that_hung_is_not_ready_for_a_while():
    seen: list[float] = []
    lag = LoopLag(seen.append)
    lag.start()
    await asyncio.sleep(2 * EVERY_S)
    time.sleep(0.4)  # noqa: ASYNC251  what hangs a loop
    await asyncio.sleep(2 * EVERY_S)
    lag.stop()
    assert max(seen) == lag.recent_s
    assert 0.25 < lag.recent_s < 5
    lag_checks = Health(lag, [FakeWorker()])
    assert (await lag_checks.checks())["event_loop"] == "ok"
    lag._recent.append(1.5)
    assert (await lag_checks.checks())["event_loop"] == "answered 1.5 s late in the last 10 s"
