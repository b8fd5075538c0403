"""Methods that say who a connection is: a participant, or a control session."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from mediasrv.rooms import lobby
from mediasrv.rooms.events import LeaveReason
from mediasrv.signaling.errors import ErrorCode as E
from mediasrv.signaling.errors import RpcError
from mediasrv.signaling.method import Caller, Method, Scope
from mediasrv.signaling.schema import EXAMPLE_JOINED, EXAMPLE_MY_TRACK_ID, EXAMPLE_SHOWN, Joined, Nothing, Shape
from mediasrv.signaling.shapes import joined_of

MAX_EPOCH = 2**31
Token = Annotated[str, Meta(min_length=1, max_length=8192)]


class JoinParams(Shape):
    """Join the room that the token is for.

    The result is the room as it is at this moment; notifications come after it and tell every change from then on. A
    participant with the same identity is replaced: it leaves with the reason `replaced`. Where the room has a lobby,
    the result may say that you wait: then `admitted` comes with all that the result lacks, or `closing`.
    """

    token: Annotated[Token, Meta(description="an access token (JWT)")]
    name: Annotated[
        str | None, Meta(description="what to call you, if the token doesn't say; up to 128 characters")
    ] = None


class JoinResult(Joined):
    """The room as it is."""


class ResumeSessionParams(Shape):
    """Go on with a session whose connection was lost, on another connection.

    You are the same participant as before, with the same tracks and receive slots; an ICE restart in the next offer
    brings the media along. The result is the room as it is now: no notification says what was missed, but for messages,
    which come after the result. The connection that the session had, if it still seems to be there, is closed with the
    reason `resumed_elsewhere`. Count `epoch` up with each attempt: one that was long on its way undoes no later one.
    """

    resume_token: Annotated[Token, Meta(description="from the result of `join`")]
    epoch: Annotated[int, Meta(ge=1, le=MAX_EPOCH, description="more than in any attempt or result before")]
    keep_media: Annotated[
        bool, Meta(description="false: you have no peer connection any more, and the next offer is for another one")
    ] = True


class ResumeSessionResult(Joined):
    """The room as it is. Without `has_media` the next offer is for another peer connection."""


class LeaveParams(Shape):
    """Leave the room, or wait no longer. The server replies, sends `closing` with the reason `left`, and closes."""


class AuthenticateParams(Shape):
    """Make this connection a control session, which looks after all rooms without being in one.

    The token is one with the claim `admin`. A control session may call the methods of the scopes `admin` and
    `moderator`, and cannot join.
    """

    token: Annotated[Token, Meta(description="an admin token (JWT)")]


class AuthenticateResult(Shape):
    name: Annotated[str, Meta(description="what events call you, where they say `by`: `admin:` and the token's `sub`")]


def join(caller: Caller, params: JoinParams) -> JoinResult:
    grant = caller.verify(params.token)
    if not grant.room:
        what = "this is a token for control sessions, which names no room (claim 'room'): `authenticate` takes it"
        raise RpcError(E.TOKEN_INVALID, what)
    entered = caller.registry.enter(grant, caller.guest_decided, name=params.name, address=caller.address)
    if isinstance(entered, lobby.Guest):
        caller.become_guest(entered)
        return JoinResult(
            participant_id="", room=grant.room, participants=[], permissions=[], message_size=0, waiting=True
        )
    caller.become_participant(entered)
    return joined_of(entered, JoinResult)


def resume_session(caller: Caller, params: ResumeSessionParams) -> ResumeSessionResult:
    caller.check_new()
    me = caller.resume(params.resume_token, params.epoch)
    if not params.keep_media:
        me.reset_media()
    caller.become_participant(me)
    return joined_of(me, ResumeSessionResult)


def authenticate(caller: Caller, params: AuthenticateParams) -> AuthenticateResult:
    grant = caller.verify(params.token)
    if not grant.admin:
        raise RpcError(E.TOKEN_INVALID, "this is a token for joining a room: a control session needs one with 'admin'")
    caller.become_admin(grant)
    return AuthenticateResult(name=caller.by)


def leave(caller: Caller, params: LeaveParams) -> Nothing:
    if caller.guest is not None:
        caller.guest.leave()
    else:
        caller.me.leave(LeaveReason.LEFT)
    return Nothing()


_TOKEN_ERRORS = (E.ALREADY_JOINED, E.TOKEN_EXPIRED, E.TOKEN_INVALID)
_EXAMPLE = {field: getattr(EXAMPLE_JOINED, field) for field in EXAMPLE_JOINED.__struct_fields__}

METHODS = (
    Method(
        "join",
        Scope.CONNECTION,
        join,
        JoinParams,
        JoinResult,
        (
            *_TOKEN_ERRORS,
            E.TOKEN_WRONG_ROOM,
            E.PERMISSION_DENIED,
            E.NOT_FOUND,
            E.BANNED,
            E.ROOM_LOCKED,
            E.SERVER_BUSY,
            E.SERVER_DRAINING,
        ),
        JoinParams(token="eyJhbGciOiJIUzI1NiJ9…", name="Grace"),
        JoinResult(**_EXAMPLE),
    ),
    Method(
        "resume_session",
        Scope.CONNECTION,
        resume_session,
        ResumeSessionParams,
        ResumeSessionResult,
        (E.ALREADY_JOINED, E.SESSION_GONE, E.STALE_SESSION),
        ResumeSessionParams(resume_token=EXAMPLE_JOINED.resume_token, epoch=2),
        ResumeSessionResult(
            **_EXAMPLE
            | {"epoch": 2, "has_media": True, "tracks": {"0": EXAMPLE_MY_TRACK_ID}, "slots": {"1": EXAMPLE_SHOWN}}
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
    Method("leave", Scope.CONNECTION, leave, LeaveParams, Nothing, (E.NOT_JOINED,), LeaveParams(), Nothing()),
)
