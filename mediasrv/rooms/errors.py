"""What a room refuses, with the stable codes of the control protocol."""

from __future__ import annotations

from collections.abc import Mapping

from mediasrv.rooms.permissions import Permission, Permissions


class RoomError(Exception):
    """A request that a room can't fulfil.

    `code` is one of the control protocol's error codes, `message` a sentence for the person who reads it, `details`
    what a program may want to know besides.
    """

    def __init__(self, code: str, message: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: Mapping[str, object] = details or {}


def permission_denied(permissions: Permissions, flag: Permission) -> RoomError:
    """The error for somebody who lacks `flag`; its details name the flag."""
    return RoomError("permission_denied", permissions.why_not(flag), {"permission": str(flag.name).lower()})


def room_locked() -> RoomError:
    return RoomError("room_locked", "the room is locked: nobody new comes in until a moderator unlocks it")
