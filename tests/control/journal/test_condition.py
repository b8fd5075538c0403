"""What /readyz and /metrics say of the journal, while its database, its disk and receivers of webhooks fail it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from prometheus_client import CollectorRegistry

from mediasrv.health import Health
from mediasrv.journal.condition import fault, warnings
from mediasrv.journal.record_table import RecordTable
from mediasrv.journal.settings import Webhook
from mediasrv.journal.spool import Spool
from mediasrv.loop_lag import LoopLag
from mediasrv.metrics.journal import HELP, JournalCollector
from mediasrv.store.database import DatabaseError

from .harness import FAST, JournalHarness


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  the writer announces nothing
            await asyncio.sleep(0.005)


async def no_append(_table: RecordTable, _records: object) -> None:
    raise DatabaseError("the database is read-only")


def no_spool(_spool: Spool, _lines: object) -> None:
    raise OSError(28, "No space left on device")


async def test_a_journal_that_works_has_nothing_to_say(harness: JournalHarness):
    journal = await harness.write(harness.room().call("ada"))
    now = journal.statistics()
    assert (fault(now), warnings(now)) == ("", {})


async def test_while_the_database_takes_no_records_they_wait_and_the_server_is_ready(harness, monkeypatch):
    journal = await harness.open()
    watched = Health(LoopLag(), [], journal.database)
    watched.statistics = journal.statistics
    monkeypatch.setattr(RecordTable, "append", no_append)
    journal.writer.write(harness.room().opened())
    await until(lambda: journal.writer.database_failing)
    assert watched.warnings()["journal"].startswith("the database takes no records: 0.0 MB wait on the disk")
    assert (await watched.checks())["journal"] == "ok"
    monkeypatch.undo()
    assert await journal.writer.drain(20)
    assert watched.warnings() == {}


async def test_when_neither_takes_records_it_is_not_ready_and_says_when_they_are_lost(harness, monkeypatch):
    harness.limits = replace(FAST, queue=3)
    journal = await harness.open()
    watched = Health(LoopLag(), [], journal.database)
    watched.statistics = journal.statistics
    monkeypatch.setattr(RecordTable, "append", no_append)
    monkeypatch.setattr(Spool, "append", no_spool)
    room = harness.room()
    for record in (room.opened(), room.joined("ada")):
        journal.writer.write(record)
    await until(lambda: journal.writer.database_failing and journal.writer.spool_failing)
    assert (await watched.checks())["journal"] == "neither the database nor the disk takes records: 2 wait in memory"
    for _ in range(5):
        journal.writer.write(room.left("ada"))
    assert (await watched.checks())["journal"].startswith("records are lost: ")
    monkeypatch.undo()
    assert await journal.writer.drain(20)
    assert (await watched.checks())["journal"] == "ok"


async def test_dead_letters_and_what_waits_are_counted_as_they_are_in_the_outbox(harness):
    harness.webhooks = (Webhook(url="http://127.0.0.1:1/hook", secret="s" * 32, name="crm"),)
    journal = await harness.write([harness.room().opened()])
    await journal.webhooks.count()
    await until(lambda: journal.statistics()["webhook_failing"])
    assert warnings(journal.statistics())["webhooks"] == "1 receivers are down: 1 deliveries wait"
    (delivery,) = await journal.webhooks.outbox.pending("crm", 10)
    await journal.webhooks.outbox.failed(delivery, "answered 400", dead_ms=1)
    await journal.webhooks.count()
    now = journal.statistics()
    assert (now["webhook_pending"], now["webhook_dead_letters"]) == (0, 1)
    assert "1 deliveries were given up: `mediasrv journal dead-letters` shows them" in warnings(now)["webhooks"]


async def test_every_statistic_is_a_metric_with_a_sentence_and_the_right_type(harness):
    journal = await harness.open()
    collector = JournalCollector()
    collector.statistics = journal.statistics
    registry = CollectorRegistry()
    registry.register(collector)
    types = {family.name.removeprefix("mediasrv_"): family.type for family in registry.collect()}
    assert types.keys() == journal.statistics().keys() <= HELP.keys()
    grow = {
        "journal_records_written", "journal_transactions", "journal_records_lost", "journal_spool_damaged_lines",
        "journal_erased_records", "journal_erased_fields", "webhook_delivered", "webhook_failures", "webhook_dead",
    }  # fmt: skip
    assert {name for name, kind in types.items() if kind == "counter"} == grow


def test_of_a_slow_database_and_of_bans_it_says_how_much():
    slow = {"journal_database_slow": 1, "journal_database_lag_seconds": 12.3, "journal_spool_bytes": 3_400_000}
    assert warnings(slow) == {"journal": "the database is 12 s behind: 3.4 MB wait on the disk"}
    assert warnings({"ban_store_failing": 1, "ban_store_waiting": 2})["bans"].startswith("2 changes of bans")
