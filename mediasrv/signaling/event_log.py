"""What happened lately in all rooms, for control sessions: each event encoded once, kept for a while, told in order.

Journal records and events are the same maps, so that what is too old to be kept here is read from the journal. Some
events are no history, and are kept here alone; how loud somebody speaks is not kept at all.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

import msgspec

from mediasrv.rooms import events
from mediasrv.rooms.clock import Clock
from mediasrv.signaling import codec

KEPT_EVENTS = 10_000
EVENTS_MISSED = "events_missed"
UNKEPT_KINDS = frozenset({"speaking"})
_POSITION = re.compile(
    r"(?P<run>[0-9a-f]{12})-(?P<number>\d{1,15})-(?P<ts_ms>\d{1,15})|j-(?P<journal>\d{1,18})", re.ASCII
)


class JournalRecord(Protocol):
    """A record of the journal, as its sinks get it."""

    @property
    def seq(self) -> int: ...
    @property
    def ts(self) -> str: ...
    @property
    def room(self) -> str: ...
    @property
    def room_id(self) -> str: ...
    @property
    def participant(self) -> str | None: ...
    @property
    def event(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, object]: ...


class Position(NamedTuple):
    """Where in the events a subscriber is: behind event `number` of one run of the server, which happened at `ts_ms`;
    or behind position `journal` of the journal."""

    run: str | None
    number: int
    ts_ms: int
    journal: int = 0

    @classmethod
    def parse(cls, text: str) -> Position | None:
        found = _POSITION.fullmatch(text)
        if found is None:
            return None
        if found["journal"] is not None:
            return cls(None, 0, 0, int(found["journal"]))
        return cls(found["run"], int(found["number"]), int(found["ts_ms"]))

    def __str__(self) -> str:
        return f"j-{self.journal}" if self.run is None else f"{self.run}-{self.number}-{self.ts_ms}"


class LoggedEvent:
    """An event with its notification, encoded. `key` is its room's opening and its number there, if it is history."""

    __slots__ = ("_text", "frame", "key", "kind", "number", "room")

    def __init__(self, number: int, room: str, kind: str, key: tuple[str, int] | None, frame: bytes) -> None:
        self.number = number
        self.room = room
        self.kind = kind
        self.key = key
        self.frame = frame
        self._text: str | None = None

    def encoded(self, *, text: bool) -> bytes | str:
        if not text:
            return self.frame
        if self._text is None:
            self._text = msgspec.json.encode(msgspec.msgpack.decode(self.frame)).decode()
        return self._text


class Subscriber(Protocol):
    def take(self, event: LoggedEvent) -> None:
        """An event of a room that it listens to."""


