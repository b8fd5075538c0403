"""One control session's subscription to events: what it hears, how far it has come, and how far it may fall behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mediasrv.signaling.event_log import EVENTS_MISSED, UNKEPT_KINDS, EventLog, LoggedEvent, Position, encode, timestamp
from mediasrv.signaling.services import JournalSource, JournalUnavailableError, StoredRecord

_log = structlog.get_logger("signaling.events")

UNREAD_EVENTS = 256
STALLED_S = 60.0  # for so long who is given the journal may take nothing of it
_PAGE = 500


class _StalledError(Exception):
    """The subscriber takes nothing of what it is given."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """None is everything; of what is not kept, only what `kinds` names."""

    rooms: frozenset[str] | None = None
    kinds: frozenset[str] | None = None

    def takes(self, room: str, kind: str) -> bool:
        if self.rooms is not None and room not in self.rooms:
            return False
        return kind not in UNKEPT_KINDS if self.kinds is None else kind in self.kinds


class EventSubscription:
    """Gives events to `put` until `close`, each once and in order.

    No more than `UNREAD_EVENTS` are given before the connection has taken all that was said (`drained`). What comes
    meanwhile stays in the log. A subscriber that has not come back when the log forgets is `too_slow`, and so is one
    that takes nothing for `STALLED_S` of what it is given from the journal.
    """

    def __init__(
        self,
        log: EventLog,
        chosen: EventFilter,
        *,
        put: Callable[[LoggedEvent], None],
        too_slow: Callable[[], None],
    ) -> None:
        self._log = log
        self._filter = chosen
        self._put = put
        self._too_slow = too_slow
        self._unread = 0
        self._told = log.last_number  # up to there everything was given or is not meant
        self._live = False  # nothing kept is left to be given
        self._room = asyncio.Event()  # for whoever reads the journal: there is room for more
        self._replay: asyncio.Task[None] | None = None
        self._closed = False
        log.add(self, chosen.rooms)

    def start(self, after: Position | None, journal: JournalSource | None) -> None:
        """Begin, behind `after`; None: with what happens from now on."""
        if after is None:
            self._catch_up()
        elif after.run == self._log.run and after.number >= self._log.first_number - 1:
            self._told = min(after.number, self._log.last_number)
            self._catch_up()
        elif journal is not None:
            self._replay = asyncio.create_task(self._replay_journal(journal, after))
        else:
            self._begin_with_kept()

    def close(self) -> None:
        self._closed = True
        self._log.remove(self, self._filter.rooms)
        if self._replay is not None:
            self._replay.cancel()

    def take(self, event: LoggedEvent) -> None:
        if self._closed:
            return
        if self._live and not self._is_full:
            self._told = event.number
            self._give(event)
            return
        if self._live:
            self._live = False
            self._log.counters["subscribers_lagged"] += 1
        if self._replay is None and self._has_fallen_off:
            self._log.counters["subscribers_too_slow"] += 1
            self._too_slow()

    def drained(self) -> None:
        """The connection has taken all that was said."""
        self._unread = 0
        self._room.set()
        if not self._live and self._replay is None and not self._closed:
            self._catch_up()

    # --- what was ----------------------------------------------------------------------------------------------

    @property
    def _is_full(self) -> bool:
        return self._unread >= UNREAD_EVENTS

    @property
    def _has_fallen_off(self) -> bool:
        return self._told < self._log.first_number - 1

    def _give(self, event: LoggedEvent) -> None:
        if self._filter.takes(event.room, event.kind):
            self._unread += 1
            self._log.counters["events_told"] += 1
            self._put(event)

    def _catch_up(self) -> None:
        if self._has_fallen_off:  # by what happened elsewhere
            self._told = self._log.first_number - 1
            self._say_missed()
        for event in self._log.kept(self._told):
            if self._is_full or self._closed:
                return
            self._told = event.number
            self._give(event)
        self._live = True

    def _begin_with_kept(self) -> None:
        self._told = self._log.first_number - 1
        self._say_missed()
        self._catch_up()

    def _say_missed(self) -> None:
        """What was before the next event cannot be had any more."""
        position = self._log.position._replace(number=self._told)
        body = {"position": str(position), "room": "", "room_id": "", "seq": None, "ts": timestamp(position.ts_ms)}
        frame = encode({**body, "event": EVENTS_MISSED, "participant": None, "fields": {}})
        self._put(LoggedEvent(self._told, "", EVENTS_MISSED, None, frame))

    async def _replay_journal(self, journal: JournalSource, after: Position) -> None:
        """Give what the journal has, up to what is kept here."""
        try:
            missed = not await self._give_records(journal, after)
        except JournalUnavailableError as error:
            _log.warning("events could not be read from the journal", reason=str(error))
            missed = True
        except _StalledError:
            self._log.counters["subscribers_too_slow"] += 1
            self._too_slow()
            return
        self._replay = None
        if self._closed:
            return
        if missed:
            self._begin_with_kept()
        else:
            self._catch_up()

    async def _give_records(self, journal: JournalSource, after: Position) -> bool:
        """Whether nothing is missing between them and what is kept. Leaves `_told` where that goes on."""
        at = after.journal if after.run is None else await journal.position_at(after.ts_ms)
        only = next(iter(self._filter.rooms)) if self._filter.rooms and len(self._filter.rooms) == 1 else None
        while records := await journal.read(only, after=at, limit=_PAGE):
            for record in records:
                at = record.position
                number = self._log.number_of((record.room_id, record.seq))
                if number is not None:
                    self._told = number - 1
                    return True
                while self._is_full:
                    await self._wait_for_room()
                self._give_record(record)
        # All of it is older than what is kept here; what is forgotten here may yet wait to be written there.
        self._told = self._log.first_number - 1
        return not self._log.has_forgotten

    async def _wait_for_room(self) -> None:
        self._room.clear()
        try:
            async with asyncio.timeout(STALLED_S):
                await self._room.wait()
        except TimeoutError:
            raise _StalledError from None

    def _give_record(self, record: StoredRecord) -> None:
        body = {
            "position": str(Position(None, 0, 0, record.position)),
            "room": record.room,
            "room_id": record.room_id,
            "seq": record.seq,
            "ts": record.ts,
            "event": record.event,
            "participant": record.participant,
            "fields": record.fields,
        }
        self._give(LoggedEvent(0, record.room, record.event, None, encode(body)))
