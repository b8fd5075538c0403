"""What a method of the control protocol is: who may call it, its shapes, and the function that carries it out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from mediasrv.rooms.events import GuestOutcome
from mediasrv.rooms.lobby import Guest
from mediasrv.rooms.participant import Participant
from mediasrv.rooms.ports import Grant
from mediasrv.rooms.registry import RoomRegistry
from mediasrv.rooms.room import Room
from mediasrv.signaling.errors import ErrorCode
from mediasrv.signaling.event_log import Position
from mediasrv.signaling.event_subscription import EventFilter
from mediasrv.signaling.schema import Shape
from mediasrv.signaling.services import Services


class Scope(StrEnum):
    """Who may call a method."""

    CONNECTION = "connection"
    """Whoever has a connection: what one says first."""
    PARTICIPANT = "participant"
    """A participant, after `join`."""
    MODERATOR = "moderator"
    """A participant with the permission `moderate`, for its own room; a control session for any, named by `room`."""
    ADMIN = "admin"
    """A control session: one that has sent an admin token to `authenticate`."""


class Caller(Protocol):
    """The session that a request came over, as methods see it. Its scope was checked before."""

    @property
    def registry(self) -> RoomRegistry: ...
    @property
    def me(self) -> Participant:
        """The participant that the session is. Raises `RpcError` `not_joined`."""

    @property
    def by(self) -> str:
        """Who does what the request asks, as events tell it: a participant's id, or `admin:` and the token's `sub`."""

    @property
    def is_admin(self) -> bool:
        """Whether it is a control session."""

    def room(self, name: str | None) -> Room:
        """The room that a method of moderators is about: the participant's own, or for a control session the one called
        `name`. Raises `RpcError`: `not_found`, `invalid_params` (a control session named none), `permission_denied`
        (a participant named another)."""

    def room_name(self, name: str | None) -> str:
        """As `room`, of a room that need not be open. Raises `RpcError`: `invalid_params`, `permission_denied`."""

    def verify(self, token: str) -> Grant:
        """What `token` says. Raises `RpcError` with the sentence why it is not accepted."""

    def resume(self, token: str, epoch: int) -> Participant:
        """The participant whose session `token` resumes. Raises `RpcError` or `RoomError`."""

    def become_participant(self, participant: Participant) -> None:
        """From now on the session is this participant, and hears what its room tells."""

    def become_admin(self, grant: Grant) -> None:
        """From now on it is a control session."""

    @property
    def guest(self) -> Guest | None:
        """The guest that the session is, while it waits to be let in."""

    @property
    def address(self) -> str | None:
        """The client's IP address, where it has one."""

    @property
    def services(self) -> Services:
        """What control sessions reach besides rooms. Raises `RpcError` `unavailable` where there is nothing."""

    def subscribe(self, chosen: EventFilter, after: Position | None) -> None:
        """Have the client told events, after the reply; a subscription that it had ends."""

    def unsubscribe(self) -> None:
        """Have it told no more."""

    def check_new(self) -> None:
        """Raises `RpcError` `already_joined` if the connection is something already."""

    def become_guest(self, guest: Guest) -> None:
        """From now on it waits; `guest_decided` says how that ends."""

    def guest_decided(self, participant: Participant | None, outcome: GuestOutcome) -> None:
        """The guest was let in as `participant`, or was not."""


Handler = Callable[[Caller, Any], Shape | Awaitable[Shape]]
"""Takes the session and the params, gives the result. Raises `RpcError` or `RoomError`. One that awaits something is
answered when it is done, and other requests meanwhile; what it causes may be told before its reply."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method. `errors` are those it has besides the ones that every method of its scope may have. `settles`: it
    acts at once, and what it awaits is only that this is written down."""

    name: str
    scope: Scope
    handler: Handler
    params: type[Shape]
    result: type[Shape]
    errors: tuple[ErrorCode, ...]
    example_params: Shape
    example_result: Shape
    settles: bool = False


ERRORS_OF_EVERY_METHOD = (
    ErrorCode.BAD_REQUEST,
    ErrorCode.UNKNOWN_METHOD,
    ErrorCode.INVALID_PARAMS,
    ErrorCode.RATE_LIMITED,
    ErrorCode.INTERNAL,
)
ERRORS_OF_SCOPE = {
    Scope.CONNECTION: (),
    Scope.PARTICIPANT: (ErrorCode.NOT_JOINED,),
    Scope.MODERATOR: (ErrorCode.NOT_JOINED, ErrorCode.PERMISSION_DENIED, ErrorCode.NOT_FOUND),
    Scope.ADMIN: (ErrorCode.NOT_AUTHENTICATED,),
}
