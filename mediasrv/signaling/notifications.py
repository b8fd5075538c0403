"""The notifications of the control protocol, and which room event becomes which.

The docstrings and descriptions here are what `docs/control-protocol.md` says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from mediasrv.rooms import events
from mediasrv.rooms.events import Cause, Feature, GuestOutcome, LeaveReason, Source
from mediasrv.rooms.permissions import FLAG_OF_NAME
from mediasrv.signaling.event_shapes import EXAMPLE_EVENT
from mediasrv.signaling.schema import (
    EXAMPLE_CAMERA,
    EXAMPLE_GUEST,
    EXAMPLE_JOINED,
    EXAMPLE_ME,
    EXAMPLE_PARTICIPANT,
    EXAMPLE_ROOM,
    EXAMPLE_SHOWN,
    Guest,
    Id,
    Joined,
    Nothing,
    Participant,
    Room,
    Seconds,
    Shape,
    SlotSource,
    Track,
)
from mediasrv.signaling.shapes import guest_of, participant_of, room_of, slots_of, track_of

CLOSING_REASONS: Mapping[str, str] = {
    LeaveReason.LEFT: "You have left the room.",
    LeaveReason.PEER_CLOSED: "Your media connection was closed by your side.",
    LeaveReason.CONSENT_EXPIRED: "Nothing was heard from your media connection for 30 seconds.",
    LeaveReason.FINGERPRINT_MISMATCH: "The media connection's certificate is not the one of your offer.",
    LeaveReason.DTLS_FAILED: "The media connection could not be encrypted.",
    LeaveReason.CONNECT_TIMEOUT: "The media connection did not come about within 30 seconds.",
    LeaveReason.NO_MEMORY: "The server has no memory left for your media connection.",
    LeaveReason.MEDIA_CLOSED: "The server has closed your media connection.",
    LeaveReason.REPLACED: "Somebody has joined with your identity, and took your place.",
    LeaveReason.SIGNALING_LOST: "The signaling connection was lost.",
    LeaveReason.DELETED: "Your session was deleted over HTTP.",
    LeaveReason.BANNED: "A moderator has banned you from the room for a time.",
    LeaveReason.JOIN_REVOKED: "You may no longer be in the room.",
    LeaveReason.REMOVED: "A moderator has removed you from the room.",
    LeaveReason.ROOM_CLOSED: "The room was closed.",
    LeaveReason.SERVER_STOPPING: "The server is stopping.",
    "refused": "A moderator did not let you in.",
    "resumed_elsewhere": "Your session goes on over another connection.",
    "bad_frame": "What you sent is not the control protocol.",
    "too_slow": "You read more slowly than the room talks.",
    "rate_limited": "You kept sending requests after too many had been refused.",
    "join_timeout": "You did not join in time.",
    "idle": "Nothing came from you for a long time.",
    "server_busy": "The server takes no new connections now.",
}


class ParticipantJoined(Shape):
    """Somebody has joined. It comes before anything else about them."""

    participant: Annotated[Participant, Meta(description="who, with no tracks yet")]


class ParticipantLeft(Shape):
    """Somebody has left; the ends of their tracks came before it. Exactly one for each `participant_joined`."""

    participant_id: Annotated[Id, Meta(description="who")]
    reason: Annotated[str, Meta(description="why: one of the reasons of leaving")]


class TrackPublished(Shape):
    """A track of somebody, yourself included, is there. Receive slots show it only after this."""

    track: Annotated[Track, Meta(description="the track")]


class TrackUnpublished(Shape):
    """A track of somebody, yourself included, has ended."""

    participant_id: Annotated[Id, Meta(description="whose")]
    track_id: Annotated[Id, Meta(description="the track")]


class FeatureToggled(Shape):
    """A track began or ceased to be forwarded: published, muted, unmuted, unpublished, or its permission changed.

    On and off alternate, on first and off last. It is sent to everybody, the track's owner included.
    """

    participant_id: Annotated[Id, Meta(description="whose track")]
    feature: Annotated[Feature, Meta(description="what")]
    enabled: Annotated[bool, Meta(description="on or off")]
    by: Annotated[str, Meta(description="the id of the participant who did it, `server`, or `admin:` and a name")]
    track_id: Annotated[Id, Meta(description="the track")]


class SlotsChanged(Shape):
    """Some of your receive slots show something else. Slots that it doesn't name are as they were."""

    slots: Annotated[dict[str, SlotSource | None], Meta(description="what they show now, by mid")]


