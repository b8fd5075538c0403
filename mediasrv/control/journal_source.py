"""The journal as control sessions read it: one kind of failure, in words that may be told."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from mediasrv.journal.reader import JournalReader
from mediasrv.journal.records import StoredRecord
from mediasrv.signaling.services import JournalUnavailableError
from mediasrv.store.database import DATABASE_ERRORS

T = TypeVar("T")


class DatabaseJournal:
    """Raises `JournalUnavailableError` where `reader` raises one of `DATABASE_ERRORS`."""

    def __init__(self, reader: JournalReader) -> None:
        self._reader = reader

    async def read(self, room: str | None = None, *, after: int = 0, limit: int = 100) -> Sequence[StoredRecord]:
        return await _said(self._reader.read(room, after=after, limit=limit))

    async def last(self, room: str | None, limit: int) -> Sequence[StoredRecord]:
        return await _said(self._reader.last(room, limit))

    async def position_at(self, ts_ms: int) -> int:
        return await _said(self._reader.position_at(ts_ms))


async def _said(reading: Awaitable[T]) -> T:
    try:
        return await reading
    except DATABASE_ERRORS as error:
        raise JournalUnavailableError("the journal's database does not answer now") from error
