"""`mediasrv journal …` beside a running journal, and after it."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest
import structlog
from typer.testing import CliRunner

from mediasrv.cli import app
from mediasrv.journal import files
from mediasrv.journal.kept_bans import KeptBans
from mediasrv.journal.settings import Webhook
from mediasrv.rooms.bans import Ban, Bans
from mediasrv.store.data_folder import DataFolder, DataFolderError, default_data_folder
from mediasrv.store.tables import journal_records

from .harness import JournalHarness


@pytest.fixture
def run(harness: JournalHarness, monkeypatch):
    for name in list(os.environ):
        if name.startswith("MEDIASRV_"):
            monkeypatch.delenv(name)

    async def run(*arguments: str):
        command = ["journal", arguments[0], "--data-dir", str(harness.folder), *arguments[1:]]
        return await asyncio.to_thread(CliRunner().invoke, app, command)

    return run


async def tamper(harness: JournalHarness, position: int, **values: object) -> None:
    database = await harness.connect(exclusive=False)
    async with database.transaction() as connection:
        change = journal_records.update().where(journal_records.c.position == position)
        await connection.execute(change.values(**values))
    await database.close()


async def test_verify_is_content_with_a_journal_that_is_being_written(run, harness: JournalHarness):
    room = harness.room()
    await harness.write([*harness.room("blue", "r_2").call("bob"), room.opened(), room.joined("ada")])
    result = await run("verify")
    assert result.exit_code == 0, result.output
    assert "6 records and their signatures, positions 1 to 6: nothing is wrong" in result.stdout
    assert "2 joins, 1 rooms closed, 1 open" in result.stdout
    said = json.loads((await run("verify", "--json")).stdout)
    assert (said["findings"], said["records"], said["signed"]) == ([], 6, True)
    assert said["hash"] == json.loads((harness.folder / files.HEAD_NAME).read_text())["hash"]


async def test_verify_says_where_and_what(run, harness: JournalHarness):
    await harness.write(harness.room().call("ada"))
    await tamper(harness, 3, room="elsewhere")
    await tamper(harness, 2, mac=bytes(32))
    result = await run("verify")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[:2] == [
        "at 2: it is not signed with the journal's key",
        "at 3: its columns say something else than its content",
    ]
    assert "2 findings" in result.stdout
    without = await run("verify", "--without-key")
    assert (without.exit_code, "at 2" in without.stdout, "at 3" in without.stdout) == (1, False, True)


async def test_verify_says_that_without_a_noted_head_the_end_may_be_missing(run, harness: JournalHarness):
    await harness.write(harness.room().call("ada"))
    assert "newest records are missing" not in (await run("verify")).stdout
    await harness.close()
    (harness.folder / files.HEAD_NAME).unlink()
    result = await run("verify")
    assert (result.exit_code, "nobody would see that the newest records are missing" in result.stdout) == (0, True)
    assert not json.loads((await run("verify", "--json")).stdout)["end_noted"]
    with structlog.testing.capture_logs() as logs:
        await harness.open()
    assert [line["position"] for line in logs if "no head" in line["event"]] == [4]


async def test_verify_without_the_key_file_says_what_to_do(run, harness: JournalHarness):
    await harness.write(harness.room().call("ada"))
    await harness.close()
    (harness.folder / files.KEY_NAME).unlink()
    result = await run("verify")
    assert result.exit_code == 2
    assert "journal.key is missing" in result.stderr
    assert "--without-key" in result.stderr
    assert (await run("verify", "--without-key")).exit_code == 0


async def test_show_and_tail(run, harness: JournalHarness):
    await harness.write(harness.room("red", "r_1").call("ada"))
    harness.clock.now += 60
    await harness.write(harness.room("blue", "r_2").call("bob"))
    everything = (await run("show")).stdout.splitlines()
    assert len(everything) == 8
    assert "red #2  participant_joined" in everything[1]
    assert "identity=ada name=Ada address=203.0.113.0/24" in everything[1]
    assert len((await run("show", "--room", "red")).stdout.splitlines()) == 4
    assert len((await run("show", "--since", "2026-01-01T00:00:30Z")).stdout.splitlines()) == 4
    assert [json.loads(line)["position"] for line in (await run("show", "--after", "6", "--json")).stdout.splitlines()
            ] == [7, 8]  # fmt: skip
    assert len((await run("show", "--limit", "3")).stdout.splitlines()) == 3
    assert [line.split()[0] for line in (await run("tail", "-n", "2")).stdout.splitlines()] == ["7", "8"]
    assert (await run("show", "--since", "yesterday")).exit_code == 2


async def test_tail_follows_another_process(harness: JournalHarness):
    await harness.write(harness.room("red", "r_1").call("ada"))
    command = ["-m", "mediasrv", "journal", "tail", "-f", "-n", "1", "--json", "--data-dir", str(harness.folder)]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    try:
        first = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        assert first["position"] == 4
        await harness.write(harness.room("blue", "r_2").call("bob"))
        follow = [json.loads(await asyncio.wait_for(process.stdout.readline(), 30)) for _ in range(4)]
        assert [each["position"] for each in follow] == [5, 6, 7, 8]
    finally:
        process.terminate()
        await process.wait()


async def test_dead_letters_are_shown_sent_again_and_dropped(run, harness: JournalHarness):
    secret = "a-secret-of-more-than-32-characters"
    harness.webhooks = (Webhook(url="http://127.0.0.1:1/hook", secret=secret, name="crm"),)
    journal = await harness.write(harness.room().call("ada"))
    await journal.webhooks.stop()
    outbox = journal.webhooks.outbox
    for delivery in await outbox.pending("crm", 10):
        await outbox.failed(delivery, "answered 500", dead_ms=int(harness.clock.now * 1000))
    shown = (await run("dead-letters")).stdout.splitlines()
    assert len(shown) == 4
    assert shown[1].startswith("2  crm  participant_joined in standup  given up 2026-01-01T00:00:00.000Z after ")
    assert shown[1].endswith("attempts: answered 500")
    assert len((await run("dead-letters", "2", "--json")).stdout.splitlines()) == 1
    assert "1 will be sent again" in (await run("dead-letters", "2", "--resend")).stdout
    assert await outbox.counts() == (1, 3)
    assert "3 forgotten" in (await run("dead-letters", "--drop", "--webhook", "crm")).stdout
    assert await outbox.counts() == (1, 0)
    assert (await run("dead-letters", "--drop", "--resend")).exit_code == 2
    assert secret not in str(shown)


async def test_where_there_is_no_journal_that_is_said(run, harness: JournalHarness):
    result = await run("verify")
    assert result.exit_code == 2
    assert "there is no journal at" in result.stderr


def test_a_data_folder_is_for_one_server_and_its_owner(tmp_path):
    folder = DataFolder.open(tmp_path / "a" / "b")
    assert folder.path.stat().st_mode & 0o777 == 0o700
    with pytest.raises(DataFolderError, match="is in use by another mediasrv"):
        DataFolder.open(tmp_path / "a" / "b")
    folder.close()
    DataFolder.open(tmp_path / "a" / "b").close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match=r"cannot write to the data folder .*file/x: Not a directory.*--data-dir"):
        DataFolder.open(tmp_path / "file" / "x")


def test_a_temporary_folder_goes():
    folder = DataFolder.make_temporary()
    assert folder.path.is_dir()
    folder.close()
    assert not folder.path.exists()


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"STATE_DIRECTORY": "/var/lib/mediasrv:/x", "HOME": "/root"}, "/var/lib/mediasrv"),
        ({"XDG_STATE_HOME": "/home/a/state", "HOME": "/home/a"}, "/home/a/state/mediasrv"),
        ({"HOME": "/home/a"}, "/home/a/.local/state/mediasrv"),
    ],
)
def test_where_data_goes_if_nobody_says(environment, path):
    assert str(default_data_folder(environment)) == path


async def test_a_person_is_erased_beside_a_running_journal(run, harness: JournalHarness):
    journal = await harness.write([*harness.room().call("ada", "bob"), harness.room("blue", "r_2").opened()])
    bans = Bans()
    keeping = await KeptBans.open(bans, journal.database, harness.clock)
    now = harness.clock.time()
    for who in ("ada", "bob"):
        bans.add(Ban("standup", now + 600, "p_host", "spam", who, since=now), now)
    await keeping.write()
    result = await run("erase", "ada")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("2 records do not say any more who 'ada' is")
    await harness.write([harness.room("red", "r_3").opened()])  # the journal goes on
    assert {each.fields.get("identity") for each in await journal.reader.read()} == {None, "bob"}
    assert (await run("verify")).exit_code == 0
    await keeping.write()
    assert [each.identity for each in bans] == ["bob"]
    await keeping.stop()


async def test_an_erasure_without_the_key_is_refused(run, harness: JournalHarness):
    await harness.write(harness.room().call("ada"))
    await harness.close()
    (harness.folder / files.KEY_NAME).unlink()
    result = await run("erase", "ada")
    assert result.exit_code == 2
    assert "journal.key is missing, and an erasure is signed" in result.stderr
