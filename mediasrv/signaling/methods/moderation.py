"""Methods of moderators, and of control sessions, about the participants of a room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from msgspec import Meta

from mediasrv.rooms import moderation
from mediasrv.rooms.bans import LONGEST_S
from mediasrv.rooms.events import LeaveReason, Source
from mediasrv.rooms.moderation import REASON_MAX_CHARACTERS
from mediasrv.rooms.permissions import FLAG_OF_NAME, GrantsError, Permission, flag_names, from_names
from mediasrv.signaling.errors import ErrorCode as E
from mediasrv.signaling.errors import RpcError
from mediasrv.signaling.method import Caller, Method, Scope
from mediasrv.signaling.schema import (
    EXAMPLE_CAMERA,
    EXAMPLE_GUEST,
    EXAMPLE_PARTICIPANT,
    Ban,
    Guest,
    Id,
    Nothing,
    RoomName,
    Shape,
)
from mediasrv.signaling.shapes import ban_of, guest_of

R = TypeVar("R", bound=Shape)

InRoom = Annotated[RoomName | None, Meta(description="the room's name; a participant may leave it out")]
Whom = Annotated[Id, Meta(description="whom it is about")]
Flags = Annotated[list[str], Meta(min_length=1, max_length=len(FLAG_OF_NAME))]
ForS = Annotated[float, Meta(gt=0, le=LONGEST_S)]


class MuteTrackParams(Shape):
    """Mute somebody's track. They may unmute it again; who must not, loses the permission: see `revoke`."""

    participant_id: Whom
    track_id: Annotated[Id, Meta(description="a track of theirs")]
    room: InRoom = None


class AskToUnmuteParams(Shape):
    """Ask somebody to turn a source on: they get `unmute_requested`, and do as they like."""

    participant_id: Whom
    source: Annotated[Source, Meta(description="what they are asked to turn on")] = "microphone"
    room: InRoom = None


class GrantParams(Shape):
    """Grant permissions to somebody, whatever token and room say. A participant grants only what it is granted."""

    participant_id: Whom
    permissions: Annotated[Flags, Meta(description="the flags")]
    for_s: Annotated[
        ForS | None, Meta(description="for how many seconds; then token and room decide again. null: for good")
    ] = None
    room: InRoom = None


class RevokeParams(Shape):
    """Take permissions from somebody, whatever token and room say. Packets stop at once. Without `join` they leave."""

    participant_id: Whom
    permissions: Annotated[Flags, Meta(description="the flags")]
    for_s: Annotated[
        ForS | None, Meta(description="for how many seconds; then token and room decide again. null: for good")
    ] = None
    room: InRoom = None


class PermissionsResult(Shape):
    permissions: Annotated[list[str], Meta(description="the flags that hold now: granted and consented to")]
    granted: Annotated[list[str], Meta(description="the flags that are granted")]


class RemoveParticipantParams(Shape):
    """Have somebody leave, with the reason `removed`. Their token lets them in again: see `ban`."""

    participant_id: Whom
    room: InRoom = None


class BanParams(Shape):
    """Keep somebody out of the room for a time; who is in it leaves with the reason `banned`.

    By `participant_id`, of which the identity is banned, or with `by_address` the IP address it comes from (of IPv6 the
    /64), and with it everybody there but moderators; or by `identity`; or, for control sessions, by `address`. A ban is
    of the room's name: for control sessions the room need not be open, and it outlives room and server. In the journal
    a room that is not open is opened and closed for it.
    """

    participant_id: Annotated[Id | None, Meta(description="somebody in the room")] = None
    by_address: Annotated[bool, Meta(description="whether their address is banned, and not their identity")] = False
    identity: Annotated[
        Annotated[str, Meta(min_length=1, max_length=128)] | None, Meta(description="somebody who need not be there")
    ] = None
    address: Annotated[
        Annotated[str, Meta(max_length=64)] | None, Meta(description="an IP address, for control sessions alone")
    ] = None
    for_s: Annotated[ForS, Meta(description="for how many seconds")] = 3600.0
    reason: Annotated[
        str, Meta(max_length=REASON_MAX_CHARACTERS, description="for other moderators: `list_bans` tells it, no event")
    ] = ""
    room: InRoom = None


Kept = Annotated[
    bool,
    Meta(description="whether it is written down. false: the database fails, and a server that stops now forgets it"),
]


class BanResult(Shape):
    """Comes when the ban is written down; it is in force before."""

    ban_id: Annotated[Id, Meta(description="what `unban` calls it")]
    kept: Kept = True


