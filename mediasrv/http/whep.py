"""WHEP: a player watches a room (draft-ietf-wish-whep)."""

from __future__ import annotations

from mediasrv.http.media_endpoint import MediaProtocol
from mediasrv.rooms.permissions import Permission
from mediasrv.rtc.sdp import Direction

# The player's m-lines are receive slots, filled with the room's tracks: an empty room is no error (409 in the draft is
# for servers that need a live stream first), the slots fill when somebody publishes.
WHEP = MediaProtocol(
    name="WHEP",
    direction=Direction.RECVONLY,
    needed=Permission.SUBSCRIBE,
    accepted=lambda result: result.slots,
)
