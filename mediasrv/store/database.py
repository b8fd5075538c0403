"""The database: SQLite in a file, or PostgreSQL by URL, through SQLAlchemy.

One process writes. Its transactions wait for each other here and not in the database, so SQLite never answers that it
is locked; readers see a snapshot and wait for nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

# What these say at lower levels is noise, or has the values of statements in it, which are nobody's business.
for _name in ("alembic", "aiosqlite"):
    logging.getLogger(_name).setLevel(logging.WARNING)

MIGRATIONS = Path(__file__).parent / "migrations"
SQLITE_NAME = "mediasrv.db"
BUSY_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5.0
# Any number, as long as every mediasrv takes the same: it tells our advisory lock from those of others.
ADVISORY_LOCK = 0x6D656469617372


class DatabaseError(Exception):
    """The database cannot be used; the text says why and what to do, and never has its password.

    `temporary`: it may work in a while, as when its server has yet to start.
    """

    def __init__(self, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.temporary = temporary


# What an unreachable, slow or full database raises.
DATABASE_ERRORS = (DatabaseError, SQLAlchemyError, OSError, TimeoutError)


def database_url(setting: str, data_dir: Path) -> URL:
    """What the setting `database` means: empty, `sqlite:PATH` or `postgresql://…`. Raises `DatabaseError`."""
    if not setting:
        return URL.create("sqlite+aiosqlite", database=str(data_dir / SQLITE_NAME))
    scheme, _, rest = setting.partition(":")
    if scheme == "sqlite" and rest and not rest.startswith("//"):
        return URL.create("sqlite+aiosqlite", database=str(Path(rest)))
    if scheme in ("postgresql", "postgres") and rest.startswith("//"):
        try:
            return make_url(f"postgresql+asyncpg:{rest}")
        except ArgumentError:
            pass
    raise DatabaseError(
        "database: write sqlite:PATH, or postgresql://USER:PASSWORD@HOST/NAME; empty is a file in the data folder"
    )


class Database:
    """An open database whose tables are those of this version."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._writing = asyncio.Lock()
        self._exclusive = False
        self._guard: AsyncConnection | None = None
        self._guard_unsure = False  # whether the guard's connection may have gone
        self._file: tuple[int, int] | None = None  # which one SQLite has open: device and inode

    @classmethod
    async def open(cls, url: URL, *, exclusive: bool = True, migrate: bool = True) -> Database:
        """Connect and bring the tables to this version. Raises `DatabaseError`.

        `exclusive`: as the one process that writes. Without `migrate` older tables are an error.
        """
        database = cls(_engine(url))
        # SQLite's file is behind the data folder's lock.
        database._exclusive = exclusive and not _is_sqlite(url)
        try:
            if database._exclusive:
                await database._lock_out_others()
            await database._migrate(change=migrate)
            if database.is_sqlite:
                database._file = await asyncio.to_thread(_file_at, url)
        except DatabaseError:
            await database.close()
            raise
        except CommandError as error:  # a revision that this version does not know
            await database.close()
            raise DatabaseError(
                f"the database {_shown(url)} was made by a newer mediasrv ({error}): run that one"
            ) from None
        except DATABASE_ERRORS as error:
            await database.close()
            raise DatabaseError(
                f"cannot use the database {_shown(url)}: {words(error)}", temporary=not _is_sqlite(url)
            ) from None
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def is_sqlite(self) -> bool:
        return _is_sqlite(self.engine.url)

    @property
    def name(self) -> str:
        """The URL without its password."""
        return _shown(self.engine.url)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """To write in; committed at its end, rolled back if that is an exception."""
        async with self._writing:
            if self._guard_unsure:
                await self._renew_guard()
            await self.check_file()
            try:
                async with self.engine.connect() as connection:
                    await connection.execution_options(mediasrv_writes=True)
                    async with connection.begin():
                        yield connection
            except DATABASE_ERRORS:
                self._guard_unsure = self._exclusive
                raise

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """To read in; nothing changes in it until its end."""
        async with self.engine.connect() as connection:
            if not self.is_sqlite:
                await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with connection.begin():
                yield connection

    async def check_file(self) -> None:
        """Raises `DatabaseError` if SQLite's file is not the one that was opened any more."""
        if self._file is not None:
            await asyncio.to_thread(self._compare_file)

    async def forget_erased(self) -> None:
        """Have SQLite write what was erased over the old pages at once; PostgreSQL's autovacuum sees to it."""
        if not self.is_sqlite:
            return
        async with self._writing, self.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))

    async def close(self) -> None:
        await self._drop_guard()
        await self.engine.dispose()

    def _compare_file(self) -> None:
        """SQLite goes on writing into a file that was removed, and what it has taken then is gone when it closes."""
        try:
            same = _file_at(self.engine.url) == self._file
        except FileNotFoundError:
            same = False
        if not same:
            raise DatabaseError(
                f"the file {self.name} was removed or replaced while it was in use: put it back, or restart the server"
            )

    async def _lock_out_others(self) -> None:
        """By PostgreSQL's advisory lock, which goes with a connection."""
        self._guard = await self.engine.connect()
        await self._guard.execution_options(isolation_level="AUTOCOMMIT")
        taken = await self._guard.scalar(sa.select(sa.func.pg_try_advisory_lock(ADVISORY_LOCK)))
        if not taken:
            raise DatabaseError(
                f"another mediasrv uses the database {self.name}: stop it, or give this one its own", temporary=True
            )

    async def _renew_guard(self) -> None:
        """A database that failed may have been started anew; then the lock is nobody's, or by now another's."""
        alive = False
        if self._guard is not None:
            with contextlib.suppress(*DATABASE_ERRORS):
                await self._guard.execute(sa.select(1))
                alive = True
        if not alive:
            await self._drop_guard()
            await self._lock_out_others()
        self._guard_unsure = False

    async def _drop_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            with contextlib.suppress(*DATABASE_ERRORS):
                await guard.invalidate()
            with contextlib.suppress(*DATABASE_ERRORS):
                await guard.close()

    async def _migrate(self, *, change: bool) -> None:
        async with self.transaction() as connection:
            await connection.run_sync(_upgrade if change else _require_current)


