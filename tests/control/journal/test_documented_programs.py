"""The programs of docs/journal.md, run as they stand there."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import time
from pathlib import Path

from mediasrv.journal import files
from mediasrv.journal.journal import entry_of
from mediasrv.journal.records import EVENTS, PERSONAL_FIELDS, RECORDS_LOST
from mediasrv.journal.settings import RETENTION_DEFAULTS, Webhook
from mediasrv.journal.writer import WriterLimits
from mediasrv.store.tables import journal_records

from .harness import DAY_S, JournalHarness

PAGE = (Path(__file__).parents[3] / "docs" / "journal.md").read_text(encoding="utf-8")
SECRET = "a-secret-of-more-than-32-characters"


def program(name: str, folder: Path) -> Path:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    path = folder / name
    path.write_text(next(block for block in blocks if f": python {name} " in block.splitlines()[0]))
    return path


async def run(*command: str | Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    return process.returncode, (output or errors).decode()


async def test_the_checker_in_another_language(harness: JournalHarness, tmp_path: Path):
    await harness.write(harness.room("standüp", "r_1").call("ada", "zoé 🎈"))
    await harness.write(harness.room("blue", "r_2").call("bob"))
    assert harness.journal
    await harness.journal.retention.erase_person("bob")
    harness.clock.now += 8 * DAY_S
    await harness.journal.retention.enforce()
    await harness.close()
    check = program("check_chain.py", tmp_path)
    database = tmp_path / "mediasrv.db"
    code, said = await run(check, database, tmp_path / files.KEY_NAME)
    last = json.loads((tmp_path / files.HEAD_NAME).read_text())
    assert (code, said) == (0, f"10 records, the last hash is {last['hash']}\n")
    connected = await harness.connect()
    async with connected.transaction() as connection:
        change = journal_records.update().where(journal_records.c.position == 3)
        await connection.execute(change.values(content="{}"))
    await connected.close()
    code, said = await run(check, database, tmp_path / files.KEY_NAME)
    assert (code, "record 3 was changed" in said) == (1, True)


async def test_the_receiver(harness: JournalHarness, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    receiver = await asyncio.create_subprocess_exec(
        sys.executable, program("receiver.py", tmp_path), SECRET, str(port), stdout=asyncio.subprocess.PIPE
    )
    assert receiver.stdout
    try:
        harness.clock.now = time.time()  # it looks at how old a request is
        harness.webhooks = (Webhook(url=f"http://127.0.0.1:{port}/calls", secret=SECRET, name="right"),)
        await harness.write(harness.room().call("ada"))
        lines = [json.loads(await asyncio.wait_for(receiver.stdout.readline(), 30)) for _ in range(4)]
        assert [line["event"] for line in lines] == [
            "room_opened", "participant_joined", "participant_left", "room_closed",
        ]  # fmt: skip
    finally:
        receiver.terminate()
        await receiver.wait()


def test_every_event_can_be_kept_for_a_time_of_its_own():
    source = Path(sys.modules[entry_of.__module__].__file__ or "").read_text()
    assert set(re.findall(r'Entry\(\s*"(\w+)"', source)) | {RECORDS_LOST} == EVENTS


def test_the_defaults_are_those_that_are_documented():
    for key, span in RETENTION_DEFAULTS.items():
        assert f'| `{key}` | `"{span}"` |' in PAGE
    assert all(f"`{name}`" in PAGE for name in PERSONAL_FIELDS)
    assert f"{WriterLimits().queue:,} records wait in memory" in PAGE
