"""Methods about rooms as a whole."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from mediasrv.rooms import room as rooms
from mediasrv.rooms.events import LeaveReason
from mediasrv.rooms.permissions import flag_names
from mediasrv.signaling.errors import ErrorCode as E
from mediasrv.signaling.method import Caller, Method, Scope
from mediasrv.signaling.schema import EXAMPLE_PARTICIPANT, EXAMPLE_ROOM, Id, Nothing, Participant, Room, RoomName, Shape


class ListRoomsParams(Shape):
    """All rooms that are open, in the order in which they were opened."""


class ListRoomsResult(Shape):
    rooms: Annotated[list[Room], Meta(description="the rooms")]


class GetRoomParams(Shape):
    """One room and everybody in it."""

    room: Annotated[RoomName, Meta(description="its name")]


class GetRoomResult(Shape):
    room: Annotated[Room, Meta(description="the room")]
    participants: Annotated[list[Participant], Meta(description="who is in it, in the order in which they joined")]


class GetParticipantParams(Shape):
    """One participant of a room, and what it may do."""

    room: Annotated[RoomName, Meta(description="the room's name")]
    participant_id: Annotated[Id, Meta(description="the participant")]


class GetParticipantResult(Shape):
    participant: Annotated[Participant, Meta(description="the participant")]
    permissions: Annotated[list[str], Meta(description="the flags that hold: granted and consented to")]


class CloseRoomParams(Shape):
    """End the room: everybody leaves with the reason `room_closed`."""

    room: Annotated[RoomName | None, Meta(description="the room's name; a participant may leave it out")] = None


def list_rooms(caller: Caller, params: ListRoomsParams) -> ListRoomsResult:
    return ListRoomsResult(rooms=[_room(room) for room in caller.registry.rooms.values()])


def get_room(caller: Caller, params: GetRoomParams) -> GetRoomResult:
    room = caller.registry.find(params.room)
    everybody = [participant.info() for participant in room.participants.values()]
    return GetRoomResult(
        room=_room(room), participants=msgspec.convert(everybody, list[Participant], from_attributes=True)
    )


def get_participant(caller: Caller, params: GetParticipantParams) -> GetParticipantResult:
    found = caller.registry.find(params.room).participant(params.participant_id)
    return GetParticipantResult(
        participant=msgspec.convert(found.info(), Participant, from_attributes=True),
        permissions=flag_names(found.permissions.effective),
    )


def close_room(caller: Caller, params: CloseRoomParams) -> Nothing:
    caller.room(params.room).end(LeaveReason.ROOM_CLOSED, by=caller.by)
    return Nothing()


def _room(room: rooms.Room) -> Room:
    return msgspec.convert(room.info(), Room, from_attributes=True)


METHODS = (
    Method(
        "list_rooms",
        Scope.ADMIN,
        list_rooms,
        ListRoomsParams,
        ListRoomsResult,
        (),
        ListRoomsParams(),
        ListRoomsResult(rooms=[EXAMPLE_ROOM]),
    ),
    Method(
        "get_room",
        Scope.ADMIN,
        get_room,
        GetRoomParams,
        GetRoomResult,
        (E.NOT_FOUND,),
        GetRoomParams(room=EXAMPLE_ROOM.name),
        GetRoomResult(room=EXAMPLE_ROOM, participants=[EXAMPLE_PARTICIPANT]),
    ),
    Method(
        "get_participant",
        Scope.ADMIN,
        get_participant,
        GetParticipantParams,
        GetParticipantResult,
        (E.NOT_FOUND,),
        GetParticipantParams(room=EXAMPLE_ROOM.name, participant_id=EXAMPLE_PARTICIPANT.id),
        GetParticipantResult(participant=EXAMPLE_PARTICIPANT, permissions=["join", "publish_audio", "subscribe"]),
    ),
    Method(
        "close_room",
        Scope.MODERATOR,
        close_room,
        CloseRoomParams,
        Nothing,
        (),
        CloseRoomParams(room=EXAMPLE_ROOM.name),
        Nothing(),
    ),
)