async def try_to_write(url: URL) -> None:
    """Begin a transaction that writes, and take it back. Raises `DatabaseError`: the database cannot be written."""
    engine = _engine(url)
    try:
        async with engine.connect() as connection:
            await connection.execution_options(mediasrv_writes=True)
            async with connection.begin() as transaction:
                if not _is_sqlite(url) and await connection.scalar(sa.text("SELECT pg_is_in_recovery()")):
                    raise DatabaseError(f"the database {_shown(url)} is a standby, which takes no records")
                await connection.execute(sa.text("CREATE TABLE mediasrv_doctor (id INTEGER)"))
                await transaction.rollback()
    except DATABASE_ERRORS as error:
        raise DatabaseError(f"cannot use the database {_shown(url)}: {words(error)}") from None
    finally:
        await engine.dispose()


def words(error: BaseException) -> str:
    """What a database error says, without the statement and its values."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    cause = error.__cause__ or error
    return " ".join(str(cause).split()) or type(cause).__name__


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> None:
    config = _alembic()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _require_current(connection: Connection) -> None:
    current = MigrationContext.configure(connection).get_current_revision()
    newest = ScriptDirectory.from_config(_alembic()).get_current_head()
    if current is None:
        raise DatabaseError(f"the database {_shown(connection.engine.url)} has no journal yet")
    if current != newest:
        raise DatabaseError(
            f"the database {_shown(connection.engine.url)} is of another version ({current}, this is {newest}): "
            "start the server of this version once"
        )


def _engine(url: URL) -> AsyncEngine:
    if not _is_sqlite(url):
        return create_async_engine(url, pool_pre_ping=True, connect_args={"timeout": CONNECT_TIMEOUT_S})
    engine = create_async_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})
    sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin and end where we say, schema changes included
    cursor = connection.cursor()
    # FULL: a commit is on the disk when it returns. Erased values are overwritten and not just left in free pages.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that writes takes the lock at its beginning: one that took it later could not wait for it.
    writes = connection.get_execution_options().get("mediasrv_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _file_at(url: URL) -> tuple[int, int]:
    status = os.stat(str(url.database))
    return status.st_dev, status.st_ino


def _shown(url: URL) -> str:
    if _is_sqlite(url):
        return str(url.database)
    return url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
