"""Which records could be kept nowhere, until the journal itself can say so."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mediasrv.journal.records import RECORDS_LOST, Record

# Of so many rooms it is known which of their records are missing; of others it shows as a gap.
MAX_ROOMS = 20_000


class Losses:
    """`count` is of all records that were ever lost."""

    def __init__(self) -> None:
        self.count = 0
        self._rooms: dict[str, tuple[int, Record]] = {}  # by room id: first number that is lost, last record

    def add(self, record: Record) -> bool:
        """`record` is lost. True if it is the first since the last ones were told."""
        first = not self._rooms
        self.count += 1
        if record.room_id in self._rooms:
            self._rooms[record.room_id] = (self._rooms[record.room_id][0], record)
        elif len(self._rooms) < MAX_ROOMS:
            self._rooms[record.room_id] = (record.seq, record)
        return first

    @property
    def untold(self) -> bool:
        return bool(self._rooms)

    def take(self) -> Iterator[Record]:
        """What stands for the lost records, one for each room, in their place."""
        rooms, self._rooms = self._rooms, {}
        for first_seq, last in rooms.values():
            yield msgspec.structs.replace(last, event=RECORDS_LOST, participant=None, fields={"first_seq": first_seq})
