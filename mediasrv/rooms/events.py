"""The facts a room publishes. They are snapshots: whoever reads one later reads what was true then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Kind = Literal["audio", "video"]
Source = Literal["microphone", "camera", "screen"]
Feature = Literal["microphone", "camera", "screen_share"]


class LeaveReason(StrEnum):
    """Why a participant is no longer in the room."""

    LEFT = "left"
    PEER_CLOSED = "peer_closed"
    CONSENT_EXPIRED = "consent_expired"
    FINGERPRINT_MISMATCH = "fingerprint_mismatch"
    DTLS_FAILED = "dtls_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    NO_MEMORY = "no_memory"
    MEDIA_CLOSED = "media_closed"
    REPLACED = "replaced"
    SIGNALING_LOST = "signaling_lost"
    DELETED = "deleted"
    REMOVED = "removed"
    ROOM_CLOSED = "room_closed"
    SERVER_STOPPING = "server_stopping"


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """One track. `muted` is true while nothing of it is forwarded: its owner muted it, or lost the permission for it.
    `encodings` are the rids of its simulcast encodings, lowest quality first; empty without simulcast."""

    id: str
    participant_id: str
    kind: Kind
    source: Source
    muted: bool
    encodings: tuple[str, ...]
    codec: str


@dataclass(frozen=True, slots=True)
class ParticipantInfo:
    """One participant and its tracks, oldest first. `joined_at` is in seconds since the Unix epoch."""

    id: str
    identity: str
    name: str
    joined_at: float
    tracks: tuple[TrackInfo, ...]


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """A room as a whole. `opened_at` is in seconds since the Unix epoch, `participants` how many there are."""

    name: str
    id: str
    opened_at: float
    participants: int


@dataclass(frozen=True, slots=True)
class SlotSource:
    """What a receive slot shows."""

    participant_id: str
    track_id: str


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """`room` is the room's name; `room_id` tells its openings apart."""

    room: str
    room_id: str


# --- for everybody in the room -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoomOpened(RoomEvent):
    """Somebody is about to join a room that was empty."""


@dataclass(frozen=True, slots=True)
class RoomClosed(RoomEvent):
    """The last participant has left."""


@dataclass(frozen=True, slots=True)
class ParticipantJoined(RoomEvent):
    participant: ParticipantInfo


@dataclass(frozen=True, slots=True)
class ParticipantLeft(RoomEvent):
    """Exactly one for each `ParticipantJoined`, after the last of its tracks is unpublished."""

    participant_id: str
    identity: str
    reason: LeaveReason
    by: str = ""
    """Who made it so, where that was somebody else."""


@dataclass(frozen=True, slots=True)
class TrackPublished(RoomEvent):
    track: TrackInfo


@dataclass(frozen=True, slots=True)
class TrackUnpublished(RoomEvent):
    track: TrackInfo


@dataclass(frozen=True, slots=True)
class FeatureToggled(RoomEvent):
    """A track began or ceased to be forwarded: published, muted, unmuted, unpublished, or its permission changed.

    On and off alternate for a track, on first and off last. `by` is the id of the participant who did it, "server", or
    "admin:" and the name of a control session.
    """

    participant_id: str
    feature: Feature
    enabled: bool
    by: str
    track_id: str


@dataclass(frozen=True, slots=True)
class Speaking(RoomEvent):
    """Who speaks now, by participant id; levels in dBov, 0 the loudest. Empty once when everybody is silent again."""

    levels: Mapping[str, int]


# --- for those whom it concerns ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MessageSent(RoomEvent):
    """For its recipients. `to` is None for everybody. The text stays out of `repr`, and so out of logs."""

    message_id: str
    sender_id: str
    to: tuple[str, ...] | None
    recipients: tuple[str, ...]
    sent_at: float
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PermissionsChanged(RoomEvent):
    """For the participant. `permissions` are the names of the flags that hold now."""

    participant_id: str
    permissions: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class SlotsChanged(RoomEvent):
    """For the participant: the slots, by mid, that show something else now."""

    participant_id: str
    slots: Mapping[str, SlotSource | None]


@dataclass(frozen=True, slots=True)
class SlotsNeeded(RoomEvent):
    """For the participant: how many receive slots of each kind it lacks."""

    participant_id: str
    audio: int
    video: int


@dataclass(frozen=True, slots=True)
class EncodingChanged(RoomEvent):
    """For the participant: its slot `mid` shows the encoding `rid` now."""

    participant_id: str
    mid: str
    rid: str


@dataclass(frozen=True, slots=True)
class MediaConnected(RoomEvent):
    """For the participant: its media transport is up."""

    participant_id: str


RoomListener = Callable[[RoomEvent], None]
"""Takes an event and returns soon. It must not change a room before it has returned: the room is in the middle of a
change itself."""
