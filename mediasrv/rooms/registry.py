"""The rooms of a server, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from mediasrv.rooms.bans import Bans
from mediasrv.rooms.clock import Clock, SystemClock
from mediasrv.rooms.draining import Draining
from mediasrv.rooms.errors import RoomError, permission_denied, room_locked
from mediasrv.rooms.events import GuestOutcome, LeaveReason, RoomListener, ServerDraining
from mediasrv.rooms.lobby import Entry, Guest
from mediasrv.rooms.mix import OpenMix
from mediasrv.rooms.participant import Participant
from mediasrv.rooms.permissions import Permission, Permissions
from mediasrv.rooms.ports import AudioMix, Grant
from mediasrv.rooms.presence import token_key
from mediasrv.rooms.profile import NAME_MAX_CHARACTERS, Profile
from mediasrv.rooms.publisher import Publisher
from mediasrv.rooms.room import Connect, OpenChannel, Room, RoomLimits
from mediasrv.rooms.settings import RoomSettings
from mediasrv.rtc.mix import MixSettings

Decided = Callable[[Participant | None, GuestOutcome], None]


class RoomRegistry:
    """Opens a room for its first participant, or for a control session, and forgets it when it closes.

    `connect` makes peer connections, `open_channel` takes the data channels that participants open, `open_mix` makes
    mixes of rooms. `defaults` are the settings of a room that opens with its first participant, and what one begins
    with that is created; with `open_rooms` False there are only created ones. All calls belong on one thread.
    """

    def __init__(
        self,
        connect: Connect,
        *,
        clock: Clock | None = None,
        limits: RoomLimits | None = None,
        defaults: RoomSettings | None = None,
        open_rooms: bool = True,
        open_channel: OpenChannel = lambda participant, channel: None,
        open_mix: OpenMix | None = None,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.bans = Bans()
        self.defaults = defaults or RoomSettings()
        self.open_rooms = open_rooms
        self._connect = connect
        self._open_channel = open_channel
        self._open_mix = open_mix or _no_mix
        self._limits = limits or RoomLimits()
        self._publisher = Publisher()
        self._rooms: dict[str, Room] = {}
        self._resumable: dict[bytes, Participant] = {}  # by the digest of the resume token
        self._stopping = False
        self._draining: Draining | None = None

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

    def create(self, name: str, settings: RoomSettings, *, by: str) -> Room:
        """Open a room that nobody is in yet. Raises `RoomError`: `room_exists`, `server_busy`, `server_draining`."""
        self._check_running()
        if name in self._rooms:
            raise RoomError("room_exists", f"the room {name!r} is open already: use update_room to change it")
        room = self._open(name, settings, by)
        room.close_if_empty()
        return room

    @contextmanager
    def visit(self, name: str, *, by: str) -> Iterator[Room]:
        """The room called `name`. One that is not open is open for the time of the `with` block, whatever bounds there
        are, so that what is done in its name is told and journaled as everything else is."""
        room = self._rooms.get(name)
        if room is not None:
            yield room
            return
        room = self._make(name, self.defaults, by)
        try:
            yield room
        finally:
            room.end(LeaveReason.ROOM_CLOSED, by=by)

    def allowed(self, grant: Grant) -> Permission:
        """What the grant's holder may do in its room at this moment."""
        room = self._rooms.get(grant.room)
        settings = self.defaults if room is None else room.settings
        return settings.granted(grant.grants).flags(self.clock.time())

    def join(
        self,
        grant: Grant,
        on_left: Callable[[], None] | None = None,
        *,
        name: str | None = None,
        address: str | None = None,
    ) -> Participant:
        """Let the grant's holder into its room, at once.

        `on_left` is called once, when the participant has left, for whatever reason. `name` is what to call the
        participant if the grant says no more than its identity; `address` the IP address that it comes from. Raises
        `RoomError`: `permission_denied`, `server_busy`, `server_draining`, `token_invalid`, `invalid_params`,
        `not_found` (the room has to be created first), `banned`, `room_locked`, `lobby` (it would have to wait to be
        let in).
        """
        entry = self._entry(grant, name, address, on_left)
        if not self._may_enter(entry):
            raise RoomError("lobby", "the room has a lobby: moderators let people in, and this way in cannot wait")
        return self._room_for(entry).join(entry)

    def enter(
        self, grant: Grant, decided: Decided, *, name: str | None = None, address: str | None = None
    ) -> Participant | Guest:
        """Let the grant's holder into its room, or have it wait in the lobby.

        `decided` is called once for a guest: with the participant that it is now, or with None and why not. Raises
        `RoomError` as `join` does, but for `lobby`.
        """
        entry = self._entry(grant, name, address, None)
        if self._may_enter(entry):
            return self._room_for(entry).join(entry)
        return self._room_for(entry).wait(entry, decided)

    def resume(self, token: str, epoch: int) -> Participant:
        """The participant whose session is resumed by `token`, as its session number `epoch`; the one before is over.

        Raises `RoomError`: `session_gone`, `stale_session`.
        """
        participant = self._resumable.get(token_key(token))
        if participant is None or participant.left is not None:
            raise RoomError("session_gone", "there is no session to resume (any more): join again")
        participant.presence.renew(epoch)
        return participant

    @property
    def participants(self) -> int:
        """How many there are, in all rooms."""
        return sum(len(room.participants) for room in self._rooms.values())

    @property
    def draining(self) -> Draining | None:
        """Since `drain`: until when, and where to go on."""
        return self._draining

    def set_limits(self, limits: RoomLimits) -> None:
        """For who joins from now on."""
        self._limits = limits
        for room in self._rooms.values():
            room.limits = limits

    def drain(self, draining: Draining) -> None:
        """Nobody new comes in from now on, those in lobbies neither, and those who are in are told until when they may
        stay."""
        self._draining = draining
        for room in list(self._rooms.values()):
            room.tell_all(ServerDraining(*room.ref, draining.until, draining.reconnect_url))
            room.dismiss_all("server_stopping")

    def close(self) -> None:
        """The server stops: everybody leaves, nobody joins any more."""
        for _ in self.closing():
            pass

    def closing(self) -> Iterator[None]:
        """`close` room by room: for who can't take all that happens in one go."""
        self._stopping = True
        for room in list(self._rooms.values()):
            if self._rooms.get(room.name) is room:  # it may have closed by itself meanwhile
                room.end(LeaveReason.SERVER_STOPPING)
            yield

    def _check_running(self) -> None:
        if self._stopping:
            raise RoomError("server_busy", "the server is stopping: join again when it runs")
        if self._draining is not None:
            raise self._draining.refusal()

    def _entry(self, grant: Grant, name: str | None, address: str | None, on_left: Callable[[], None] | None) -> Entry:
        given = grant.name if grant.name != grant.identity else ""
        profile = Profile(_name(grant, given, name), grant.metadata, grant.attributes, may_rename=not given)
        return Entry(grant, profile, address, on_left)

    def _may_enter(self, entry: Entry) -> bool:
        """Whether somebody comes in at once; False: they wait. Raises `RoomError`."""
        self._check_running()
        permissions = Permissions(self.allowed(entry.grant))
        if not permissions.allow(Permission.JOIN):
            raise permission_denied(permissions, Permission.JOIN)
        self.bans.check(entry.grant.room, entry.identity, entry.address, self.clock.time())
        room = self._rooms.get(entry.grant.room)
        if room is not None:
            return room.check(entry, permissions.effective)
        if not self.open_rooms:
            raise RoomError("not_found", f"there is no room {entry.grant.room!r}: here, rooms are created beforehand")
        if permissions.allow(Permission.MODERATE):
            return True
        if self.defaults.locked:
            raise room_locked()
        return not self.defaults.lobby

    def _room_for(self, entry: Entry) -> Room:
        return self._rooms.get(entry.grant.room) or self._open(entry.grant.room, self.defaults)

    def _open(self, name: str, settings: RoomSettings, by: str = "") -> Room:
        if len(self._rooms) >= self._limits.rooms:
            raise RoomError("server_busy", f"the server is full: it has {self._limits.rooms} rooms")
        return self._make(name, settings, by)

    def _make(self, name: str, settings: RoomSettings, by: str) -> Room:
        room = Room(
            name,
            settings,
            connect=self._connect,
            open_channel=self._open_channel,
            open_mix=self._open_mix,
            clock=self.clock,
            limits=self._limits,
            bans=self.bans,
            publisher=self._publisher,
            joined=self._remember,
            closed=self._forget,
            by=by,
        )
        self._rooms[name] = room
        return room

    def _remember(self, participant: Participant) -> Callable[[], None]:
        """Returns what is called when it has left."""
        key = token_key(participant.presence.token)
        self._resumable[key] = participant

        def left() -> None:
            del self._resumable[key]

        return left

    def _forget(self, room: Room) -> None:
        del self._rooms[room.name]


def _no_mix(settings: MixSettings) -> AudioMix:
    raise RoomError("bad_request", "this server does not mix")


def _name(grant: Grant, given: str, wanted: str | None) -> str:
    """What to call the grant's holder. A name that the token gives is not for its holder to change."""
    name = given or (wanted or "").strip() or grant.identity
    if len(name) > NAME_MAX_CHARACTERS and not given:
        raise RoomError("invalid_params", f"a name has at most {NAME_MAX_CHARACTERS} characters")
    try:
        f"{grant.room}{grant.identity}{name}".encode()
    except UnicodeEncodeError:  # half a surrogate pair, which no frame to anybody in the room could carry
        raise RoomError("token_invalid", "the token's names are not valid Unicode") from None
    return name