class SlotsNeeded(Shape):
    """How many receive slots of each kind you lack for all tracks of the room: offer more of them to get these too.

    It is sent only when it has changed.
    """

    audio: Annotated[int, Meta(description="for audio")]
    video: Annotated[int, Meta(description="for video")]


class EncodingChanged(Shape):
    """A receive slot shows another simulcast encoding now."""

    mid: Annotated[str, Meta(description="the receive slot")]
    rid: Annotated[str, Meta(description="the encoding")]


class Speaking(Shape):
    """Who speaks, at most five times a second. An empty map once when all are silent again."""

    levels: Annotated[
        dict[str, int], Meta(description="participant id to level in dBov: 0 is the loudest, -127 silence")
    ]


class DominantSpeaker(Shape):
    """Somebody else has the floor now. Who has it keeps it through pauses, and while others cough or interrupt."""

    participant_id: Annotated[
        Id | None, Meta(description="who; null when who had it was muted or has left, and nobody else speaks")
    ]


class Message(Shape):
    """A text for you."""

    message_id: Annotated[Id, Meta(description="the message's id")]
    sender: Annotated[Id, Meta(description="who sent it")] = msgspec.field(name="from")
    to: Annotated[list[Id] | None, Meta(description="whom it is for; null: everybody")]
    text: Annotated[str, Meta(description="the text")]
    sent_at: Annotated[Seconds, Meta(description="seconds since the Unix epoch")]


class MessageDelivered(Shape):
    """Somebody who was away when you sent a message has it now."""

    message_id: Annotated[Id, Meta(description="the message")]
    participant_id: Annotated[Id, Meta(description="who has it")]


class PermissionsChanged(Shape):
    """What somebody may do has changed. It holds already. It is sent to whom it is about, and to moderators."""

    participant_id: Annotated[Id, Meta(description="who; yours, or that of another if you moderate")]
    permissions: Annotated[list[str], Meta(description="the flags that hold now: granted and consented to")]
    granted: Annotated[list[str], Meta(description="the flags that are granted")]
    consented: Annotated[list[str], Meta(description="the flags that are consented to")]
    by: Annotated[str, Meta(description="the id of the participant who did it, `server`, or `admin:` and a name")]
    cause: Annotated[Cause, Meta(description="a grant was given or taken, a consent was, or a grant ran out")]


class ParticipantUpdated(Shape):
    """The name, metadata or attributes of somebody, yourself included, have changed."""

    participant: Annotated[Participant, Meta(description="as they are now")]


class RoomUpdated(Shape):
    """Settings of the room have changed.

    If `track_bitrate_bps` is among them and you publish, make an offer: its answer tells your encoder the new bound,
    beyond which packets are dropped already.
    """

    room: Annotated[Room, Meta(description="as it is now")]
    changed: Annotated[list[str], Meta(description="the settings that have changed")]
    by: Annotated[str, Meta(description="who did it")]


class ServerDraining(Shape):
    """The server is being stopped. Nobody new comes in, and who is still there in the end is told `closing`."""

    until: Annotated[Seconds, Meta(description="when that is, in seconds since the Unix epoch")]
    reconnect_url: Annotated[str, Meta(description="where to go on; empty if that is not known")]


