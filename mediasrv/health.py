"""What `/readyz` looks at: the event loop, the media workers, the database and what it keeps, and whether the server is
being stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from mediasrv.http.health import OK
from mediasrv.journal import condition
from mediasrv.loop_lag import LoopLag
from mediasrv.media.media_worker import MediaWorker
from mediasrv.store.database import DATABASE_ERRORS, Database, words

SLOW_LOOP_S = 1.0
SILENT_WORKER_S = 5.0  # a worker's thread wakes once a second at least
DATABASE_TIMEOUT_S = 2.0
DATABASE_AGE_S = 5.0  # for so long an answer of the database holds


class Health:
    """`workers` may be empty before the media plane has started."""

    def __init__(self, lag: LoopLag, workers: Sequence[MediaWorker], database: Database | None = None) -> None:
        self.database = database
        self.statistics: Callable[[], Mapping[str, float]] | None = None
        """Of what the database keeps."""
        self.stopping = ""
        """Why no new calls are taken; empty while they are."""
        self._lag = lag
        self._workers = workers
        self._loops: dict[int, tuple[int, float]] = {}  # by worker: how often it had gone round, and when that was new
        self._database_checked_at = -DATABASE_AGE_S
        self._database = OK

    async def checks(self) -> Mapping[str, str]:
        """By name: "ok", or what is wrong."""
        return {
            "server": self.stopping or OK,
            "event_loop": self._event_loop(),
            "media_workers": self._media_workers(),
            "database": await self._ask_database(),
            "journal": condition.fault(self._kept()) or OK,
        }

    def warnings(self) -> Mapping[str, str]:
        """By name: what calls work in spite of."""
        return condition.warnings(self._kept())

    def _kept(self) -> Mapping[str, float]:
        return self.statistics() if self.statistics is not None else {}

    def watch_workers(self, now: float | None = None) -> None:
        """Note which workers go round; called every second or so."""
        now = time.monotonic() if now is None else now
        for worker in self._workers:
            loops = worker.counters().get("loops", 0)
            seen, _ = self._loops.get(worker.index, (-1, 0.0))
            if loops != seen:
                self._loops[worker.index] = (loops, now)

    def _event_loop(self) -> str:
        lag_s = self._lag.recent_s
        return OK if lag_s < SLOW_LOOP_S else f"answered {lag_s:.1f} s late in the last {self._lag.window_s:.0f} s"

    def _media_workers(self) -> str:
        if not self._workers:
            return "not started"
        now = time.monotonic()
        silent = [str(index) for index, (_, since) in self._loops.items() if now - since > SILENT_WORKER_S]
        return f"no sign of life from worker {', '.join(silent)}" if silent else OK

    async def _ask_database(self) -> str:
        database = self.database
        if database is None:
            return "not open"
        now = time.monotonic()
        if now - self._database_checked_at >= DATABASE_AGE_S:
            self._database_checked_at = now
            self._database = await _ask(database)
        return self._database


async def _ask(database: Database) -> str:
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT_S):
            await database.check_file()
            async with database.snapshot() as connection:
                await connection.execute(sa.select(1))
    except TimeoutError:
        return f"no answer within {DATABASE_TIMEOUT_S:.0f} s"
    except DATABASE_ERRORS as error:
        return f"cannot be used: {words(error)}"
    return OK
