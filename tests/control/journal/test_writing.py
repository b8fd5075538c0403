"""From the rooms into the database: in order, once, and whatever is slow, full or gone on the way."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from rooms.fakes import House

from mediasrv.journal import files
from mediasrv.journal.journal import Journal
from mediasrv.journal.record_table import RecordTable
from mediasrv.journal.spool import Spool, encode_line
from mediasrv.journal.writer import WriterLimits
from mediasrv.store.database import SQLITE_NAME, Database, DatabaseError
from mediasrv.store.tables import journal_records

from .harness import FAST, JournalHarness
from .postgresql import cluster, programs


async def until(holds: Callable[[], bool], timeout_s: float = 20) -> None:
    """For states that nothing announces."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.fixture
def append_fails(monkeypatch):
    """While its `error` is set, no transaction succeeds."""

    class Fault:
        error: BaseException | None = None
        delay_s = 0.0
        calls = 0

    original = RecordTable.append

    async def append(self, records):
        Fault.calls += 1
        await asyncio.sleep(Fault.delay_s)
        if Fault.error is not None:
            raise Fault.error
        return await original(self, records)

    monkeypatch.setattr(RecordTable, "append", append)
    return Fault


async def test_records_are_stored_in_order_and_verify(any_harness: JournalHarness):
    red, blue = any_harness.room("red", "r_red"), any_harness.room("blüe \0 🎈", "r_blue")
    records = [each for pair in zip(red.call("ada", "bob"), blue.call("eve", "zoé"), strict=True) for each in pair]
    journal = await any_harness.write(records)
    stored = await journal.reader.read()
    assert [(each.room, each.seq, each.event, dict(each.fields)) for each in stored] == [
        (each.room, each.seq, each.event, dict(each.fields)) for each in records
    ]
    assert [each.position for each in stored] == list(range(1, len(records) + 1))
    checked = await any_harness.checked()
    assert (checked.findings, checked.records, checked.rooms_closed, checked.rooms_open) == ([], len(records), 2, 0)
    assert checked.hash == json.loads((any_harness.folder / files.HEAD_NAME).read_text())["hash"]


async def test_the_chain_goes_on_after_a_restart(any_harness: JournalHarness):
    for number in range(3):
        await any_harness.write(any_harness.room("red", f"r_{number}").call("ada"))
        await any_harness.close()
    checked = await any_harness.checked()
    assert (checked.findings, checked.last_position, checked.rooms_closed) == ([], 12, 3)


async def test_the_files_are_for_their_owner_alone(harness: JournalHarness):
    await harness.open()
    assert (harness.folder / files.KEY_NAME).stat().st_mode & 0o777 == 0o600


async def test_another_key_is_refused(any_harness: JournalHarness):
    await any_harness.write(any_harness.room().call("ada"))
    await any_harness.close()
    (any_harness.folder / files.KEY_NAME).write_text("00" * 32)
    with pytest.raises(DatabaseError, match=r"written with another key.*put the right journal\.key back"):
        await any_harness.open()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # a file is behind the lock of the data folder
async def test_a_second_server_is_kept_out_of_a_shared_database(any_harness: JournalHarness):
    await any_harness.open()
    with pytest.raises(DatabaseError, match="another mediasrv uses the database"):
        await any_harness.connect()


async def test_a_database_that_fails_costs_nothing_and_is_said_once(harness: JournalHarness, append_fails):
    harness.limits = replace(FAST, behind_s=0.05)  # a database that fails that long is not called slow as well
    journal = await harness.open()
    room = harness.room()
    append_fails.error = sa.exc.OperationalError("INSERT", {"name": "ada"}, Exception("database or disk is full"))
    with structlog.testing.capture_logs() as logs:
        for record in room.call("ada"):
            journal.writer.write(record)
            await asyncio.sleep(0.02)
        assert journal.statistics()["journal_database_failing"] == 1
        assert journal.statistics()["journal_spool_bytes"] > 0
        append_fails.error = None
        assert await journal.writer.drain(20)
    alarms = [(entry["log_level"], entry["event"], entry.get("error")) for entry in logs]
    assert alarms == [
        ("error", "the journal's database takes no records; they wait on the disk", "database or disk is full"),
        ("warning", "the journal's database takes records again", None),
    ]
    assert "ada" not in str(logs)
    assert journal.statistics()["journal_spool_bytes"] == journal.statistics()["journal_records_lost"] == 0
    assert (await harness.checked()).records == 4
    assert await harness.problems() == []