class UnmuteRequested(Shape):
    """A moderator asks you to turn something on. Nothing happens unless you do."""

    source: Annotated[Source, Meta(description="what to turn on")]
    by: Annotated[str, Meta(description="the id of the participant who asks, or `admin:` and a name")]


class GuestWaiting(Shape):
    """For moderators: somebody waits to be let in."""

    guest: Annotated[Guest, Meta(description="who")]


class GuestDecided(Shape):
    """For moderators: somebody waits no longer."""

    guest_id: Annotated[Id, Meta(description="who")]
    outcome: Annotated[GuestOutcome, Meta(description="what became of it")]
    by: Annotated[str, Meta(description="who let them in or refused them, if somebody did")]


class ParticipantBanned(Shape):
    """For moderators: somebody was banned."""

    ban_id: Annotated[Id, Meta(description="the ban")]
    identity: Annotated[str | None, Meta(description="who; null for the ban of an address")]
    until: Annotated[Seconds, Meta(description="when it ends, in seconds since the Unix epoch")]
    by: Annotated[str, Meta(description="who did it")]


class BanLifted(Shape):
    """For moderators: somebody may come in again."""

    ban_id: Annotated[Id, Meta(description="the ban")]
    by: Annotated[str, Meta(description="who did it")]


class Admitted(Joined):
    """A moderator has let you in: what the result of `join` would have said."""


class Connected(Nothing):
    """Your media connection is up."""


class Closing(Shape):
    """The last frame before the server closes the connection."""

    reason: Annotated[str, Meta(description="why: one of the reasons of closing")]
    message: Annotated[str, Meta(description="the same for people")]


_EXAMPLES: tuple[Shape, ...] = (
    ParticipantJoined(participant=msgspec.structs.replace(EXAMPLE_PARTICIPANT, tracks=[])),
    ParticipantLeft(participant_id=EXAMPLE_PARTICIPANT.id, reason=LeaveReason.LEFT),
    TrackPublished(track=EXAMPLE_CAMERA),
    TrackUnpublished(participant_id=EXAMPLE_PARTICIPANT.id, track_id=EXAMPLE_CAMERA.id),
    FeatureToggled(
        participant_id=EXAMPLE_PARTICIPANT.id,
        feature="camera",
        enabled=False,
        by=EXAMPLE_PARTICIPANT.id,
        track_id=EXAMPLE_CAMERA.id,
    ),
    SlotsChanged(slots={"1": EXAMPLE_SHOWN, "2": None}),
    SlotsNeeded(audio=0, video=1),
    EncodingChanged(mid="1", rid="h"),
    Speaking(levels={EXAMPLE_PARTICIPANT.id: -31}),
    DominantSpeaker(participant_id=EXAMPLE_PARTICIPANT.id),
    Message(
        message_id="m_4be8c07d19f2a635",
        sender=EXAMPLE_PARTICIPANT.id,
        to=None,
        text="Good morning!",
        sent_at=1767225700.25,
    ),
    MessageDelivered(message_id="m_4be8c07d19f2a635", participant_id=EXAMPLE_PARTICIPANT.id),
    PermissionsChanged(
        participant_id=EXAMPLE_ME.id,
        permissions=["join", "publish_audio", "subscribe"],
        granted=["join", "publish_audio", "subscribe", "record"],
        consented=[name for name in FLAG_OF_NAME if name != "record"],
        by=EXAMPLE_PARTICIPANT.id,
        cause="grant",
    ),
    ParticipantUpdated(participant=msgspec.structs.replace(EXAMPLE_PARTICIPANT, attributes={"hand": "raised"})),
    RoomUpdated(room=msgspec.structs.replace(EXAMPLE_ROOM, locked=True), changed=["locked"], by=EXAMPLE_PARTICIPANT.id),
    ServerDraining(until=1767229230.0, reconnect_url="https://b.call.example.org/"),
    UnmuteRequested(source="microphone", by=EXAMPLE_PARTICIPANT.id),
    GuestWaiting(guest=EXAMPLE_GUEST),
    GuestDecided(guest_id=EXAMPLE_GUEST.id, outcome="admitted", by=EXAMPLE_PARTICIPANT.id),
    ParticipantBanned(ban_id="b_7a52e9c01f3d8b46", identity="mal", until=1767229200.0, by="admin:backend"),
    BanLifted(ban_id="b_7a52e9c01f3d8b46", by="admin:backend"),
    Admitted(**{field: getattr(EXAMPLE_JOINED, field) for field in EXAMPLE_JOINED.__struct_fields__}),
    Connected(),
    EXAMPLE_EVENT,
    Closing(reason="server_stopping", message=CLOSING_REASONS[LeaveReason.SERVER_STOPPING]),
)


