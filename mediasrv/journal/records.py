"""What the journal holds: one record for each thing that happened in a room."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

# The one place that says which fields tell who somebody is. A record names those it has, for whoever must drop them.
PERSONAL_FIELDS = frozenset({"identity", "name", "address"})

RECORDS_LOST = "records_lost"
"""Stands for records that could be kept nowhere: those from the field `first_seq` to its own `seq`."""
SERVER_CRASHED = "server_crashed"
"""The reason in records that the next start writes for what a server did not live to end."""

EVENTS = frozenset({
    "ban_lifted", "feature_toggled", "guest_decided", "guest_waiting", "message_sent", "participant_banned",
    "participant_joined", "participant_left", "permission_changed", RECORDS_LOST, "room_closed", "room_opened",
    "room_updated", "signaling_lost", "signaling_resumed", "track_published", "track_unpublished",
})  # fmt: skip
"""All that a record can be of."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """`seq` counts from 1, without gaps, from a room's `room_opened` to its `room_closed`; `room_id` tells the openings
    of a room apart. `ts` is UTC in RFC 3339. `participant` is the id of whom it is about."""

    seq: int
    ts: str
    room: str
    room_id: str
    participant: str | None
    event: str
    fields: Mapping[str, object]

    @property
    def personal(self) -> tuple[str, ...]:
        """The names of its personal fields."""
        return tuple(name for name in self.fields if name in PERSONAL_FIELDS)

    def without_personal(self) -> Record:
        """The same record, saying nothing of who it was."""
        kept = {name: value for name, value in self.fields.items() if name not in PERSONAL_FIELDS}
        return msgspec.structs.replace(self, fields=kept)


class StoredRecord(Record, frozen=True, kw_only=True):
    """A record of the database. `position` counts over all rooms; `erased` names the fields it had."""

    position: int
    erased: tuple[str, ...] = ()