class UnbanParams(Shape):
    """Lift a ban. For control sessions the room need not be open; in the journal it is opened and closed for it."""

    ban_id: Annotated[Id, Meta(description="the ban")]
    room: InRoom = None


class UnbanResult(Shape):
    """Comes when it is written down that the ban is lifted."""

    kept: Kept = True


class ListBansParams(Shape):
    """The bans of the room that hold, oldest first. For control sessions it need not be open."""

    room: InRoom = None


class ListBansResult(Shape):
    bans: Annotated[list[Ban], Meta(description="the bans")]


class AdmitParams(Shape):
    """Let in somebody who waits."""

    guest_id: Annotated[Id, Meta(description="who")]
    room: InRoom = None


class AdmitResult(Shape):
    participant_id: Annotated[Id, Meta(description="the participant that they are now")]


class RefuseParams(Shape):
    """Send away somebody who waits."""

    guest_id: Annotated[Id, Meta(description="who")]
    room: InRoom = None


class ListGuestsParams(Shape):
    """Who waits to be let in, in the order in which they came."""

    room: InRoom = None


class ListGuestsResult(Shape):
    guests: Annotated[list[Guest], Meta(description="the guests")]


def mute_track(caller: Caller, params: MuteTrackParams) -> Nothing:
    whom = caller.room(params.room).participant(params.participant_id)
    whom.publications.mute(params.track_id, by=caller.by)
    return Nothing()


def ask_to_unmute(caller: Caller, params: AskToUnmuteParams) -> Nothing:
    whom = caller.room(params.room).participant(params.participant_id)
    moderation.ask_to_unmute(whom, params.source, by=caller.by)
    return Nothing()


def grant(caller: Caller, params: GrantParams) -> PermissionsResult:
    room = caller.room(params.room)
    whom = room.participant(params.participant_id)
    flags = _flags(params.permissions)
    if not caller.is_admin:
        lacking = flag_names(flags & ~caller.me.permissions.granted)
        if lacking:
            message = f"you can't grant {lacking[0]}: it is not granted to you"
            raise RpcError(E.PERMISSION_DENIED, message, {"permission": lacking[0]})
    until = None if params.for_s is None else room.clock.time() + params.for_s
    whom.permits.grant(flags, by=caller.by, until=until)
    return PermissionsResult(
        permissions=flag_names(whom.permissions.effective), granted=flag_names(whom.permissions.granted)
    )


def revoke(caller: Caller, params: RevokeParams) -> PermissionsResult:
    room = caller.room(params.room)
    whom = room.participant(params.participant_id)
    until = None if params.for_s is None else room.clock.time() + params.for_s
    whom.permits.revoke(_flags(params.permissions), by=caller.by, until=until)
    return PermissionsResult(
        permissions=flag_names(whom.permissions.effective), granted=flag_names(whom.permissions.granted)
    )


def remove_participant(caller: Caller, params: RemoveParticipantParams) -> Nothing:
    whom = caller.room(params.room).participant(params.participant_id)
    whom.room.lobby.forget(whom.identity)
    whom.leave(LeaveReason.REMOVED, by=caller.by)
    return Nothing()


def ban(caller: Caller, params: BanParams) -> BanResult | Awaitable[BanResult]:
    room_name = caller.room_name(params.room)
    if [params.participant_id, params.identity, params.address].count(None) != 2:
        raise RpcError(E.INVALID_PARAMS, "ban: name one of participant_id, identity and address")
    if params.address is not None and not caller.is_admin:
        raise RpcError(E.PERMISSION_DENIED, "a participant bans an address by participant_id and by_address")
    identity, address = params.identity, params.address
    if params.participant_id is not None:
        whom = caller.room(room_name).participant(params.participant_id)
        identity, address = (None, whom.address) if params.by_address else (whom.identity, None)
        if identity is None and address is None:
            raise RpcError(E.NOT_FOUND, f"the address of {whom.id} is not known")
    made = moderation.ban(
        caller.registry,
        room_name,
        identity=identity,
        address=address,
        for_s=params.for_s,
        reason=params.reason,
        by=caller.by,
    )
    return _when_settled(caller, lambda kept: BanResult(ban_id=made.id, kept=kept))


def unban(caller: Caller, params: UnbanParams) -> UnbanResult | Awaitable[UnbanResult]:
    moderation.unban(caller.registry, caller.room_name(params.room), params.ban_id, by=caller.by)
    return _when_settled(caller, lambda kept: UnbanResult(kept=kept))


def list_bans(caller: Caller, params: ListBansParams) -> ListBansResult:
    rooms = caller.registry
    bans = rooms.bans.of_room(caller.room_name(params.room), rooms.clock.time())
    return ListBansResult(bans=[ban_of(each, with_address=caller.is_admin) for each in bans])


