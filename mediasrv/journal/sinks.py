"""Where records go."""

from __future__ import annotations

from typing import Protocol

import structlog

from mediasrv.journal.records import Record


class Sink(Protocol):
    def write(self, record: Record) -> None:
        """Take a record and return soon. The records of a room come in their order."""


class LogSink:
    """Writes each record as one line of the log "journal"."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("journal")

    def write(self, record: Record) -> None:
        self._log.info(
            record.event,
            seq=record.seq,
            ts=record.ts,
            room=record.room,
            room_id=record.room_id,
            participant=record.participant,
            personal=list(record.personal),
            **record.fields,
        )
