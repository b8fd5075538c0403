"""A database whose commits take as long as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from mediasrv.store.database import Database


def slow_commits(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """From now on transactions wait with their commit until the event is set."""
    commits, real = asyncio.Event(), Database.transaction

    @asynccontextmanager
    async def slow(database: Database) -> AsyncIterator[AsyncConnection]:
        async with real(database) as connection:
            yield connection
            await commits.wait()

    monkeypatch.setattr(Database, "transaction", slow)
    return commits
