"""The rooms of a server, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mediasrv.rooms.clock import Clock, SystemClock
from mediasrv.rooms.errors import RoomError, permission_denied
from mediasrv.rooms.events import LeaveReason, RoomListener
from mediasrv.rooms.participant import Participant
from mediasrv.rooms.permissions import Permission, Permissions
from mediasrv.rooms.ports import Grant
from mediasrv.rooms.publisher import Publisher
from mediasrv.rooms.room import Connect, Room, RoomLimits

NAME_MAX_CHARACTERS = 128


class RoomRegistry:
    """Opens a room for its first participant and forgets it after its last.

    `connect` makes peer connections. All calls belong on one thread.
    """

    def __init__(self, connect: Connect, *, clock: Clock | None = None, limits: RoomLimits | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self._connect = connect
        self._limits = limits or RoomLimits()
        self._publisher = Publisher()
        self._rooms: dict[str, Room] = {}
        self._stopping = False

    @property
    def rooms(self) -> Mapping[str, Room]:
        return self._rooms

    def find(self, name: str) -> Room:
        """The open room called `name`. Raises `RoomError` `not_found`."""
        try:
            return self._rooms[name]
        except KeyError:
            raise RoomError("not_found", f"there is no room {name[:NAME_MAX_CHARACTERS]!r}") from None

    def observe(self, observer: RoomListener) -> Callable[[], None]:
        """Let `observer` have all events of all rooms from now on. Returns what ends that."""
        return self._publisher.observe(observer)

    def join(self, grant: Grant, on_left: Callable[[], None] | None = None, *, name: str | None = None) -> Participant:
        """Let the grant's holder into its room.

        `on_left` is called once, when the participant has left, for whatever reason. `name` is what to call the
        participant if the grant says no more than its identity. Raises `RoomError`: `permission_denied`, `server_busy`,
        `token_invalid`, `invalid_params`.
        """
        if self._stopping:
            raise RoomError("server_busy", "the server is stopping: join again when it runs")
        permissions = Permissions(grant.permissions)
        if not permissions.allow(Permission.JOIN):
            raise permission_denied(permissions, Permission.JOIN)
        called = _name(grant, name)
        room = self._rooms.get(grant.room)
        if room is None:
            if len(self._rooms) >= self._limits.rooms:
                raise RoomError("server_busy", f"the server is full: it has {self._limits.rooms} rooms")
            room = self._open(grant.room)
        return room.join(grant, called, on_left)

    def close(self) -> None:
        """The server stops: everybody leaves, nobody joins any more."""
        self._stopping = True
        for room in list(self._rooms.values()):
            room.end(LeaveReason.SERVER_STOPPING)

    def _open(self, name: str) -> Room:
        room = Room(
            name,
            connect=self._connect,
            clock=self.clock,
            limits=self._limits,
            publisher=self._publisher,
            closed=self._forget,
        )
        self._rooms[name] = room
        return room

    def _forget(self, room: Room) -> None:
        del self._rooms[room.name]


def _name(grant: Grant, wanted: str | None) -> str:
    """What to call the grant's holder. A name that the token gives is not for its holder to change."""
    given = grant.name if grant.name != grant.identity else ""
    name = given or (wanted or "").strip() or grant.identity
    if len(name) > NAME_MAX_CHARACTERS and not given:
        raise RoomError("invalid_params", f"a name has at most {NAME_MAX_CHARACTERS} characters")
    try:
        f"{grant.room}{grant.identity}{name}".encode()
    except UnicodeEncodeError:  # half a surrogate pair, which no frame to anybody in the room could carry
        raise RoomError("token_invalid", "the token's names are not valid Unicode") from None
    return name
