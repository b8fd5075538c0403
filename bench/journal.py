"""What the journal costs: `python -m bench.journal [--database postgresql://…]`.

Two loads through the whole way of a record, from the rooms' observer to the committed transaction: as many as it takes
(`--records`), and a steady trickle (`--rate` a second), of which it is told how long a record needs until it is in the
spool, where a killed process leaves it, and until it is committed. The log sink is left out: it is not part of this.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from mediasrv.journal.durable import DurableJournal
from mediasrv.journal.journal import Journal
from mediasrv.journal.settings import parse_retention
from mediasrv.rooms import events
from mediasrv.rooms.clock import SystemClock
from mediasrv.store.database import Database, database_url

PEOPLE = 10


def call(number: int) -> list[events.RoomEvent]:
    """What a room tells of ten people who come with a microphone, and go."""
    ref = (f"room-{number}", f"r_{time.time_ns():x}_{number}")
    told: list[events.RoomEvent] = [events.RoomOpened(*ref)]
    for person in range(PEOPLE):
        who = events.ParticipantInfo(f"p_{number}_{person}", f"person-{person}", f"Person {person}", time.time(), ())
        track = events.TrackInfo(f"t_{number}_{person}", who.id, "audio", "microphone", False, (), "opus")
        told += [
            events.ParticipantJoined(*ref, who, "203.0.113.77"),
            events.TrackPublished(*ref, track),
            events.FeatureToggled(*ref, who.id, "microphone", True, who.id, track.id),
            events.FeatureToggled(*ref, who.id, "microphone", False, who.id, track.id),
            events.TrackUnpublished(*ref, track),
            events.ParticipantLeft(*ref, who.id, who.identity, events.LeaveReason.LEFT),
        ]
    return [*told, events.RoomClosed(*ref)]


async def a_moment() -> None:
    """As long as these measurements are exact. Without a pause the journal's threads would wait for us."""
    await asyncio.sleep(0.0005)


async def opened(folder: Path, database: str) -> tuple[DurableJournal, Journal]:
    clock = SystemClock()
    connected = await Database.open(database_url(database, folder))
    journal = await DurableJournal.open(connected, folder, retention=parse_retention({}), webhooks=(), clock=clock)
    return journal, Journal([journal.writer], clock)


async def flood(journal: DurableJournal, observer: Journal, records: int) -> dict[str, float]:
    """As fast as it takes them, a call at a time, with no more waiting than its queue holds."""
    before = journal.statistics()
    begin, cpu = time.perf_counter(), time.process_time()
    told = number = 0
    while told < records:
        for event in call(number):
            observer(event)
            told += 1
        number += 1
        await asyncio.sleep(0)
        while journal.statistics()["journal_queue_records"] > 5_000:
            await a_moment()
    assert await journal.writer.drain(120)
    after = journal.statistics()
    transactions = after["journal_transactions"] - before["journal_transactions"]
    assert after["journal_records_lost"] == 0
    return {
        "records": told,
        "records_per_s": told / (time.perf_counter() - begin),
        "cpu_us_per_record": (time.process_time() - cpu) / told * 1e6,
        "records_per_transaction": told / transactions,
    }


async def trickle(journal: DurableJournal, observer: Journal, rate: float, seconds: float) -> dict[str, float]:
    """Record by record at a steady rate: how long until each is in the spool, and until it is committed."""
    spooled: list[float] = []
    committed: list[float] = []
    queue, number = list(reversed(call(0))), 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if not queue:
            number += 1
            queue = list(reversed(call(number)))
        begin = time.perf_counter()
        observer(queue.pop())
        target = journal.statistics()["journal_position"] + 1
        while journal.statistics()["journal_queue_records"]:
            await a_moment()
        spooled.append(time.perf_counter() - begin)
        while journal.statistics()["journal_position"] < target:
            await a_moment()
        committed.append(time.perf_counter() - begin)
        await asyncio.sleep(max(0.0, 1 / rate - (time.perf_counter() - begin)))
    return {
        f"{name}_ms_{which}": of(values) * 1e3
        for name, values in (("spooled", spooled), ("committed", committed))
        for which, of in (("median", statistics.median), ("p99", _p99), ("max", max))
    }


def _p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    journal, observer = await opened(folder, options.database)
    try:
        runs = [await flood(journal, observer, options.records) for _ in range(options.runs)]
        return {
            "database": journal.database.name if options.database else "sqlite",
            "flood": runs,
            "trickle": await trickle(journal, observer, options.rate, options.seconds),
        }
    finally:
        await journal.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="", help="as the setting; empty: SQLite in --folder")
    parser.add_argument("--folder", type=Path, help="where its files go; default: a temporary one")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mediasrv-bench-") as temporary:
        print(json.dumps(uvloop.run(measure(options, options.folder or Path(temporary))), indent=2))


if __name__ == "__main__":
    main()
