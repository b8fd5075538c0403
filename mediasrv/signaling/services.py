"""What methods of control sessions need besides rooms. The application provides it; tests put fakes in its place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mediasrv.signaling.event_log import EventLog, JournalRecord
from mediasrv.signaling.statistics_shapes import ServerStatistics, WorkerStatistics


class JournalUnavailableError(Exception):
    """The journal cannot be read now; the text says why."""


class StoredRecord(JournalRecord, Protocol):
    """A record that can be found again."""

    @property
    def position(self) -> int: ...
    @property
    def erased(self) -> Sequence[str]: ...


class JournalSource(Protocol):
    """What the journal has. All raise `JournalUnavailableError`."""

    def read(self, room: str | None = None, *, after: int = 0, limit: int = 100) -> Awaitable[Sequence[StoredRecord]]:
        """The oldest records behind position `after`."""

    def last(self, room: str | None, limit: int) -> Awaitable[Sequence[StoredRecord]]:
        """The newest `limit` records, oldest first."""

    def position_at(self, ts_ms: int) -> Awaitable[int]:
        """Of the last record before a time."""


@dataclass(frozen=True, slots=True)
class Services:
    """`statistics` are the server's and its workers'."""

    events: EventLog
    journal: JournalSource | None
    statistics: Callable[[], tuple[ServerStatistics, Sequence[WorkerStatistics], Mapping[str, float]]]
