"""The facts a room publishes. They are snapshots: whoever reads one later reads what was true then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from mediasrv.rtc.mix import MixSettings

Kind = Literal["audio", "video"]
Source = Literal["microphone", "camera", "screen"]
Feature = Literal["microphone", "camera", "screen_share"]
GuestOutcome = Literal["admitted", "refused", "gone", "replaced", "room_closed", "server_stopping"]
Cause = Literal["grant", "consent", "expiry"]


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
    BANNED = "banned"
    JOIN_REVOKED = "join_revoked"
    ROOM_CLOSED = "room_closed"
    SERVER_STOPPING = "server_stopping"


class TrackInfo(Struct, frozen=True):
    """One track. `muted` is true while nothing of it is forwarded: its owner muted it, or lost the permission for it.
    `encodings` are the rids of its simulcast encodings, lowest quality first; empty without simulcast."""

    id: str
    participant_id: str
    kind: Kind
    source: Source
    muted: bool
    encodings: tuple[str, ...]
    codec: str


class ParticipantInfo(Struct, frozen=True):
    """One participant and its tracks, oldest first. `joined_at` is in seconds since the Unix epoch."""

    id: str
    identity: str
    name: str
    joined_at: float
    tracks: tuple[TrackInfo, ...]
    metadata: str = ""
    attributes: Mapping[str, str] = {}


class GuestInfo(Struct, frozen=True):
    """Somebody who waits in the lobby, since a time in seconds since the Unix epoch."""

    id: str
    identity: str
    name: str
    since: float


class KeptMessage(Struct, frozen=True):
    """A message to everybody that the room keeps. The text stays out of `repr`, and so out of logs."""

    id: str
    sender_id: str
    sender_name: str
    sent_at: float
    text: str

    def __repr__(self) -> str:
        return f"KeptMessage({self.id!r})"


class RoomInfo(Struct, frozen=True):
    """A room as a whole. `opened_at` is in seconds since the Unix epoch; `participants` and `guests` are how many there
    are, in it and waiting. `track_bitrate_bps` is None where there is no bound."""

    name: str
    id: str
    opened_at: float
    participants: int
    guests: int
    capacity: int
    default_permissions: tuple[str, ...]
    default_permissions_until: Mapping[str, float]
    lobby: bool
    locked: bool
    codecs: tuple[str, ...]
    track_bitrate_bps: int | None
    idle_s: float
    history: int
    mix_above: int | None
    mix: MixSettings
    metadata: str


class SlotSource(Struct, frozen=True):
    """What a receive slot shows. `participant_id` is None for the mix of the room."""

    participant_id: str | None
    track_id: str


class RoomEvent(Struct, frozen=True):
    """`room` is the room's name; `room_id` tells its openings apart."""

    room: str
    room_id: str


# --- for everybody in the room -------------------------------------------------------------------------------------


class RoomOpened(RoomEvent, frozen=True):
    """Somebody is about to join a room that was not there, or a control session has created it: then `by` is set."""

    by: str = ""


class RoomClosed(RoomEvent, frozen=True):
    """The last participant has left, and the room was empty for as long as it stays open then. `by` is who closed it,
    where somebody did."""

    by: str = ""


class RoomUpdated(RoomEvent, frozen=True):
    """Settings of the room have changed: those in `changed`, to what is in `info`."""

    info: RoomInfo
    changed: tuple[str, ...]
    by: str


class ServerDraining(RoomEvent, frozen=True):
    """The server is being stopped: nobody new comes in, and who is still there at `until` has to leave.

    `until` is in seconds since the Unix epoch; `reconnect_url` is where to go on, empty if that is not known.
    """

    until: float
    reconnect_url: str


class ParticipantJoined(RoomEvent, frozen=True):
    """`address` is the IP address that they come from, where it is known. It is for the journal alone."""

    participant: ParticipantInfo
    address: str | None = None


class ParticipantUpdated(RoomEvent, frozen=True):
    """Its name, metadata or attributes have changed."""

    participant: ParticipantInfo


class SignalingLost(RoomEvent, frozen=True):
    """The participant's signaling connection is gone; it may come back for a while."""

    participant_id: str


class SignalingResumed(RoomEvent, frozen=True):
    """Another signaling connection speaks for the participant: its `epoch`-th."""

    participant_id: str
    epoch: int


