"""WHIP: an encoder publishes into a room (RFC 9725)."""

from __future__ import annotations

from mediasrv.http.media_endpoint import MediaProtocol
from mediasrv.rooms.permissions import Permission
from mediasrv.rtc.sdp import Direction

# A sending m-line is a microphone or a camera; the room asks for the permission of each.
WHIP = MediaProtocol(
    name="WHIP",
    direction=Direction.SENDONLY,
    needed=Permission.PUBLISH_AUDIO | Permission.PUBLISH_VIDEO,
    accepted=lambda result: result.tracks,
)
