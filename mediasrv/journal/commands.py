"""`mediasrv journal …`: check, show and follow the journal, erase a person, and see to what webhooks did not take."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
import typer

from mediasrv import config
from mediasrv.journal import chain, files, settings
from mediasrv.journal.check import check_journal
from mediasrv.journal.outbox import Outbox
from mediasrv.journal.reader import READ_MAX, JournalReader
from mediasrv.journal.record_table import RecordTable, read_start
from mediasrv.journal.records import StoredRecord
from mediasrv.journal.retention import RetentionTask
from mediasrv.rooms.clock import SystemClock
from mediasrv.store.data_folder import default_data_folder
from mediasrv.store.database import DATABASE_ERRORS, Database, DatabaseError, database_url, words

T = TypeVar("T")

EXIT_FAILED = 1
EXIT_USAGE = 2
SHOWN_FINDINGS = 20
POLL_S = 0.5

app = typer.Typer(
    help="Read and check the journal of a server: its database and files, whether it runs or not.",
    no_args_is_help=True,
)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The server's TOML file (MEDIASRV_CONFIG): says where all is."),
]
DataDir = Annotated[str | None, typer.Option(metavar="FOLDER", help="The server's data folder.")]
DatabaseUrl = Annotated[str | None, typer.Option(metavar="URL", help="Its database, if that is elsewhere.")]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, one object a line.")]
Room = Annotated[str | None, typer.Option(metavar="NAME", help="Of this room alone.")]
Positions = Annotated[list[int] | None, typer.Argument(metavar="[POSITION]…", help="Those that are meant; else all.")]
WebhookName = Annotated[str | None, typer.Option("--webhook", metavar="NAME", help="Of this webhook alone.")]


@app.command()
def verify(
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: DatabaseUrl = None,
    without_key: Annotated[
        bool, typer.Option("--without-key", metavar="", help="Check the hashes alone, as somebody without the key.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check all of it: nothing changed, left out or put in, one leave for each join. Exits 1 if it is not so."""

    async def run(journal: Database, folder: Path) -> bool:
        key = None if without_key else files.read_key(folder / files.KEY_NAME)
        if key is None and not without_key:
            raise DatabaseError(
                f"{folder / files.KEY_NAME} is missing, so signatures cannot be checked; give the server's data folder "
                "with --data-dir, or check the hashes alone with --without-key"
            )
        result = await check_journal(journal, key, files.read_heads(folder))
        if as_json:
            print(msgspec.json.encode(result).decode())
        else:
            for finding in result.findings[:SHOWN_FINDINGS]:
                print(f"at {finding.position}: {finding.problem}")
            more = len(result.findings) - SHOWN_FINDINGS
            print(*([f"and {more} more"] if more > 0 else []), result.summary(), sep="\n" if more > 0 else "")
        return not result.findings

    if not _run(config_file, data_dir, database, run):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def show(
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: DatabaseUrl = None,
    room: Room = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From then on: 2h, 3d, or 2026-11-23T17:45Z.")
    ] = None,
    after: Annotated[int | None, typer.Option(metavar="POSITION", help="Behind this position.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="At most so many, the oldest of them.")] = 1_000_000,
    as_json: AsJson = False,
) -> None:
    """Print records, oldest first."""
    since_ms = _since(since)

    async def run(journal: Database, _folder: Path) -> None:
        reader = JournalReader(journal)
        at = after or 0
        if since_ms is not None:
            at = max(at, await reader.position_at(since_ms))
        left = limit
        while left > 0 and (records := await reader.read(room, after=at, limit=min(left, READ_MAX))):
            for record in records:
                _print(record, as_json)
            at = records[-1].position
            left -= len(records)

    _run(config_file, data_dir, database, run)


@app.command()
def tail(
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: DatabaseUrl = None,
    room: Room = None,
    lines: Annotated[int, typer.Option("-n", metavar="N", min=0, help="Begin with the last N.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", metavar="", help="Go on with what comes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the last records, and with -f those that come."""

    async def run(journal: Database, _folder: Path) -> None:
        reader = JournalReader(journal)
        records = await reader.last(room, lines)
        at = records[-1].position if records else await reader.last_position()
        while True:
            for record in records:
                _print(record, as_json)
                at = record.position
            sys.stdout.flush()
            if not follow:
                return
            # The server that writes is another process, so what is new has to be asked for.
            await asyncio.sleep(POLL_S)
            records = await reader.read(room, after=at, limit=READ_MAX)

    with contextlib.suppress(KeyboardInterrupt):
        _run(config_file, data_dir, database, run)


@app.command()
def dead_letters(
    positions: Positions = None,
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: DatabaseUrl = None,
    webhook: WebhookName = None,
    resend: Annotated[bool, typer.Option("--resend", metavar="", help="Have the server send them again.")] = False,
    drop: Annotated[bool, typer.Option("--drop", metavar="", help="Forget them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what webhooks' receivers did not take until the server gave up, send it again, or forget it."""
    if resend and drop:
        _fail("--resend and --drop: choose one", EXIT_USAGE)

    async def run(journal: Database, _folder: Path) -> None:
        outbox = Outbox(journal)
        if resend:
            count = await outbox.revive(positions or (), webhook, int(time.time() * 1000))
            print(f"{count} will be sent again: in a few seconds if the server runs, else when it starts")
        elif drop:
            print(f"{await outbox.drop_dead(positions or (), webhook)} forgotten")
        else:
            found = await outbox.dead(READ_MAX, webhook)
            for each in found:
                if positions and each.position not in positions:
                    continue
                if as_json:
                    print(msgspec.json.encode(each).decode())
                else:
                    what = f"{each.record.event} in {each.record.room}" if each.record else "erased"
                    given_up = chain.timestamp(each.dead_ms or 0)
                    print(f"{each.position}  {each.webhook}  {what}  given up {given_up} "
                          f"after {each.attempts} attempts: {each.error}")  # fmt: skip

    _run(config_file, data_dir, database, run)


@app.command()
def erase(
    identity: Annotated[str, typer.Argument(metavar="IDENTITY", help="Whose: as it stands in their tokens.")],
    config_file: ConfigFile = None,
    data_dir: DataDir = None,
    database: DatabaseUrl = None,
) -> None:
    """Erase who somebody is: the personal fields of all records about them, and their bans. The rest still verifies."""

    async def run(journal: Database, folder: Path) -> None:
        key = files.read_key(folder / files.KEY_NAME)
        if key is None:
            raise DatabaseError(
                f"{folder / files.KEY_NAME} is missing, and an erasure is signed; give the server's data folder with "
                "--data-dir"
            )
        async with journal.snapshot() as connection:
            if await read_start(connection) is None:
                raise DatabaseError(f"the database {journal.name} has no journal yet")
        clock = SystemClock()
        table = await RecordTable.open(journal, key, "", lambda: int(clock.time() * 1000))
        count = await RetentionTask(table, settings.parse_retention({}), clock).erase_person(identity)
        print(f"{count} records do not say any more who {identity!r} is, and there are no bans of them")

    _run(config_file, data_dir, database, run)


# --- what they share -----------------------------------------------------------------------------------------------


def _run(
    config_file: Path | None,
    data_dir: str | None,
    database: str | None,
    command: Callable[[Database, Path], Awaitable[T]],
) -> T:
    try:
        loaded = config.load({"data_dir": data_dir, "database": database}, file=config_file)
    except config.ConfigError as error:
        _fail(str(error), EXIT_USAGE)
    folder = Path(loaded.data_dir) if loaded.data_dir else default_data_folder()

    async def run() -> T:
        async with _opened(loaded.database, folder) as journal:
            return await command(journal, folder)

    try:
        return asyncio.run(run())
    except DatabaseError as error:
        _fail(str(error), EXIT_USAGE)
    except DATABASE_ERRORS as error:
        if isinstance(error, BrokenPipeError):
            raise
        _fail(f"the database failed: {words(error)}", EXIT_USAGE)


@asynccontextmanager
async def _opened(setting: str, folder: Path) -> AsyncIterator[Database]:
    url = database_url(setting, folder)
    if url.get_backend_name() == "sqlite" and not os.path.isfile(str(url.database)):  # noqa: ASYNC240 - once
        raise DatabaseError(f"there is no journal at {url.database}; give the server's data folder with --data-dir")
    journal = await Database.open(url, exclusive=False, migrate=False)
    try:
        yield journal
    finally:
        await journal.close()


def _print(record: StoredRecord, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode(record).decode())
        return
    said: dict[str, Any] = dict(record.fields)
    fields = " ".join(f"{name}={_short(value)}" for name, value in said.items())
    erased = f" ({', '.join(record.erased)} erased)" if record.erased else ""
    who = f" {record.participant}" if record.participant else ""
    print(f"{record.position:>8}  {record.ts}  {record.room} #{record.seq}  {record.event}{who}  {fields}{erased}")


def _short(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else msgspec.json.encode(value).decode()


def _since(text: str | None) -> int | None:
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        span = settings.parse_span(text)
        return 0 if span is None else int(time.time() * 1000) - span
    try:
        return chain.milliseconds(text)
    except ValueError:
        _fail(f"--since: '{text}' is no time; write for example 2h, 3d or 2026-11-23T17:45Z", EXIT_USAGE)


def _fail(message: str, code: int) -> NoReturn:
    print(f"mediasrv: {message}", file=sys.stderr)
    raise typer.Exit(code)
