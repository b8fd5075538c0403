"""Shapes that several methods and notifications of the control protocol share.

The docstrings and descriptions here are what `docs/control-protocol.md` says.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mediasrv.rooms.events import Kind, Source
from mediasrv.rooms.permissions import FLAG_OF_CONSENT
from mediasrv.rtc.mix import MAX_TALKERS, MixSettings

MAX_TRACKS_IN_OFFER = 64
MAX_MESSAGE_RECIPIENTS = 1_000

Mid = Annotated[str, Meta(min_length=1, max_length=64)]
Rid = Annotated[str, Meta(max_length=64)]
Id = Annotated[str, Meta(min_length=1, max_length=64)]
RoomName = Annotated[str, Meta(min_length=1, max_length=128)]
Seconds = Annotated[float, Meta(description="seconds since the Unix epoch")]


class Shape(msgspec.Struct):
    """A map of the protocol. Fields that it doesn't name are ignored."""


class Track(Shape):
    """What a participant publishes."""

    id: Annotated[Id, Meta(description="holds from publishing to unpublishing, whatever is muted in between")]
    participant_id: Annotated[Id, Meta(description="who publishes it")]
    kind: Annotated[Kind, Meta(description="what it carries")]
    source: Annotated[Source, Meta(description="where it comes from; a shared screen may have sound too")]
    muted: Annotated[bool, Meta(description="true while nothing is forwarded: muted, or the permission is gone")]
    encodings: Annotated[list[str], Meta(description="the rids of its simulcast encodings, lowest first; else empty")]
    codec: Annotated[str, Meta(description="the codec's name in SDP, such as `opus` or `VP8`")]


class Participant(Shape):
    """Somebody in the room."""

    id: Annotated[Id, Meta(description="of this session; another join gets another one")]
    identity: Annotated[str, Meta(description="who it is, from the token; one participant of a room each")]
    name: Annotated[str, Meta(description="what to call them")]
    joined_at: Annotated[Seconds, Meta(description="seconds since the Unix epoch")]
    tracks: Annotated[list[Track], Meta(description="what they publish")]
    metadata: Annotated[str, Meta(description="what an application keeps with them")] = ""
    attributes: Annotated[dict[str, str], Meta(description="likewise, by key")] = msgspec.field(default_factory=dict)


class Guest(Shape):
    """Somebody who waits to be let in."""

    id: Annotated[Id, Meta(description="what `admit` and `refuse` call them")]
    identity: Annotated[str, Meta(description="who it is, from the token")]
    name: Annotated[str, Meta(description="what to call them")]
    since: Annotated[Seconds, Meta(description="since when they wait, in seconds since the Unix epoch")]


class Ban(Shape):
    """Somebody who may not come in."""

    id: Annotated[Id, Meta(description="what `unban` calls it")]
    identity: Annotated[str | None, Meta(description="who; null for the ban of an address")]
    address: Annotated[str | None, Meta(description="the address or network, for control sessions alone")]
    until: Annotated[Seconds, Meta(description="when it ends, in seconds since the Unix epoch")]
    reason: Annotated[str, Meta(description="what the moderator said")]
    by: Annotated[str, Meta(description="who did it")]


class KeptMessage(Shape):
    """A message to everybody that the room keeps."""

    message_id: Annotated[Id, Meta(description="the message's id")]
    sender: Annotated[Id, Meta(description="who sent it; they may have left")] = msgspec.field(name="from")
    sender_name: Annotated[str, Meta(description="what they were called")] = msgspec.field(name="from_name")
    text: Annotated[str, Meta(description="the text")]
    sent_at: Annotated[Seconds, Meta(description="seconds since the Unix epoch")]


MixChannels = Annotated[int, Meta(ge=1, le=2, description="1 mono, 2 stereo")]
MixTalkers = Annotated[
    int, Meta(ge=1, le=MAX_TALKERS, description=f"how many are heard at once, the loudest; at most {MAX_TALKERS}")
]
MixBitrate = Annotated[int, Meta(ge=6_000, le=510_000, description="of Opus")]
MixComplexity = Annotated[int, Meta(ge=0, le=10, description="of Opus: less costs less, and sounds a little worse")]
MixFec = Annotated[
    bool, Meta(description="in-band FEC, for listeners who lose packets: encoding costs four times as much then")
]
MixDtx = Annotated[bool, Meta(description="send next to nothing while nobody speaks")]
MixLoss = Annotated[int, Meta(ge=0, le=100, description="%, for which FEC is made")]


class Mix(Shape):
    """How the mix of a room sounds."""

    channels: MixChannels
    talkers: MixTalkers
    bitrate_bps: MixBitrate
    complexity: MixComplexity
    fec: MixFec
    dtx: MixDtx
    expected_loss: MixLoss


class MixChange(Shape):
    """How the mix of a room shall sound; what is left out stays. `channels`, `talkers` and `fec` change when nobody
    listens, the others at once."""

    channels: MixChannels | UnsetType = UNSET
    talkers: MixTalkers | UnsetType = UNSET
    bitrate_bps: MixBitrate | UnsetType = UNSET
    complexity: MixComplexity | UnsetType = UNSET
    fec: MixFec | UnsetType = UNSET
    dtx: MixDtx | UnsetType = UNSET
    expected_loss: MixLoss | UnsetType = UNSET


