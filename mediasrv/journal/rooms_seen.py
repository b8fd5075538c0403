"""What must hold of the records of a room: no number left out, one leave for each join, nothing after the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mediasrv.journal.chain import Content
from mediasrv.journal.records import RECORDS_LOST


@dataclass(slots=True)
class RoomSeen:
    """A room that is open at this point of the journal. `vague`: some of what happened in it is not known any more."""

    name: str
    last_seq: int
    vague: bool
    inside: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)


class RoomsSeen:
    """Is fed records in the order of the journal. `whole`: it begins with the first there ever was.

    A room that is still open at the end is no fault: the server runs, or will close it when it starts again.
    """

    def __init__(self, *, whole: bool) -> None:
        self.open: dict[str, RoomSeen] = {}
        self.closed = 0
        self.joins = 0
        self.lost = 0  # records of which the server itself says that it lost them
        self._whole = whole

    def record(self, content: Content) -> Iterator[str]:
        """What is wrong with `content`, coming now."""
        first_seq = content.seq
        if content.event == RECORDS_LOST:
            first_seq = content.fields.get("first_seq", content.seq)
            self.lost += content.seq - first_seq + 1
        room = self.open.get(content.room_id)
        if room is None:
            room, problem = self._first_seen(content, first_seq)
            if problem:
                yield problem
        elif first_seq != room.last_seq + 1:
            yield _gap(room, first_seq)
        room.last_seq = content.seq
        room.vague = room.vague or content.event == RECORDS_LOST
        yield from self._event(room, content)

    def erased(self, room_id: str, seq: int) -> Iterator[str]:
        """The same for a record that has been erased: all that is left is its number."""
        room = self.open.get(room_id)
        if room is None:
            # Which record ended the room cannot be seen any more, so it stays known.
            room = self.open[room_id] = RoomSeen("", seq, vague=True)
            if seq != 1 and self._whole:
                yield f"it has number {seq} in its room, but there is none before it"
        elif seq != room.last_seq + 1:
            yield _gap(room, seq)
        room.last_seq = seq
        room.vague = True

    def _first_seen(self, content: Content, first_seq: int) -> tuple[RoomSeen, str]:
        room = self.open[content.room_id] = RoomSeen(content.room, content.seq, vague=first_seq != content.seq)
        if content.event == "room_opened" and content.seq == 1:
            return room, ""
        if not self._whole or first_seq == 1:
            room.vague = True
            return room, ""
        return room, f"it has number {first_seq} in room {content.room}, which was not opened or has been closed"

    def _event(self, room: RoomSeen, content: Content) -> Iterator[str]:
        who = content.participant or ""
        match content.event:
            case "room_opened" if content.seq != 1:
                yield f"room {content.room} is opened again without having been closed"
            case "participant_joined":
                self.joins += 1
                if who in room.inside or who in room.left:
                    yield f"participant {who} joins room {content.room} a second time"
                room.inside.add(who)
            case "participant_left":
                if who in room.left:
                    yield f"participant {who} leaves room {content.room} a second time"
                elif who not in room.inside and not room.vague:
                    yield f"participant {who} leaves room {content.room} without having joined"
                room.inside.discard(who)
                room.left.add(who)
            case "room_closed":
                self.closed += 1
                del self.open[content.room_id]
                if room.inside and not room.vague:
                    yield f"room {content.room} is closed, but {', '.join(sorted(room.inside))} never left"


def _gap(room: RoomSeen, seq: int) -> str:
    name = f"room {room.name}" if room.name else "its room"
    if seq <= room.last_seq:
        return f"it has number {seq} in {name}, which had {room.last_seq} already"
    missing = range(room.last_seq + 1, seq)
    numbers = f"number {missing[0]} is" if len(missing) == 1 else f"numbers {missing[0]} to {missing[-1]} are"
    return f"{numbers} missing in {name}"