class ParticipantLeft(RoomEvent, frozen=True):
    """Exactly one for each `ParticipantJoined`, after the last of its tracks is unpublished."""

    participant_id: str
    identity: str
    reason: LeaveReason
    by: str = ""
    """Who made it so, where that was somebody else."""


class TrackPublished(RoomEvent, frozen=True):
    track: TrackInfo


class TrackUnpublished(RoomEvent, frozen=True):
    track: TrackInfo


class FeatureToggled(RoomEvent, frozen=True):
    """A track began or ceased to be forwarded: published, muted, unmuted, unpublished, or its permission changed.

    On and off alternate for a track, on first and off last. `by` is the id of the participant who did it, "server", or
    "admin:" and the name of a control session.
    """

    participant_id: str
    feature: Feature
    enabled: bool
    by: str
    track_id: str


class Speaking(RoomEvent, frozen=True):
    """Who speaks now, by participant id; levels in dBov, 0 the loudest. Empty once when everybody is silent again."""

    levels: Mapping[str, int]


class DominantSpeaker(RoomEvent, frozen=True):
    """Somebody else has the floor now: `participant_id`, speaking in `track_id`. Both are None when who had it was
    muted or has left, and nobody else speaks."""

    participant_id: str | None
    track_id: str | None


# --- for those whom it concerns ------------------------------------------------------------------------------------


class MessageSent(RoomEvent, frozen=True):
    """For its recipients. `to` is None for everybody. `pending` are those whose signaling connection was lost: they get
    it when they come back. One that is not `reliable` may get lost on its way. The text stays out of `repr`, and so out
    of logs."""

    message_id: str
    sender_id: str
    sender_name: str
    to: tuple[str, ...] | None
    recipients: tuple[str, ...]
    pending: tuple[str, ...]
    sent_at: float
    text: str
    reliable: bool = True

    def __repr__(self) -> str:
        return f"MessageSent({self.message_id!r})"


class MessageDelivered(RoomEvent, frozen=True):
    """For the sender: somebody who was away when the message was sent has it now."""

    message_id: str
    sender_id: str
    recipient_id: str


class GuestWaiting(RoomEvent, frozen=True):
    """For moderators: somebody waits to be let in."""

    guest: GuestInfo


class GuestDecided(RoomEvent, frozen=True):
    """For moderators: somebody waits no longer. `by` is who let them in or refused them."""

    guest: GuestInfo
    outcome: GuestOutcome
    by: str = ""


class ParticipantBanned(RoomEvent, frozen=True):
    """For moderators. `identity` is None for the ban of an address, which is not told."""

    ban_id: str
    identity: str | None
    until: float
    reason: str
    by: str


class BanLifted(RoomEvent, frozen=True):
    """For moderators."""

    ban_id: str
    identity: str | None
    by: str


class UnmuteAsked(RoomEvent, frozen=True):
    """For the participant: somebody asks it to turn a source on."""

    participant_id: str
    source: Source
    by: str


class PermissionsChanged(RoomEvent, frozen=True):
    """For the participant and for moderators.

    `permissions` are the names of the flags that hold now, of which `added` and `removed` are new; `granted` and
    `consented` are the two layers of which they are made. `cause` is which of them changed, or that a grant ran out.
    """

    participant_id: str
    permissions: tuple[str, ...]
    granted: tuple[str, ...]
    consented: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    by: str
    cause: Cause


class SlotsChanged(RoomEvent, frozen=True):
    """For the participant: the slots, by mid, that show something else now."""

    participant_id: str
    slots: Mapping[str, SlotSource | None]


class SlotsNeeded(RoomEvent, frozen=True):
    """For the participant: how many receive slots of each kind it lacks."""

    participant_id: str
    audio: int
    video: int


class EncodingChanged(RoomEvent, frozen=True):
    """For the participant: its slot `mid` shows the encoding `rid` now."""

    participant_id: str
    mid: str
    rid: str


class MediaConnected(RoomEvent, frozen=True):
    """For the participant: its media transport is up."""

    participant_id: str


RoomListener = Callable[[RoomEvent], None]
"""Takes an event and returns soon. It must not change a room before it has returned: the room is in the middle of a
change itself."""