def admit(caller: Caller, params: AdmitParams) -> AdmitResult:
    room = caller.room(params.room)
    return AdmitResult(participant_id=room.admit(room.lobby.find(params.guest_id), by=caller.by).id)


def refuse(caller: Caller, params: RefuseParams) -> Nothing:
    room = caller.room(params.room)
    room.dismiss(room.lobby.find(params.guest_id), "refused", by=caller.by)
    return Nothing()


def list_guests(caller: Caller, params: ListGuestsParams) -> ListGuestsResult:
    guests = caller.room(params.room).lobby.guests.values()
    return ListGuestsResult(guests=[guest_of(guest.info()) for guest in guests])


def _when_settled(caller: Caller, result: Callable[[bool], R]) -> R | Awaitable[R]:
    """The result once bans are written down, given whether they are."""
    settled = caller.registry.bans.settled
    if settled is None:
        return result(True)

    async def wait() -> R:
        return result(await settled())

    return wait()


def _flags(names: list[str]) -> Permission:
    try:
        return from_names(names)
    except GrantsError as error:
        raise RpcError(E.INVALID_PARAMS, f"permissions: {error}") from None


_BAN_ID = "b_7a52e9c01f3d8b46"
_WHOM = EXAMPLE_PARTICIPANT.id

METHODS = (
    Method(
        "mute_track",
        Scope.MODERATOR,
        mute_track,
        MuteTrackParams,
        Nothing,
        (),
        MuteTrackParams(participant_id=_WHOM, track_id=EXAMPLE_CAMERA.id),
        Nothing(),
    ),
    Method(
        "ask_to_unmute",
        Scope.MODERATOR,
        ask_to_unmute,
        AskToUnmuteParams,
        Nothing,
        (),
        AskToUnmuteParams(participant_id=_WHOM, source="microphone"),
        Nothing(),
    ),
    Method(
        "grant",
        Scope.MODERATOR,
        grant,
        GrantParams,
        PermissionsResult,
        (),
        GrantParams(participant_id=_WHOM, permissions=["share_screen"], for_s=600.0),
        PermissionsResult(
            permissions=["join", "share_screen", "subscribe"], granted=["join", "share_screen", "subscribe"]
        ),
    ),
    Method(
        "revoke",
        Scope.MODERATOR,
        revoke,
        RevokeParams,
        PermissionsResult,
        (),
        RevokeParams(participant_id=_WHOM, permissions=["share_screen"]),
        PermissionsResult(permissions=["join", "subscribe"], granted=["join", "subscribe"]),
    ),
    Method(
        "remove_participant",
        Scope.MODERATOR,
        remove_participant,
        RemoveParticipantParams,
        Nothing,
        (),
        RemoveParticipantParams(participant_id=_WHOM),
        Nothing(),
    ),
    Method(
        "ban",
        Scope.MODERATOR,
        ban,
        BanParams,
        BanResult,
        (E.SERVER_BUSY,),
        BanParams(participant_id=_WHOM, for_s=3600.0, reason="spam"),
        BanResult(ban_id=_BAN_ID),
        settles=True,
    ),
    Method(
        "unban",
        Scope.MODERATOR,
        unban,
        UnbanParams,
        UnbanResult,
        (),
        UnbanParams(ban_id=_BAN_ID),
        UnbanResult(),
        settles=True,
    ),
    Method(
        "list_bans",
        Scope.MODERATOR,
        list_bans,
        ListBansParams,
        ListBansResult,
        (),
        ListBansParams(),
        ListBansResult(
            bans=[Ban(id=_BAN_ID, identity="mal", address=None, until=1767229200.0, reason="spam", by="admin:backend")]
        ),
    ),
    Method(
        "admit",
        Scope.MODERATOR,
        admit,
        AdmitParams,
        AdmitResult,
        (E.SERVER_BUSY,),
        AdmitParams(guest_id=EXAMPLE_GUEST.id),
        AdmitResult(participant_id="p_b04d7e316a8c92f5"),
    ),
    Method(
        "refuse",
        Scope.MODERATOR,
        refuse,
        RefuseParams,
        Nothing,
        (),
        RefuseParams(guest_id=EXAMPLE_GUEST.id),
        Nothing(),
    ),
    Method(
        "list_guests",
        Scope.MODERATOR,
        list_guests,
        ListGuestsParams,
        ListGuestsResult,
        (),
        ListGuestsParams(),
        ListGuestsResult(guests=[EXAMPLE_GUEST]),
    ),
)
