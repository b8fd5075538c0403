"""What moderators and control sessions do to those in a room. `by` is who does it, as events tell it."""

from __future__ import annotations

from mediasrv.rooms import events
from mediasrv.rooms.bans import LONGEST_S, Ban, network_of
from mediasrv.rooms.errors import RoomError
from mediasrv.rooms.events import LeaveReason, Source
from mediasrv.rooms.participant import Participant
from mediasrv.rooms.permissions import Permission
from mediasrv.rooms.registry import RoomRegistry
from mediasrv.rooms.track import FLAG_OF_SOURCE

REASON_MAX_CHARACTERS = 256
MAX_BANS_OF_ROOM = 1_000  # so that the moderators of one leave some of the server's to others


def ask_to_unmute(whom: Participant, source: Source, *, by: str) -> None:
    """Raises `RoomError` `permission_denied` if they may not do what they would be asked for."""
    if not whom.permissions.allow(FLAG_OF_SOURCE[source]):
        name = str(FLAG_OF_SOURCE[source].name).lower()
        raise RoomError("permission_denied", f"{whom.id} lacks the permission {name}", {"permission": name})
    whom.room.publisher.publish(events.UnmuteAsked(*whom.room.ref, whom.id, source, by), (whom,))


def ban(
    rooms: RoomRegistry,
    room_name: str,
    *,
    identity: str | None = None,
    address: str | None = None,
    for_s: float,
    reason: str = "",
    by: str,
) -> Ban:
    """Keep an identity, or everybody at an IP address, out of a room for a time, from now on; it need not be open.

    Who is in the room or waits leaves; of those at an address not the moderators, who would lock themselves out behind
    a shared one. Raises `RoomError`: `invalid_params`, `server_busy`.
    """
    if (identity is None) == (address is None):
        raise RoomError("invalid_params", "a ban is of an identity or of an address: name one")
    network = network_of(address)
    if address is not None and network is None:
        raise RoomError("invalid_params", "the address is not an IP address")
    now = rooms.clock.time()
    if len(rooms.bans.of_room(room_name, now)) >= MAX_BANS_OF_ROOM:
        raise RoomError("server_busy", f"a room has at most {MAX_BANS_OF_ROOM} bans: lift some that are not needed")
    until = now + min(for_s, LONGEST_S)
    made = Ban(room_name, until, by, reason[:REASON_MAX_CHARACTERS], identity, network, since=now)
    rooms.bans.add(made, now)
    with rooms.visit(room_name, by=by) as room:
        banned = events.ParticipantBanned(*room.ref, made.id, made.identity, made.until, made.reason, by)
        room.tell_moderators(banned)
        for guest in list(room.lobby.guests.values()):
            if made.meets(guest.entry.identity, network_of(guest.entry.address)):
                room.dismiss(guest, "refused", by=by)
        for participant in list(room.participants.values()):
            spared = identity is None and participant.permissions.allow(Permission.MODERATE)
            if not spared and made.meets(participant.identity, network_of(participant.address)):
                room.lobby.forget(participant.identity)
                participant.leave(LeaveReason.BANNED, by=by)
    return made


def unban(rooms: RoomRegistry, room_name: str, ban_id: str, *, by: str) -> None:
    """Lift a ban; the room need not be open. Raises `RoomError` `not_found`."""
    lifted = rooms.bans.lift(room_name, ban_id)
    with rooms.visit(room_name, by=by) as room:
        room.tell_moderators(events.BanLifted(*room.ref, lifted.id, lifted.identity, by))
