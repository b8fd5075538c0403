"""The error codes of the control protocol. They are stable: programs may depend on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

import structlog

from mediasrv.rooms.errors import RoomError

_log = structlog.get_logger("signaling")


class ErrorCode(StrEnum):
    BAD_REQUEST = "bad_request"
    UNKNOWN_METHOD = "unknown_method"
    INVALID_PARAMS = "invalid_params"
    NOT_JOINED = "not_joined"
    ALREADY_JOINED = "already_joined"
    NOT_AUTHENTICATED = "not_authenticated"
    SESSION_GONE = "session_gone"
    STALE_SESSION = "stale_session"
    BANNED = "banned"
    ROOM_LOCKED = "room_locked"
    LOBBY = "lobby"
    ROOM_EXISTS = "room_exists"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_INVALID = "token_invalid"
    TOKEN_WRONG_ROOM = "token_wrong_room"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    BAD_SDP = "bad_sdp"
    RATE_LIMITED = "rate_limited"
    TOO_LARGE = "too_large"
    SERVER_BUSY = "server_busy"
    UNAVAILABLE = "unavailable"
    SERVER_DRAINING = "server_draining"
    INTERNAL = "internal"


MEANINGS: Mapping[ErrorCode, str] = {
    ErrorCode.BAD_REQUEST: "The frame is not a request, or the request makes no sense in this state.",
    ErrorCode.UNKNOWN_METHOD: "There is no such method.",
    ErrorCode.INVALID_PARAMS: "The params don't fit the method; the message names the field.",
    ErrorCode.NOT_JOINED: "The method needs a participant: `join` first.",
    ErrorCode.ALREADY_JOINED: "This connection has joined or authenticated already; that takes another connection.",
    ErrorCode.NOT_AUTHENTICATED: "The method is for control sessions: `authenticate` with an admin token first.",
    ErrorCode.SESSION_GONE: "There is no session to resume (any more): `join` again.",
    ErrorCode.STALE_SESSION: "The session was resumed by a later request already; `details.epoch` is its number.",
    ErrorCode.BANNED: "A moderator has banned you; `details.until` is the time at which that ends.",
    ErrorCode.ROOM_LOCKED: "The room is locked: nobody new comes in.",
    ErrorCode.LOBBY: "Moderators let people into the room, and WHIP and WHEP cannot wait.",
    ErrorCode.ROOM_EXISTS: "There is a room of that name already.",
    ErrorCode.TOKEN_EXPIRED: "The token is too old; get a new one.",
    ErrorCode.TOKEN_INVALID: "The token is not one of this server's, or is damaged.",
    ErrorCode.TOKEN_WRONG_ROOM: "The token is for another room.",
    ErrorCode.PERMISSION_DENIED: "A permission is missing; `details.permission` names the flag.",
    ErrorCode.NOT_FOUND: "The room, participant, track, receive slot or encoding named in the params doesn't exist.",
    ErrorCode.BAD_SDP: "The offer can't be answered; the message says where and why.",
    ErrorCode.RATE_LIMITED: "Too many requests; `details.retry_after_ms` says when to try again.",
    ErrorCode.TOO_LARGE: "The text is too long; `details.limit` says how long it may be.",
    ErrorCode.SERVER_BUSY: "A bound of the server is reached, or it is stopping; try again later.",
    ErrorCode.UNAVAILABLE: "A part of the server that this needs does not answer now; try again later.",
    ErrorCode.SERVER_DRAINING: (
        "The server is being stopped and takes nobody new; `details.reconnect_url` says where to go, unless empty."
    ),
    ErrorCode.INTERNAL: "The server made a mistake; its log says more.",
}


class RpcError(Exception):
    """An error reply: `code`, a sentence, and what a program may want to know besides."""

    def __init__(self, code: ErrorCode, message: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: Mapping[str, object] = details or {}


def rate_limited(what: str, wait_s: float) -> RpcError:
    """Too many of `what`: the next one is taken in `wait_s` seconds."""
    wait_ms = math.ceil(wait_s * 1000)
    return RpcError(ErrorCode.RATE_LIMITED, f"too many {what}: try again in {wait_ms} ms", {"retry_after_ms": wait_ms})


def reply_of(error: Exception, method: str) -> RpcError:
    """What a client is told of an error: of one that was not meant for it, that there was one."""
    if isinstance(error, RpcError):
        return error
    if isinstance(error, RoomError):
        return RpcError(ErrorCode(error.code), error.message, error.details)
    _log.error("a request failed", method=method, exc_info=error)
    return RpcError(ErrorCode.INTERNAL, "the server made a mistake; its log says more")


_TOKEN_CODES = (
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.TOKEN_INVALID,
    ErrorCode.TOKEN_WRONG_ROOM,
    ErrorCode.RATE_LIMITED,
)


def token_error(error: Exception) -> RpcError:
    """A verifier's refusal as a reply. Raises `error` again if it is none."""
    code, message = getattr(error, "code", None), getattr(error, "message", None)
    if not isinstance(message, str) or code not in _TOKEN_CODES:
        raise error
    return RpcError(ErrorCode(code), message, getattr(error, "details", None))