class EventLog:
    """A sink of the journal and an observer of the rooms. `counters` says what was told and to whom it was not."""

    def __init__(self, clock: Clock, kept: int = KEPT_EVENTS) -> None:
        self.run = secrets.token_hex(6)
        self.last_number = 0
        self.counters = {"events": 0, "events_told": 0, "subscribers_lagged": 0, "subscribers_too_slow": 0}
        self._clock = clock
        self._kept = kept
        self._ring: list[LoggedEvent | None] = [None] * kept
        self._numbers: dict[tuple[str, int], int] = {}  # of kept history, by key
        self._everywhere: set[Subscriber] = set()
        self._by_room: dict[str, set[Subscriber]] = {}
        self._last_ts_ms = 0

    # --- what happens ------------------------------------------------------------------------------------------

    def write(self, record: JournalRecord) -> None:
        """Take a record: for the journal this is a sink."""
        self._add(
            record.room, record.room_id, record.event, record.fields, record.participant, seq=record.seq, ts=record.ts
        )

    def observe(self, event: events.RoomEvent) -> None:
        """Take an event of a room that the journal leaves out."""
        said = live_event_of(event)
        if said is not None:
            kind, participant, fields = said
            self._add(event.room, event.room_id, kind, fields, participant)

    def _add(
        self,
        room: str,
        room_id: str,
        kind: str,
        fields: Mapping[str, object],
        participant: str | None,
        *,
        seq: int | None = None,
        ts: str | None = None,
    ) -> None:
        self.counters["events"] += 1
        self._last_ts_ms = int(self._clock.time() * 1000)
        kept = kind not in UNKEPT_KINDS
        if kept:
            self.last_number += 1
        body = {
            "position": str(self.position),
            "room": room,
            "room_id": room_id,
            "seq": seq,
            "ts": ts or timestamp(self._last_ts_ms),
            "event": kind,
            "participant": participant,
            "fields": fields,
        }
        key = (room_id, seq) if seq is not None else None
        event = LoggedEvent(self.last_number, room, kind, key, encode(body))
        if kept:
            self._keep(event)
        listening = self._by_room.get(room)
        for subscriber in (*self._everywhere, *(listening or ())):
            subscriber.take(event)

    def _keep(self, event: LoggedEvent) -> None:
        place = event.number % self._kept
        old = self._ring[place]
        if old is not None and old.key is not None:
            del self._numbers[old.key]
        self._ring[place] = event
        if event.key is not None:
            self._numbers[event.key] = event.number

    # --- who listens -------------------------------------------------------------------------------------------

    @property
    def position(self) -> Position:
        """Behind the newest event."""
        return Position(self.run, self.last_number, self._last_ts_ms)

    @property
    def first_number(self) -> int:
        """Of the oldest event that is kept, or of the first one to come."""
        return max(1, self.last_number - self._kept + 1)

    @property
    def has_forgotten(self) -> bool:
        return self.first_number > 1

    def kept(self, after: int) -> Iterator[LoggedEvent]:
        """The kept events behind number `after`, as far as there are some when they are asked for."""
        number = max(after + 1, self.first_number)
        while number <= self.last_number:
            event = self._ring[number % self._kept]
            if event is None or event.number != number:
                return
            yield event
            number += 1

    def number_of(self, key: tuple[str, int]) -> int | None:
        """Of a record that is kept."""
        return self._numbers.get(key)

    def add(self, subscriber: Subscriber, rooms: frozenset[str] | None) -> None:
        """Let it have what happens in `rooms`, or everywhere."""
        if rooms is None:
            self._everywhere.add(subscriber)
        else:
            for room in rooms:
                self._by_room.setdefault(room, set()).add(subscriber)

    def remove(self, subscriber: Subscriber, rooms: frozenset[str] | None) -> None:
        if rooms is None:
            self._everywhere.discard(subscriber)
            return
        for room in rooms:
            listening = self._by_room.get(room, set())
            listening.discard(subscriber)
            if not listening:
                self._by_room.pop(room, None)


def encode(body: Mapping[str, object]) -> bytes:
    """The notification of an event."""
    return msgspec.msgpack.encode((codec.NOTIFICATION, "event", body))


def timestamp(ts_ms: int) -> str:
    """Milliseconds since the Unix epoch as the journal writes them (RFC 3339, UTC)."""
    moment = datetime.fromtimestamp(ts_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ts_ms % 1000:03}Z"


def live_event_of(event: events.RoomEvent) -> tuple[str, str | None, Mapping[str, object]] | None:
    """Kind, participant and fields of an event that is no history; None if it is, or is nobody else's business."""
    match event:
        case events.ParticipantUpdated(participant=who):
            fields = {"name": who.name, "metadata": who.metadata, "attributes": dict(who.attributes)}
            return "participant_updated", who.id, fields
        case events.MediaConnected():
            return "media_connected", event.participant_id, {}
        case events.EncodingChanged():
            return "encoding_changed", event.participant_id, {"mid": event.mid, "rid": event.rid}
        case events.UnmuteAsked():
            return "unmute_requested", event.participant_id, {"source": event.source, "by": event.by}
        case events.MessageDelivered():
            return "message_delivered", event.sender_id, {"message": event.message_id, "to": event.recipient_id}
        case events.DominantSpeaker():
            return "dominant_speaker", event.participant_id, {"track": event.track_id}
        case events.Speaking():
            return "speaking", None, {"levels": dict(event.levels)}
        case _:
            return None
