"""Who may not come into a room, for a time: identities and addresses."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Iterator, KeysView
from dataclasses import dataclass, field

from mediasrv.rooms.errors import RoomError

MAX_BANS = 10_000
LONGEST_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class Ban:
    """`identity` or `network` is set; `since` and `until` are in seconds since the Unix epoch."""

    room: str
    until: float
    by: str
    reason: str
    identity: str | None = None
    network: str | None = None
    since: float = 0.0
    id: str = field(default_factory=lambda: "b_" + secrets.token_hex(8))

    def meets(self, identity: str, network: str | None) -> bool:
        return self.identity == identity or (self.network is not None and self.network == network)


class Bans:
    """The bans of all rooms of a server, kept while rooms close and open, until their time is up.

    `on_change` is called after one was added or lifted. `settled` waits until what was changed before is written down,
    and says whether it is; None where nothing is written down.
    """

    def __init__(self) -> None:
        self.on_change: Callable[[], None] | None = None
        self.settled: Callable[[], Awaitable[bool]] | None = None
        self._of_room: dict[str, dict[str, Ban]] = {}
        self._by_id: dict[str, Ban] = {}

    def __iter__(self) -> Iterator[Ban]:
        return iter(self._by_id.values())

    @property
    def ids(self) -> KeysView[str]:
        return self._by_id.keys()

    def add(self, ban: Ban, now: float) -> None:
        """Raises `RoomError` `server_busy` when there are too many."""
        if len(self._by_id) >= MAX_BANS:
            self.prune(now)
        if len(self._by_id) >= MAX_BANS:
            raise RoomError("server_busy", f"the server keeps at most {MAX_BANS} bans: lift some that are not needed")
        self._of_room.setdefault(ban.room, {})[ban.id] = ban
        self._by_id[ban.id] = ban
        self._say_changed()

    def prune(self, now: float) -> None:
        """Forget those whose time is up."""
        for ban in [ban for ban in self if ban.until <= now]:
            self._forget(ban)

    def discard(self, ban_id: str) -> None:
        """Forget this one, if it is there."""
        if ban := self._by_id.get(ban_id):
            self._forget(ban)

    def of_room(self, room: str, now: float) -> list[Ban]:
        """Those that hold, oldest first."""
        bans = self._of_room.get(room, {})
        for ban in [ban for ban in bans.values() if ban.until <= now]:
            self._forget(ban)
        return list(bans.values())

    def lift(self, room: str, ban_id: str) -> Ban:
        """Raises `RoomError` `not_found`."""
        ban = self._of_room.get(room, {}).get(ban_id)
        if ban is None:
            raise RoomError("not_found", f"there is no ban {ban_id[:64]!r} in this room (any more)")
        self._forget(ban)
        self._say_changed()
        return ban

    def check(self, room: str, identity: str, address: str | None, now: float) -> None:
        """Raises `RoomError` `banned` if somebody of this identity or address may not come in."""
        bans = self.of_room(room, now)
        network = network_of(address) if bans else None
        found = [ban for ban in bans if ban.meets(identity, network)]
        if found:
            until = max(ban.until for ban in found)
            raise RoomError("banned", "a moderator has banned you from this room for a time", {"until": until})

    def _forget(self, ban: Ban) -> None:
        bans = self._of_room[ban.room]
        del bans[ban.id]
        del self._by_id[ban.id]
        if not bans:
            del self._of_room[ban.room]

    def _say_changed(self) -> None:
        if self.on_change is not None:
            self.on_change()


def network_of(address: str | None) -> str | None:
    """What stands for somebody's address: an IPv4 address, or the /64 that one customer has of IPv6."""
    if address is None:
        return None
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
