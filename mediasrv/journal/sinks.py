"""Where records go."""

from __future__ import annotations

import logging
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
        self._level = logging.getLogger("journal")

    def write(self, record: Record) -> None:
        if not self._level.isEnabledFor(logging.INFO):
            return  # before a line is put together that nobody reads
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
