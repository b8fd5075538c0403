from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from .harness import JournalHarness
from .postgresql import cluster, programs


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Path]:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with cluster() as running:
        yield running.socket


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A setting `database`: one that is empty, of each kind."""
    if request.param == "sqlite":
        return ""
    socket = request.getfixturevalue("postgresql")
    name = f"j{abs(hash(tmp_path)):x}"

    async def create() -> None:
        connection = await asyncpg.connect(host=str(socket), user="mediasrv", database="postgres")
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return f"postgresql://mediasrv@/{name}?host={socket}"


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[JournalHarness]:
    """A journal in SQLite."""
    harness = JournalHarness(tmp_path)
    yield harness
    await harness.close()


@pytest.fixture
async def any_harness(tmp_path: Path, database: str) -> AsyncIterator[JournalHarness]:
    """A journal in each kind of database."""
    harness = JournalHarness(tmp_path, database)
    yield harness
    await harness.close()