class Room(Shape):
    """A room that is open."""

    name: Annotated[str, Meta(description="what tokens call it")]
    id: Annotated[Id, Meta(description="tells its openings apart")]
    opened_at: Annotated[Seconds, Meta(description="seconds since the Unix epoch")]
    participants: Annotated[int, Meta(description="how many are in it")]
    guests: Annotated[int, Meta(description="how many wait to be let in")]
    capacity: Annotated[int, Meta(description="how many may be in it")]
    default_permissions: Annotated[list[str], Meta(description="flags of those whose token does not say otherwise")]
    default_permissions_until: Annotated[
        dict[str, float], Meta(description="those of them that end, and when, in seconds since the Unix epoch")
    ]
    lobby: Annotated[bool, Meta(description="whether moderators let people in")]
    locked: Annotated[bool, Meta(description="whether nobody new comes in")]
    codecs: Annotated[list[str], Meta(description="those that are negotiated; of a kind that none is of: all")]
    track_bitrate_bps: Annotated[int | None, Meta(description="what publishers may send at most on a track")]
    idle_s: Annotated[float, Meta(description="for how many seconds it stays open with nobody in it")]
    history: Annotated[int, Meta(description="how many messages it keeps")]
    mix_above: Annotated[
        int | None,
        Meta(description="with more participants, those who chose no policy for audio, or `or_mix`, hear the mix"),
    ]
    mix: Annotated[Mix, Meta(description="how its mix sounds, for those who listen to it")]
    metadata: Annotated[str, Meta(description="what an application keeps with it")]


class SlotSource(Shape):
    """What a receive slot shows."""

    participant_id: Annotated[Id | None, Meta(description="who publishes it; null for the mix of the room")]
    track_id: Annotated[Id, Meta(description="the track; `mix` for the mix of the room")]


class Joined(Shape):
    """The room as it is for one participant."""

    participant_id: Annotated[str, Meta(description="yours; empty while you wait")]
    room: Annotated[str, Meta(description="the room's name")]
    participants: Annotated[list[Participant], Meta(description="everybody in the room, you included")]
    permissions: Annotated[list[str], Meta(description="the flags that you have")]
    message_size: Annotated[int, Meta(description="how many characters a message may have")]
    waiting: Annotated[
        bool, Meta(description="true: you are not in yet. `admitted` comes with all this, or `closing` with `refused`")
    ] = False
    room_info: Annotated[Room | None, Meta(description="more of the room; null while you wait")] = None
    consents: Annotated[dict[str, bool], Meta(description="what you consent to: see `set_consent`")] = msgspec.field(
        default_factory=dict
    )
    resume_token: Annotated[
        str, Meta(description="for `resume_session`; keep it as secret as a token. Empty while you wait")
    ] = ""
    resume_s: Annotated[float, Meta(description="for how many seconds a lost session can be resumed")] = 0
    epoch: Annotated[int, Meta(description="the number of this session; the next one to resume it has a higher")] = 0
    has_media: Annotated[bool, Meta(description="whether there is a peer connection, for an offer to renegotiate")] = (
        False
    )
    tracks: Annotated[dict[str, Id], Meta(description="the ids of your published tracks, by mid")] = msgspec.field(
        default_factory=dict
    )
    slots: Annotated[dict[str, SlotSource | None], Meta(description="what your receive slots show, by mid")] = (
        msgspec.field(default_factory=dict)
    )
    dominant_speaker: Annotated[Id | None, Meta(description="who has the floor, if somebody does")] = None


class OfferedTrack(Shape):
    """What a sending m-line of an offer is."""

    source: Annotated[Source, Meta(description="where it comes from")]


class Nothing(Shape):
    """An empty map."""


EXAMPLE_CAMERA = Track(
    id="t_5d0c2f9a41be7703",
    participant_id="p_8c1f07a2d94be365",
    kind="video",
    source="camera",
    muted=False,
    encodings=["q", "h", "f"],
    codec="VP8",
)
EXAMPLE_PARTICIPANT = Participant(
    id="p_8c1f07a2d94be365", identity="ada", name="Ada", joined_at=1767225600.0, tracks=[EXAMPLE_CAMERA]
)
EXAMPLE_ME = Participant(id="p_31b7e0546fd2a98c", identity="grace", name="Grace", joined_at=1767225660.5, tracks=[])
EXAMPLE_SHOWN = SlotSource(participant_id=EXAMPLE_PARTICIPANT.id, track_id=EXAMPLE_CAMERA.id)
EXAMPLE_MY_TRACK_ID = "t_e27a90b3c5d1f846"
EXAMPLE_ROOM = Room(
    name="standup",
    id="r_974da2752119edbd",
    opened_at=1767225600.0,
    participants=2,
    guests=1,
    capacity=50,
    default_permissions=["subscribe"],
    default_permissions_until={},
    lobby=True,
    locked=False,
    codecs=["opus", "VP8"],
    track_bitrate_bps=2_500_000,
    idle_s=300.0,
    history=0,
    mix_above=40,
    mix=msgspec.convert(MixSettings(), Mix, from_attributes=True),
    metadata="",
)
EXAMPLE_GUEST = Guest(id="g_60d1c25e7fa9b834", identity="lin", name="Lin", since=1767225690.0)
EXAMPLE_JOINED = Joined(
    participant_id=EXAMPLE_ME.id,
    room=EXAMPLE_ROOM.name,
    participants=[EXAMPLE_PARTICIPANT, EXAMPLE_ME],
    permissions=["join", "publish_audio", "publish_video", "subscribe", "send_message"],
    message_size=4000,
    room_info=EXAMPLE_ROOM,
    consents={name: name != "recording" for name in FLAG_OF_CONSENT},
    resume_token="Zk3hHkq0bS5q0cXyIY8QJrZ7pY0a2f6W",
    resume_s=30.0,
    epoch=1,
)
