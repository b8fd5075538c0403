"""What a client raises. Everything is a `ClientError`; what the server refused is a `RequestError` with its code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Something that the client could not do."""


class ConnectionLostError(ClientError):
    """There is no connection, or none any more. A request that was on its way may have been carried out, or not."""


class RequestTimeoutError(ClientError, TimeoutError):
    """The server has not answered in time. The request may have been carried out, or not."""


class RequestError(ClientError):
    """The server refused: `code` is stable, `message` is for people, `details` is what a program may want to know."""

    def __init__(self, code: str, message: str, details: Mapping[str, Any]) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.details = details


class InvalidParamsError(RequestError):
    """A parameter does not fit; the message names it."""


class NotFoundError(RequestError):
    """There is no such room, participant or track."""


class PermissionDeniedError(RequestError):
    """It takes a permission, or a token, that is not there."""


class RateLimitedError(RequestError):
    """Too many requests. `retry_after_s`: when the next one is taken."""

    @property
    def retry_after_s(self) -> float:
        return float(self.details.get("retry_after_ms", 1000)) / 1000


class RoomExistsError(RequestError):
    """There is a room of that name already."""


class TokenRefusedError(RequestError):
    """The token is not one of the server's, too old, or not an admin's."""


class UnavailableError(RequestError):
    """The server, or the part of it that this needs, is busy or stopping: try again later."""


_BY_CODE: Mapping[str, type[RequestError]] = {
    "invalid_params": InvalidParamsError,
    "not_found": NotFoundError,
    "permission_denied": PermissionDeniedError,
    "not_authenticated": PermissionDeniedError,
    "not_joined": PermissionDeniedError,
    "rate_limited": RateLimitedError,
    "room_exists": RoomExistsError,
    "token_expired": TokenRefusedError,
    "token_invalid": TokenRefusedError,
    "token_wrong_room": TokenRefusedError,
    "server_busy": UnavailableError,
    "unavailable": UnavailableError,
}


def request_error(error: object) -> RequestError:
    """The exception for an error of the protocol."""
    body = error if isinstance(error, dict) else {}
    code = str(body.get("code", "internal"))
    details = body.get("details")
    kind = _BY_CODE.get(code, RequestError)
    return kind(code, str(body.get("message", "the server refused")), details if isinstance(details, dict) else {})
