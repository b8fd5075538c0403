"""Those who wait to be let into a room."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediasrv.rooms.errors import RoomError
from mediasrv.rooms.events import GuestInfo, GuestOutcome
from mediasrv.rooms.ports import Grant
from mediasrv.rooms.profile import Profile

if TYPE_CHECKING:
    from mediasrv.rooms.participant import Participant
    from mediasrv.rooms.room import Room

MAX_GUESTS = 100
MAX_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody at the door: whose grant it is, what is said of them, and where they come from (an IP address)."""

    grant: Grant
    profile: Profile
    address: str | None = None
    on_left: Callable[[], None] | None = None

    @property
    def identity(self) -> str:
        return self.grant.identity


@dataclass(eq=False, slots=True)
class Guest:
    """Somebody who waits. `decided` is called once: with the participant that they are now, or None and why not."""

    room: Room
    entry: Entry
    since: float
    decided: Callable[[Participant | None, GuestOutcome], None]
    id: str = field(default_factory=lambda: "g_" + secrets.token_hex(8))

    def info(self) -> GuestInfo:
        return GuestInfo(self.id, self.entry.identity, self.entry.profile.name, self.since)

    def leave(self) -> None:
        """They wait no longer; idempotent."""
        self.room.dismiss(self, "gone")


class Lobby:
    """A room's guests by id, in the order in which they came, and who was let in before."""

    def __init__(self) -> None:
        self.guests: dict[str, Guest] = {}
        self._known: dict[str, None] = {}  # identities, those let in last at the end

    def knows(self, identity: str) -> bool:
        """Whether they were let in before: they need not wait again."""
        return identity in self._known

    def remember(self, identity: str) -> None:
        self._known.pop(identity, None)
        self._known[identity] = None
        if len(self._known) > MAX_REMEMBERED:
            del self._known[next(iter(self._known))]

    def forget(self, identity: str) -> None:
        self._known.pop(identity, None)

    def add(self, guest: Guest) -> None:
        """Raises `RoomError` `server_busy` when too many wait."""
        if len(self.guests) >= MAX_GUESTS:
            raise RoomError("server_busy", f"{MAX_GUESTS} people wait to be let in already: try again later")
        self.guests[guest.id] = guest

    def find(self, guest_id: str) -> Guest:
        """Raises `RoomError` `not_found`."""
        try:
            return self.guests[guest_id]
        except KeyError:
            raise RoomError("not_found", f"nobody called {guest_id[:64]!r} waits (any more)") from None

    def of_identity(self, identity: str) -> Guest | None:
        return next((guest for guest in self.guests.values() if guest.entry.identity == identity), None)