async def test_a_postgresql_that_is_stopped_and_started_again(tmp_path: Path):
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with cluster() as server:
        harness = JournalHarness(tmp_path, f"postgresql://mediasrv@/postgres?host={server.socket}")
        journal = await harness.write(harness.room("red", "r_1").call("ada"))
        await asyncio.to_thread(server.stop)
        blue = harness.room("blue", "r_2").call(*(f"p{number}" for number in range(50)))
        for record in blue[:50]:
            journal.writer.write(record)
        await until(lambda: journal.writer.database_failing)
        await asyncio.to_thread(server.start)
        await harness.write(blue[50:])
        with pytest.raises(DatabaseError, match="another mediasrv uses the database"):  # the lock is held again
            await harness.connect()
        checked = await harness.checked()
        await harness.close()
    assert (checked.findings, checked.records) == ([], 4 + len(blue))


@pytest.mark.parametrize("replaced", [False, True])
async def test_records_wait_while_the_file_of_sqlite_is_somewhere_else(harness: JournalHarness, replaced: bool):
    """It would take them, and they would be gone with it."""
    journal = await harness.write(harness.room("red", "r_1").call("ada"))
    file = harness.folder / SQLITE_NAME
    aside = [(each, each.with_name(f"aside-{each.name}")) for each in harness.folder.glob(f"{SQLITE_NAME}*")]
    for at, elsewhere in aside:
        at.rename(elsewhere)
    if replaced:
        file.touch()
    with structlog.testing.capture_logs() as logs:
        for record in harness.room("blue", "r_2").call("bob"):
            journal.writer.write(record)
        await until(lambda: journal.writer.database_failing)
        assert (journal.writer.written, journal.statistics()["journal_spool_bytes"] > 0) == (4, True)
        for at, elsewhere in aside:
            elsewhere.rename(at)
        assert await journal.writer.drain(20)
    assert "was removed or replaced" in logs[0]["error"]
    assert (await harness.checked()).records == 8
    assert await harness.problems() == []


async def test_sqlite_that_is_really_full_and_has_room_again(harness: JournalHarness):
    journal = await harness.open()
    pages = 40
    begin = sa.event.listens_for(journal.database.engine.sync_engine, "begin")
    begin(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}"))
    with structlog.testing.capture_logs() as logs:
        for number in range(200):
            for record in harness.room("red", f"r_{number}").call("ada"):
                journal.writer.write(record)
        await until(lambda: journal.writer.database_failing)
        pages = 1_000_000
        assert await journal.writer.drain(20)
    assert [entry.get("error") for entry in logs] == ["database or disk is full", None]
    assert (await harness.checked()).records == 800
    assert await harness.problems() == []


async def test_a_commit_whose_answer_was_lost_is_not_made_twice(any_harness: JournalHarness, monkeypatch):
    journal = await any_harness.open()
    original = RecordTable.append
    lost = 2

    async def append(self, records):
        nonlocal lost
        rows = await original(self, records)
        if lost:
            lost -= 1
            self._unsure = True  # as it is when the commit itself raises
            raise ConnectionResetError("the connection went")
        return rows

    monkeypatch.setattr(RecordTable, "append", append)
    room = any_harness.room()
    for record in room.call("ada", "bob"):
        journal.writer.write(record)
    assert await journal.writer.drain(20)
    assert lost == 0
    assert (await any_harness.checked()).records == 6
    assert await any_harness.problems() == []


async def test_a_slow_database_holds_nobody_up(harness: JournalHarness, append_fails):
    harness.limits = WriterLimits(behind_s=0.05)
    journal = await harness.open()
    append_fails.delay_s = 2
    loop = asyncio.get_running_loop()
    with structlog.testing.capture_logs() as logs:
        begin = loop.time()
        for number in range(200):
            for record in harness.room("red", f"r_{number}").call("ada"):
                journal.writer.write(record)
        assert loop.time() - begin < 1.5  # 800 records, and not one transaction's time
        await until(lambda: journal.statistics()["journal_queue_records"] == 0)
        assert journal.statistics()["journal_spool_bytes"] > 0
        await until(lambda: journal.statistics()["journal_database_lag_seconds"] > 0)  # it has begun with the first
        append_fails.delay_s = 0
        assert await journal.writer.drain(20)
    assert [entry["event"] for entry in logs] == [
        "the journal's database is slow; records wait on the disk",
        "the journal's database has caught up",
    ]
    assert (await harness.checked()).records == 800
    assert await harness.problems() == []


async def test_what_waits_for_a_database_that_hangs_is_synced_and_said_before_it_is_given_up(
    harness: JournalHarness, append_fails, monkeypatch
):
    synced = 0

    def sync(self) -> None:
        nonlocal synced
        synced += self.waiting_bytes > 0

    monkeypatch.setattr(Spool, "sync", sync)
    harness.limits = WriterLimits(sync_s=0.02, behind_s=0.1)
    journal = await harness.open()
    append_fails.delay_s = 1.0
    with structlog.testing.capture_logs() as logs:
        for record in harness.room().call("ada"):
            journal.writer.write(record)
        await until(lambda: synced >= 3 and bool(logs))
        assert journal.statistics()["journal_records_written"] == 0
        append_fails.delay_s = 0
        assert await journal.writer.drain(20)
    assert [entry["event"] for entry in logs] == [
        "the journal's database is slow; records wait on the disk",
        "the journal's database has caught up",
    ]


