"""Who may not come into a room, for a time: identities and addresses."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field

from mediasrv.rooms.errors import RoomError

MAX_BANS = 10_000
LONGEST_S = 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class Ban:
    """`identity` or `network` is set; `until` is in seconds since the Unix epoch."""

    room: str
    until: float
    by: str
    reason: str
    identity: str | None = None
    network: str | None = None
    id: str = field(default_factory=lambda: "b_" + secrets.token_hex(8))

    def meets(self, identity: str, network: str | None) -> bool:
        return self.identity == identity or (self.network is not None and self.network == network)


class Bans:
    """The bans of all rooms of a server, kept while rooms close and open, until their time is up."""

    def __init__(self) -> None:
        self._of_room: dict[str, dict[str, Ban]] = {}
        self._count = 0

    def add(self, ban: Ban, now: float) -> None:
        """Raises `RoomError` `server_busy` when there are too many."""
        if self._count >= MAX_BANS:
            for room in list(self._of_room):
                self.of_room(room, now)
        if self._count >= MAX_BANS:
            raise RoomError("server_busy", f"the server keeps at most {MAX_BANS} bans: lift some that are not needed")
        self._of_room.setdefault(ban.room, {})[ban.id] = ban
        self._count += 1

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
        return ban

    def check(self, room: str, identity: str, address: str | None, now: float) -> None:
        """Raises `RoomError` `banned` if somebody of this identity or address may not come in."""
        network = network_of(address)
        found = [ban for ban in self.of_room(room, now) if ban.meets(identity, network)]
        if found:
            until = max(ban.until for ban in found)
            raise RoomError("banned", "a moderator has banned you from this room for a time", {"until": until})

    def _forget(self, ban: Ban) -> None:
        bans = self._of_room[ban.room]
        del bans[ban.id]
        self._count -= 1
        if not bans:
            del self._of_room[ban.room]


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
