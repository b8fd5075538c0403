"""Shapes that several methods and notifications of the control protocol share.

The docstrings and descriptions here are what `docs/control-protocol.md` says.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from mediasrv.rooms.events import Kind, Source

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


class Room(Shape):
    """A room that is open."""

    name: Annotated[str, Meta(description="what tokens call it")]
    id: Annotated[Id, Meta(description="tells its openings apart")]
    opened_at: Annotated[Seconds, Meta(description="seconds since the Unix epoch")]
    participants: Annotated[int, Meta(description="how many are in it")]


class SlotSource(Shape):
    """What a receive slot shows."""

    participant_id: Annotated[Id, Meta(description="who publishes it")]
    track_id: Annotated[Id, Meta(description="the track")]


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
EXAMPLE_ROOM = Room(name="standup", id="r_974da2752119edbd", opened_at=1767225600.0, participants=2)