async def test_a_transaction_that_hangs_is_given_up_and_made_again(harness: JournalHarness, append_fails):
    harness.limits = WriterLimits(transaction_s=1.0, retry_first_s=0.01)
    journal = await harness.open()
    append_fails.delay_s = 60
    for record in harness.room().call("ada"):
        journal.writer.write(record)
    await until(lambda: journal.writer.database_failing)
    append_fails.delay_s = 0
    assert await journal.writer.drain(20)
    assert await harness.problems() == []


@pytest.fixture
def full_disk(monkeypatch):
    """While it is set, nothing can be appended to the spool."""

    class Disk:
        full = False

    original = Spool._write

    def write(self, block: bytes, offset: int) -> int:
        if Disk.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(self, block, offset)

    monkeypatch.setattr(Spool, "_write", write)
    return Disk


async def test_with_a_full_disk_a_database_elsewhere_still_gets_everything(harness: JournalHarness, full_disk):
    journal = await harness.open()
    full_disk.full = True
    with structlog.testing.capture_logs() as logs:
        for record in harness.room().call("ada", "bob"):
            journal.writer.write(record)
        assert await journal.writer.drain(20)
        full_disk.full = False
        for record in harness.room("blue", "r_2").call("ada"):
            journal.writer.write(record)
        assert await journal.writer.drain(20)
    assert [(entry["log_level"], entry.get("error")) for entry in logs] == [
        ("error", "No space left on device"),
        ("warning", None),
    ]
    assert await harness.problems() == []
    assert (await harness.checked()).records == 10


async def test_what_can_be_kept_nowhere_is_counted_said_and_written_down(
    harness: JournalHarness, full_disk, append_fails
):
    """Disk full, database gone, memory at its bound: then, and only then, records are lost, and not silently."""
    harness.limits = WriterLimits(queue=20, retry_first_s=0.01, retry_last_s=0.02, spool_retry_s=0.01)
    journal = await harness.open()
    full_disk.full = True
    append_fails.error = OSError("no database")
    red, blue = harness.room("red", "r_red"), harness.room("blue", "r_blue")
    with structlog.testing.capture_logs() as logs:
        for room in (red, blue):
            journal.writer.write(room.opened())
            journal.writer.write(room.joined("ada"))
        for _ in range(30):
            for room in (red, blue):
                journal.writer.write(room.record("message_sent", room.id("ada"), recipients=[]))
        assert journal.statistics()["journal_records_lost"] == 44
        full_disk.full = False
        append_fails.error = None
        await until(lambda: not journal.writer.losses.untold)
        for room in (red, blue):
            journal.writer.write(room.left("ada"))
            journal.writer.write(room.closed())
        assert await journal.writer.drain(20)
    said = [entry for entry in logs if "lose" in entry["event"] or "lost" in entry["event"]]
    assert [(entry["log_level"], entry.get("lost_in_all")) for entry in said] == [("error", None), ("error", 44)]
    checked = await harness.checked()
    assert (checked.findings, checked.lost, checked.rooms_closed) == ([], 44, 2)
    notes = [each for each in await journal.reader.read() if each.event == "records_lost"]
    assert [(each.room, each.fields["first_seq"], each.seq) for each in notes] == [("red", 11, 32), ("blue", 11, 32)]


async def test_a_stop_leaves_in_the_spool_what_the_database_does_not_take(harness: JournalHarness, append_fails):
    journal = await harness.open()
    append_fails.error = OSError("no database")
    for record in harness.room().call("ada", "bob"):
        journal.writer.write(record)
    await journal.writer.stop(0.1)
    await journal.database.close()
    harness.journal = None
    append_fails.error = None
    await harness.open()
    assert (await harness.checked()).records == 6
    assert await harness.problems() == []


async def test_what_a_killed_server_had_in_its_spool_is_written_once(any_harness: JournalHarness):
    """The transaction was made, and the process died before it could remove the records from the spool."""
    room = any_harness.room()
    records = room.call("ada")
    await any_harness.write(records[:3])
    await any_harness.close()
    spool = any_harness.spool()
    spool.append([encode_line(record) for record in records])
    spool.close()
    journal = await any_harness.open()
    assert (await any_harness.checked()).records == 4
    assert await any_harness.problems() == []
    assert journal.recovered == []


