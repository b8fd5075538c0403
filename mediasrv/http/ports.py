"""What HTTP needs of the rooms: the shapes of a participant that comes over WHIP or WHEP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from mediasrv.rooms.permissions import Permission
from mediasrv.tokens import Grant


class OfferResult(Protocol):
    """What an offer led to, by mid: sending m-lines that were accepted, receiving ones, and why others were not."""

    @property
    def sdp(self) -> str: ...
    @property
    def tracks(self) -> Mapping[str, Any]: ...
    @property
    def slots(self) -> Mapping[str, Any]: ...
    @property
    def refused(self) -> Mapping[str, str]: ...


class MediaParticipant(Protocol):
    """Somebody in a room who has media and no signaling."""

    def offer(self, sdp: str) -> OfferResult:
        """Negotiate. Raises an error with `code` and `message`."""

    def hear_mix(self) -> None:
        """Get the mix of the room in the first audio slot, and nothing in the others."""

    def restart_ice(self, remote: Any, /) -> Any:
        """Take the remote's `IceFragment`, give ours. Raises an error with `code` and `message`."""

    def leave(self, reason: str) -> None:
        """Leave the room; idempotent."""


class Rooms(Protocol):
    def allowed(self, grant: Grant, /) -> Permission:
        """What the grant's holder may do in its room at this moment."""

    def join(self, grant: Grant, on_left: Callable[[], None], /, *, address: str | None) -> MediaParticipant:
        """Join the grant's room; `on_left` is called once, when the participant has left for whatever reason.

        `address` is the IP address that it comes from. Raises an error with `code` and `message`.
        """
