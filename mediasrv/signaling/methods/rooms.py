"""Methods about rooms as a whole."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mediasrv.rooms.events import LeaveReason
from mediasrv.rooms.permissions import FLAG_OF_NAME, GrantsError, Permission, flag_names, from_names
from mediasrv.rooms.settings import (
    CAPACITY_MAX,
    HISTORY_MAX_MESSAGES,
    IDLE_MAX_S,
    METADATA_MAX_CHARACTERS,
    RoomSettings,
)
from mediasrv.signaling.errors import ErrorCode as E
from mediasrv.signaling.errors import RpcError
from mediasrv.signaling.method import Caller, Method, Scope
from mediasrv.signaling.schema import (
    EXAMPLE_PARTICIPANT,
    EXAMPLE_ROOM,
    Id,
    MixChange,
    Nothing,
    Participant,
    Room,
    RoomName,
    Shape,
)
from mediasrv.signaling.shapes import participant_of, participants_of, room_of

Capacity = Annotated[int, Meta(ge=1, le=CAPACITY_MAX, description="how many may be in it")]
Flags = Annotated[list[str], Meta(max_length=len(FLAG_OF_NAME))]
DefaultPermissions = Annotated[Flags, Meta(description="flags of everybody whose token does not say otherwise")]
DefaultsUntil = Annotated[
    dict[str, float],
    Meta(
        max_length=len(FLAG_OF_NAME),
        description="those of them that end, and when, in seconds since the Unix epoch; "
        "other `default_permissions` without it are for good",
    ),
]
Lobby = Annotated[bool, Meta(description="whether moderators let people in one by one")]
Locked = Annotated[bool, Meta(description="whether nobody new comes in, but moderators")]
Codecs = Annotated[
    list[str],
    Meta(max_length=16, description="those that are negotiated from now on; of a kind that none is of: all there are"),
]
Bitrate = Annotated[
    int | None,
    Meta(description="what publishers may send at most on a track, by answers from now on; null: no bound"),
]
IdleS = Annotated[float, Meta(ge=0, le=IDLE_MAX_S, description="for how many seconds it stays open with nobody in it")]
History = Annotated[
    int, Meta(ge=0, le=HISTORY_MAX_MESSAGES, description="how many messages it keeps for those who come later")
]
MixAbove = Annotated[
    Annotated[int, Meta(ge=0, le=CAPACITY_MAX)] | None,
    Meta(description="with more participants, the mix is for who chose no policy for audio, or `or_mix`; null: never"),
]
MixOf = Annotated[MixChange, Meta(description="how its mix sounds, for those who listen to it")]
Metadata = Annotated[
    str, Meta(max_length=METADATA_MAX_CHARACTERS, description="whatever an application wants to keep with it")
]


class RoomParams(Shape):
    """What a room may be like; of what is left out nothing is said."""

    room: RoomName | None = None
    capacity: Capacity | UnsetType = UNSET
    default_permissions: DefaultPermissions | UnsetType = UNSET
    default_permissions_until: DefaultsUntil | UnsetType = UNSET
    lobby: Lobby | UnsetType = UNSET
    locked: Locked | UnsetType = UNSET
    codecs: Codecs | UnsetType = UNSET
    track_bitrate_bps: Bitrate | UnsetType = UNSET
    idle_s: IdleS | UnsetType = UNSET
    history: History | UnsetType = UNSET
    mix_above: MixAbove | UnsetType = UNSET
    mix: MixOf | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


class CreateRoomParams(RoomParams):
    """Open a room before anybody joins it. What is left out is as the server's settings have it for all rooms, but
    `idle_s` 300 where they say 0."""

    room: Annotated[RoomName, Meta(description="its name", pattern=r"^[^/\x00-\x1f\x7f]*$")]


class CreateRoomResult(Shape):
    room: Annotated[Room, Meta(description="the room")]


class UpdateRoomParams(RoomParams):
    """Change settings of a room; what is left out stays. Without a lobby, those who wait come in.

    Another `track_bitrate_bps` holds at once: what goes beyond it is dropped. Encoders hear of it with the answer to
    their next offer, which is due when `room_updated` names it. Other `codecs` hold for offers that come later.

    A participant may change `locked`, `lobby` and `metadata`; a control session everything.
    """

    room: Annotated[RoomName | None, Meta(description="its name; a participant may leave it out")] = None


class UpdateRoomResult(Shape):
    room: Annotated[Room, Meta(description="the room as it is now")]


CREATED_IDLE_S = 300.0  # of a created room, where the settings have rooms close at once
OF_MODERATORS = {"locked", "lobby", "metadata"}


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
    granted: Annotated[list[str], Meta(description="the flags that are granted")]
    consented: Annotated[list[str], Meta(description="the flags that are consented to")]
    connected: Annotated[bool, Meta(description="whether a signaling connection speaks for it")]
    media_connected: Annotated[bool, Meta(description="whether its media connection is up")]


class CloseRoomParams(Shape):
    """End the room: everybody leaves with the reason `room_closed`."""

    room: Annotated[RoomName | None, Meta(description="the room's name; a participant may leave it out")] = None


def create_room(caller: Caller, params: CreateRoomParams) -> CreateRoomResult:
    defaults = caller.registry.defaults
    if not defaults.idle_s:  # or it would close before anybody could come
        defaults = dataclasses.replace(defaults, idle_s=CREATED_IDLE_S)
    settings = _changed(defaults, _given(params))
    return CreateRoomResult(room=room_of(caller.registry.create(params.room, settings, by=caller.by).info()))


def update_room(caller: Caller, params: UpdateRoomParams) -> UpdateRoomResult:
    room = caller.room(params.room)
    changes = _given(params)
    beyond = changes.keys() - OF_MODERATORS
    if beyond and not caller.is_admin:
        message = f"a moderator changes {', '.join(sorted(OF_MODERATORS))}; {min(beyond)} is for control sessions"
        raise RpcError(E.PERMISSION_DENIED, message)
    room.update(_changed(room.settings, changes), by=caller.by)
    return UpdateRoomResult(room=room_of(room.info()))


def list_rooms(caller: Caller, params: ListRoomsParams) -> ListRoomsResult:
    return ListRoomsResult(rooms=[room_of(room.info()) for room in caller.registry.rooms.values()])


def get_room(caller: Caller, params: GetRoomParams) -> GetRoomResult:
    room = caller.registry.find(params.room)
    return GetRoomResult(room=room_of(room.info()), participants=participants_of(room))


def get_participant(caller: Caller, params: GetParticipantParams) -> GetParticipantResult:
    found = caller.registry.find(params.room).participant(params.participant_id)
    return GetParticipantResult(
        participant=participant_of(found.info()),
        permissions=flag_names(found.permissions.effective),
        granted=flag_names(found.permissions.granted),
        consented=flag_names(found.permissions.consented),
        connected=found.listener is not None,
        media_connected=found.media_connected,
    )


def close_room(caller: Caller, params: CloseRoomParams) -> Nothing:
    caller.room(params.room).end(LeaveReason.ROOM_CLOSED, by=caller.by)
    return Nothing()


def _given(params: Shape) -> dict[str, Any]:
    """The settings of a room among `params`."""
    given = {name: value for name, value in msgspec.structs.asdict(params).items() if value is not UNSET}
    given.pop("room", None)
    return given


def _changed(settings: RoomSettings, changes: dict[str, Any]) -> RoomSettings:
    """`settings`, but for what `changes` has, by the names of the protocol."""
    if "default_permissions" in changes:
        changes["defaults"] = _flags(changes.pop("default_permissions"))
        changes.setdefault("default_permissions_until", {})
    if "default_permissions_until" in changes:
        changes["defaults_until"] = changes.pop("default_permissions_until")
    if "codecs" in changes:
        changes["codecs"] = tuple(changes["codecs"])
    if "mix" in changes:
        changes["mix"] = dataclasses.replace(settings.mix, **_given(changes["mix"]))
    return dataclasses.replace(settings, **changes)


def _flags(names: list[str]) -> Permission:
    try:
        return from_names(names)
    except GrantsError as error:
        raise RpcError(E.INVALID_PARAMS, f"default_permissions: {error}") from None


METHODS = (
    Method(
        "create_room",
        Scope.ADMIN,
        create_room,
        CreateRoomParams,
        CreateRoomResult,
        (E.ROOM_EXISTS, E.SERVER_BUSY, E.SERVER_DRAINING),
        CreateRoomParams(
            room=EXAMPLE_ROOM.name,
            capacity=50,
            default_permissions=["subscribe"],
            lobby=True,
            codecs=["opus", "VP8"],
            track_bitrate_bps=2_500_000,
            mix_above=40,
        ),
        CreateRoomResult(room=msgspec.structs.replace(EXAMPLE_ROOM, participants=0, guests=0)),
    ),
    Method(
        "update_room",
        Scope.MODERATOR,
        update_room,
        UpdateRoomParams,
        UpdateRoomResult,
        (),
        UpdateRoomParams(room=EXAMPLE_ROOM.name, locked=True),
        UpdateRoomResult(room=msgspec.structs.replace(EXAMPLE_ROOM, locked=True)),
    ),
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
        GetParticipantResult(
            participant=EXAMPLE_PARTICIPANT,
            permissions=["join", "publish_audio", "subscribe"],
            granted=["join", "publish_audio", "subscribe", "record"],
            consented=[name for name in FLAG_OF_NAME if name != "record"],
            connected=True,
            media_connected=True,
        ),
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