@pytest.mark.parametrize("name", ["nul\0", "quote\"'", "🎈" * 60, "\N{REPLACEMENT CHARACTER}"])
async def test_any_name_is_kept_as_it_is(any_harness: JournalHarness, name):
    room = any_harness.room(name)
    journal = await any_harness.write([room.opened(), room.record("participant_joined", "p", identity=name, name=name)])
    (joined,) = await journal.reader.read(name, after=1)
    assert (joined.room, joined.fields["identity"]) == (name, name)


async def test_what_json_cannot_say_is_lost_aloud_and_the_rest_goes_on(harness: JournalHarness):
    room = harness.room()
    opened, strange, closed = room.opened(), room.record("message_sent", what=object()), room.closed()
    with structlog.testing.capture_logs() as logs:
        await harness.write([opened, strange, closed])
    assert "cannot write a record down" in logs[0]["event"] or "cannot write a record down" in logs[1]["event"]
    checked = await harness.checked()
    assert (checked.findings, checked.lost, checked.records) == ([], 1, 3)


# --- the end of the journal, noted outside of the database -----------------------------------------------------------


async def test_an_end_that_was_cut_off_is_found_and_stays_found(harness: JournalHarness):
    await harness.write(harness.room().call("ada", "bob"))
    await harness.close()
    database: Database = await harness.connect()
    async with database.transaction() as connection:
        await connection.execute(journal_records.delete().where(journal_records.c.position > 3))
    await database.close()
    assert await harness.problems() == [(4, "records 4 to 6 are missing at the end: the noted head is record 6")]
    # The server starts all the same, says it, and does not overwrite the evidence.
    with structlog.testing.capture_logs() as logs:
        await harness.write(harness.room("blue", "r_2").call("eve"))
    assert any("its end was removed or changed" in entry["event"] for entry in logs)
    assert (6, "its hash is not the one that was noted when it was written") in await harness.problems()


async def test_a_database_in_place_of_another_is_found(harness: JournalHarness):
    await harness.write(harness.room().call("ada"))
    await harness.close()
    for file in harness.folder.glob("mediasrv.db*"):
        file.unlink()
    await harness.open()
    ((position, _),) = [each for each in await harness.problems() if "whose head was noted" in each[1]]
    assert position == 0


async def test_a_kill_before_the_head_is_noted_is_no_finding(harness: JournalHarness):
    await harness.write(harness.room().call("ada"))
    old = (harness.folder / files.HEAD_NAME).read_bytes()
    await harness.write(harness.room("blue", "r_2").call("ada"))
    await harness.close()
    (harness.folder / files.HEAD_NAME).write_bytes(old)
    assert await harness.problems() == []
    await harness.open()
    assert await harness.problems() == []


def test_limits_of_the_tests_are_those_of_the_server_but_for_time():
    assert (FAST.queue, FAST.batch) == (WriterLimits().queue, WriterLimits().batch)


# --- what must never be there ----------------------------------------------------------------------------------------


async def test_the_text_of_a_message_is_in_no_file(harness: JournalHarness, append_fails):
    journal = await harness.open()
    house = House()
    house.registry.observe(Journal([journal.writer], house.clock))
    ada, _bob = house.joined("ada"), house.joined("bob")
    assert await journal.writer.drain(20)
    append_fails.error = OSError("so that it is in the spool too")
    message = ada.request("send_message", {"text": "meet me at the old oak"})["message_id"].encode()
    await until(lambda: journal.statistics()["journal_spool_bytes"] > 0)

    def files_with(needle: bytes) -> list[str]:
        return sorted(path.name for path in harness.folder.iterdir() if needle in path.read_bytes())

    assert files_with(message) == ["journal.spool"]
    assert files_with(b"old oak") == []
    append_fails.error = None
    assert await journal.writer.drain(20)
    assert files_with(message)
    assert files_with(b"old oak") == []


async def test_who_can_wait_until_memory_has_room_loses_nothing(harness):
    """As a server that stops does: thousands leave at once."""
    harness.limits = replace(FAST, queue=10)
    journal = await harness.open()
    rooms = [harness.room(f"room-{number}", f"r_{number}") for number in range(20)]
    for room in rooms:
        for record in room.call("ada", "bob"):  # six of them
            journal.writer.write(record)
        await asyncio.wait_for(journal.writer.has_room(), 20)
    assert await journal.writer.drain(20)
    assert journal.writer.losses.count == 0
    assert len(await harness.rows()) == 120


async def test_nobody_waits_for_a_disk_that_takes_nothing(harness, monkeypatch):
    harness.limits = replace(FAST, queue=10)
    journal = await harness.open()

    def fails(_spool: Spool, _lines: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Spool, "append", fails)
    for record in harness.room().call("ada", "bob", "cyd"):
        journal.writer.write(record)
    await asyncio.wait_for(journal.writer.has_room(), 20)
    assert journal.writer.spool_failing
    monkeypatch.undo()
    assert await journal.writer.drain(20)