def method_of(notification: type[Shape]) -> str:
    """The method name of a notification: its class name in snake case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", notification.__name__).lower()


NOTIFICATIONS: Mapping[str, Shape] = {method_of(type(example)): example for example in _EXAMPLES}
"""An example of each notification, by method name."""
METHOD_OF: Mapping[type[Shape], str] = {type(example): method for method, example in NOTIFICATIONS.items()}


def notification_of(event: events.RoomEvent) -> Shape | None:
    """What a client is told of `event`, which it was meant to get; None if nothing."""
    match event:
        case events.ParticipantJoined():
            return ParticipantJoined(participant=participant_of(event.participant))
        case events.ParticipantLeft():
            return ParticipantLeft(participant_id=event.participant_id, reason=event.reason)
        case events.TrackPublished():
            return TrackPublished(track=track_of(event.track))
        case events.TrackUnpublished():
            return TrackUnpublished(participant_id=event.track.participant_id, track_id=event.track.id)
        case events.FeatureToggled():
            return FeatureToggled(
                participant_id=event.participant_id,
                feature=event.feature,
                enabled=event.enabled,
                by=event.by,
                track_id=event.track_id,
            )
        case events.SlotsChanged():
            return SlotsChanged(slots=slots_of(event.slots))
        case events.SlotsNeeded():
            return SlotsNeeded(audio=event.audio, video=event.video)
        case events.EncodingChanged():
            return EncodingChanged(mid=event.mid, rid=event.rid)
        case events.Speaking():
            return Speaking(levels=dict(event.levels))
        case events.DominantSpeaker():
            return DominantSpeaker(participant_id=event.participant_id)
        case events.MessageSent():
            return Message(
                message_id=event.message_id,
                sender=event.sender_id,
                to=None if event.to is None else list(event.to),
                text=event.text,
                sent_at=event.sent_at,
            )
        case events.PermissionsChanged():
            return PermissionsChanged(
                participant_id=event.participant_id,
                permissions=list(event.permissions),
                granted=list(event.granted),
                consented=list(event.consented),
                by=event.by,
                cause=event.cause,
            )
        case events.MessageDelivered():
            return MessageDelivered(message_id=event.message_id, participant_id=event.recipient_id)
        case events.ParticipantUpdated():
            return ParticipantUpdated(participant=participant_of(event.participant))
        case events.RoomUpdated():
            return RoomUpdated(room=room_of(event.info), changed=list(event.changed), by=event.by)
        case events.ServerDraining():
            return ServerDraining(until=event.until, reconnect_url=event.reconnect_url)
        case events.UnmuteAsked():
            return UnmuteRequested(source=event.source, by=event.by)
        case events.GuestWaiting():
            return GuestWaiting(guest=guest_of(event.guest))
        case events.GuestDecided():
            return GuestDecided(guest_id=event.guest.id, outcome=event.outcome, by=event.by)
        case events.ParticipantBanned():
            return ParticipantBanned(ban_id=event.ban_id, identity=event.identity, until=event.until, by=event.by)
        case events.BanLifted():
            return BanLifted(ban_id=event.ban_id, by=event.by)
        case events.MediaConnected():
            return Connected()
        case _:
            return None
