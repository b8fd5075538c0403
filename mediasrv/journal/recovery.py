"""Ends, at a start, what an earlier run of the server did not live to end."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from mediasrv.journal import chain
from mediasrv.journal.chain import Row
from mediasrv.journal.record_table import RecordTable, read_rows
from mediasrv.journal.records import SERVER_CRASHED, Record
from mediasrv.store.tables import journal_open_rooms, journal_records

READ_ROWS = 1_000


class OpenRoom:
    """What a room's records say was going on when they end. Is fed them in their order."""

    def __init__(self) -> None:
        self._last: Record | None = None
        self._last_seq = 0
        self._inside: dict[str, Record] = {}  # joins, by participant
        self._tracks: dict[str, Record] = {}  # published, by track
        self._on: dict[str, Record] = {}  # features that are on, by track

    def feed(self, row: Row) -> None:
        self._last_seq = row.seq
        record = chain.record_of(row.content, row.personal)
        if record is None:
            return
        self._last = record
        who, track = str(record.participant), str(record.fields.get("track"))
        match record.event:
            case "participant_joined":
                self._inside[who] = record
            case "participant_left":
                self._inside.pop(who, None)
            case "track_published":
                self._tracks[track] = record
            case "track_unpublished":
                self._tracks.pop(track, None)
            case "feature_toggled" if record.fields["enabled"]:
                self._on[track] = record
            case "feature_toggled":
                self._on.pop(track, None)

    def closing_records(self, ts: str) -> Iterable[Record]:
        """As if everybody had left at `ts`: the tracks before their participant, the room last.

        `last_ts` in them is the last sign of life in the room.
        """
        last = self._last
        if last is None:  # everything was erased, and a room without a name cannot be spoken of
            return
        seq = self._last_seq

        def ended(event: str, participant: str | None, fields: dict[str, object]) -> Record:
            nonlocal seq
            seq += 1
            return Record(
                seq=seq,
                ts=ts,
                room=last.room,
                room_id=last.room_id,
                participant=participant,
                event=event,
                fields={**fields, "reason": SERVER_CRASHED, "last_ts": last.ts},
            )

        for record in self._on.values():
            kept = {name: record.fields[name] for name in ("feature", "track")}
            yield ended("feature_toggled", record.participant, {**kept, "enabled": False, "by": "server"})
        for record in self._tracks.values():
            kept = {name: record.fields[name] for name in ("track", "kind", "source")}
            yield ended("track_unpublished", record.participant, kept)
        for participant, record in self._inside.items():
            # Without the identity if it was erased meanwhile.
            kept = {name: record.fields[name] for name in ("identity",) if name in record.fields}
            yield ended("participant_left", participant, kept)
        yield ended("room_closed", None, {})


async def close_open_rooms(table: RecordTable, ts: str) -> list[Record]:
    """Append what ends the rooms that are open, each in one transaction. Returns those records.

    Only before the first room of this run is opened. Raises one of `DATABASE_ERRORS`.
    """
    async with table.database.snapshot() as connection:
        rooms = list(await connection.scalars(sa.select(journal_open_rooms.c.room_id)))
    said: list[Record] = []
    for room_id in rooms:
        room = OpenRoom()
        after = 0
        while True:
            async with table.database.snapshot() as connection:
                rows = await read_rows(connection, after, READ_ROWS, journal_records.c.room_id == room_id)
            for row in rows:
                room.feed(row)
            if not rows:
                break
            after = rows[-1].position
        records = list(room.closing_records(ts))
        if records:
            await table.append(records)
        else:
            async with table.database.transaction() as connection:
                await connection.execute(journal_open_rooms.delete().where(journal_open_rooms.c.room_id == room_id))
        said += records
    return said
