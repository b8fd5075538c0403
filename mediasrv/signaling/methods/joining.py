"""Methods that say who a connection is: a participant, or a control session."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from mediasrv.rooms.events import LeaveReason
from mediasrv.rooms.permissions import flag_names
from mediasrv.rooms.room import MESSAGE_MAX_CHARACTERS
from mediasrv.signaling.errors import ErrorCode as E
from mediasrv.signaling.errors import RpcError
from mediasrv.signaling.method import Caller, Method, Scope
from mediasrv.signaling.schema import EXAMPLE_ME, EXAMPLE_PARTICIPANT, Id, Nothing, Participant, Shape

Token = Annotated[str, Meta(min_length=1, max_length=8192)]


class JoinParams(Shape):
    """Join the room that the token is for.

    The result is the room as it is at this moment; notifications come after it and tell every change from then on. A
    participant with the same identity is replaced: it leaves with the reason `replaced`.
    """

    token: Annotated[Token, Meta(description="an access token (JWT)")]
    name: Annotated[
        str | None, Meta(description="what to call you, if the token doesn't say; up to 128 characters")
    ] = None


class JoinResult(Shape):
    participant_id: Annotated[Id, Meta(description="yours")]
    room: Annotated[str, Meta(description="the room's name")]
    participants: Annotated[list[Participant], Meta(description="everybody in the room, you included")]
    permissions: Annotated[list[str], Meta(description="the flags that you have")]
    message_size: Annotated[int, Meta(description="how many characters a message may have")]


class LeaveParams(Shape):
    """Leave the room. The server replies, sends `closing` with the reason `left` and closes the connection."""


class AuthenticateParams(Shape):
    """Make this connection a control session, which looks after all rooms without being in one.

    The token is one with the claim `admin`. A control session may call the methods of the scopes `admin` and
    `moderator`, and cannot join.
    """

    token: Annotated[Token, Meta(description="an admin token (JWT)")]


class AuthenticateResult(Shape):
    name: Annotated[str, Meta(description="what events call you, where they say `by`: `admin:` and the token's `sub`")]


def join(caller: Caller, params: JoinParams) -> JoinResult:
    me = caller.registry.join(caller.verify(params.token), name=params.name)
    caller.become_participant(me)
    everybody = [participant.info() for participant in me.room.participants.values()]
    return JoinResult(
        participant_id=me.id,
        room=me.room.name,
        participants=msgspec.convert(everybody, list[Participant], from_attributes=True),
        permissions=flag_names(me.permissions.effective),
        message_size=MESSAGE_MAX_CHARACTERS,
    )


def authenticate(caller: Caller, params: AuthenticateParams) -> AuthenticateResult:
    grant = caller.verify(params.token)
    if not grant.admin:
        raise RpcError(E.TOKEN_INVALID, "this is a token for joining a room: a control session needs one with 'admin'")
    caller.become_admin(grant)
    return AuthenticateResult(name=caller.by)


def leave(caller: Caller, params: LeaveParams) -> Nothing:
    caller.me.leave(LeaveReason.LEFT)
    return Nothing()


_TOKEN_ERRORS = (E.ALREADY_JOINED, E.TOKEN_EXPIRED, E.TOKEN_INVALID)

METHODS = (
    Method(
        "join",
        Scope.CONNECTION,
        join,
        JoinParams,
        JoinResult,
        (*_TOKEN_ERRORS, E.TOKEN_WRONG_ROOM, E.PERMISSION_DENIED, E.SERVER_BUSY),
        JoinParams(token="eyJhbGciOiJIUzI1NiJ9…", name="Grace"),
        JoinResult(
            participant_id=EXAMPLE_ME.id,
            room="standup",
            participants=[EXAMPLE_PARTICIPANT, EXAMPLE_ME],
            permissions=["join", "publish_audio", "publish_video", "subscribe", "send_message"],
            message_size=4000,
        ),
    ),
    Method(
        "authenticate",
        Scope.CONNECTION,
        authenticate,
        AuthenticateParams,
        AuthenticateResult,
        _TOKEN_ERRORS,
        AuthenticateParams(token="eyJhbGciOiJIUzI1NiJ9…"),
        AuthenticateResult(name="admin:backend"),
    ),
    Method("leave", Scope.PARTICIPANT, leave, LeaveParams, Nothing, (), LeaveParams(), Nothing()),
)
