"""The methods of the control protocol: their params, results, errors and an example of each.

The docstrings and descriptions here are what `docs/control-protocol.md` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from mediasrv.rooms.events import Kind, Source
from mediasrv.signaling.errors import ErrorCode as E

MAX_TRACKS_IN_OFFER = 64
MAX_MESSAGE_RECIPIENTS = 1_000

Mid = Annotated[str, Meta(min_length=1, max_length=64)]
Rid = Annotated[str, Meta(max_length=64)]
Id = Annotated[str, Meta(min_length=1, max_length=64)]
Seconds = Annotated[float, Meta(description="seconds since the Unix epoch")]


class Shape(msgspec.Struct):
    """A map of the protocol. Fields that it doesn't name are ignored."""


# --- shapes that several methods and notifications share -----------------------------------------------------------


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


class SlotSource(Shape):
    """What a receive slot shows."""

    participant_id: Annotated[Id, Meta(description="who publishes it")]
    track_id: Annotated[Id, Meta(description="the track")]


class OfferedTrack(Shape):
    """What a sending m-line of an offer is."""

    source: Annotated[Source, Meta(description="where it comes from")]


class Nothing(Shape):
    """An empty map."""


# --- methods -------------------------------------------------------------------------------------------------------


class JoinParams(Shape):
    """Join the room that the token is for.

    The result is the room as it is at this moment; notifications come after it and tell every change from then on. A
    participant with the same identity is replaced: it leaves with the reason `replaced`.
    """

    token: Annotated[str, Meta(min_length=1, max_length=8192, description="an access token (JWT)")]
    name: Annotated[
        str | None, Meta(description="what to call you, if the token doesn't say; up to 128 characters")
    ] = None


class JoinResult(Shape):
    participant_id: Annotated[Id, Meta(description="yours")]
    room: Annotated[str, Meta(description="the room's name")]
    participants: Annotated[list[Participant], Meta(description="everybody in the room, you included")]
    permissions: Annotated[list[str], Meta(description="the flags that you have")]
    message_size: Annotated[int, Meta(description="how many characters a message may have")]


class OfferParams(Shape):
    """Negotiate media: the client offers, the server answers (RFC 8829), over one peer connection.

    Sending m-lines publish tracks. Receiving m-lines are receive slots: the server fills them with the others' tracks
    of that kind, oldest first, and changes what they show without another offer. An m-line that can't be had is named
    in `refused`, and so is every receive slot of somebody without the permission `subscribe`; the others are not
    affected.
    """

    sdp: Annotated[str, Meta(min_length=1, description="the offer")]
    tracks: Annotated[
        dict[Mid, OfferedTrack],
        Meta(
            max_length=MAX_TRACKS_IN_OFFER,
            description="what sending m-lines are, by mid; one that is not named is a microphone or a camera",
        ),
    ] = {}


class OfferResult(Shape):
    sdp: Annotated[str, Meta(description="the answer")]
    tracks: Annotated[dict[str, Id], Meta(description="the ids of all your published tracks, by mid")]
    slots: Annotated[dict[str, SlotSource | None], Meta(description="what each receive slot shows, by mid")]
    refused: Annotated[dict[str, str], Meta(description="why an m-line carries nothing, by mid")]


class MuteParams(Shape):
    """Stop forwarding one of your tracks, at once. It keeps its id."""

    track_id: Annotated[Id, Meta(description="a track of yours")]


class UnmuteParams(Shape):
    """Forward a muted track again. Needs the permission of its source."""

    track_id: Annotated[Id, Meta(description="a track of yours")]


class UnpublishParams(Shape):
    """End a track. Its m-line stays negotiated, so that `publish` needs no offer."""

    track_id: Annotated[Id, Meta(description="a track of yours")]


class PublishParams(Shape):
    """Publish on a negotiated sending m-line whose track was unpublished. The track is a new one."""

    mid: Annotated[Mid, Meta(description="the m-line")]
    source: Annotated[Source, Meta(description="what it sends now")]


class PublishResult(Shape):
    track_id: Annotated[Id, Meta(description="the new track")]


class ChooseEncodingParams(Shape):
    """Say which simulcast encoding a receive slot shows. It holds until the slot shows another track."""

    mid: Annotated[Mid, Meta(description="the receive slot")]
    rid: Annotated[Rid | None, Meta(description="one of the track's `encodings`; null is the highest")]


class PauseParams(Shape):
    """Stop receiving in a slot, whatever it shows, until `resume`."""

    mid: Annotated[Mid, Meta(description="the receive slot")]


class ResumeParams(Shape):
    """Receive in a paused slot again."""

    mid: Annotated[Mid, Meta(description="the receive slot")]


class SendMessageParams(Shape):
    """Send a text to others in the room. You don't get a notification of your own message."""

    text: Annotated[str, Meta(description="the text; `message_size` of the join result says how long it may be")]
    to: Annotated[
        Annotated[list[Id], Meta(max_length=MAX_MESSAGE_RECIPIENTS)] | None,
        Meta(description="whom it is for; null or left out: everybody. Those who have left meanwhile are passed over"),
    ] = None


class SendMessageResult(Shape):
    message_id: Annotated[Id, Meta(description="the message's id")]
    recipients: Annotated[list[Id], Meta(description="whom it was delivered to")]


class LeaveParams(Shape):
    """Leave the room. The server replies, sends `closing` with the reason `left` and closes the connection."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method. `errors` are those it has besides the ones that every method may have."""

    name: str
    params: type[Shape]
    result: type[Shape]
    errors: tuple[E, ...]
    example_params: Shape
    example_result: Shape


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
_MY_TRACK = "t_e27a90b3c5d1f846"

_METHODS = (
    Method(
        "join",
        JoinParams,
        JoinResult,
        (E.ALREADY_JOINED, E.TOKEN_EXPIRED, E.TOKEN_INVALID, E.TOKEN_WRONG_ROOM, E.PERMISSION_DENIED, E.SERVER_BUSY),
        JoinParams(token="eyJhbGciOiJIUzI1NiJ9…", name="Grace"),
        JoinResult(
            participant_id=EXAMPLE_ME.id,
            room="standup",
            participants=[EXAMPLE_PARTICIPANT, EXAMPLE_ME],
            permissions=["join", "publish_audio", "publish_video", "subscribe", "send_message"],
            message_size=4000,
        ),
    ),
    Method(
        "offer",
        OfferParams,
        OfferResult,
        (E.BAD_SDP, E.SERVER_BUSY),
        OfferParams(
            sdp="v=0\r\n…", tracks={"0": OfferedTrack(source="microphone"), "3": OfferedTrack(source="screen")}
        ),
        OfferResult(
            sdp="v=0\r\n…",
            tracks={"0": _MY_TRACK},
            slots={"1": EXAMPLE_SHOWN, "2": None},
            refused={"3": "this needs the permission share_screen, which is not granted to you"},
        ),
    ),
    Method("mute", MuteParams, Nothing, (E.NOT_FOUND,), MuteParams(track_id=_MY_TRACK), Nothing()),
    Method(
        "unmute",
        UnmuteParams,
        Nothing,
        (E.NOT_FOUND, E.PERMISSION_DENIED),
        UnmuteParams(track_id=_MY_TRACK),
        Nothing(),
    ),
    Method("unpublish", UnpublishParams, Nothing, (E.NOT_FOUND,), UnpublishParams(track_id=_MY_TRACK), Nothing()),
    Method(
        "publish",
        PublishParams,
        PublishResult,
        (E.NOT_FOUND, E.PERMISSION_DENIED),
        PublishParams(mid="0", source="microphone"),
        PublishResult(track_id="t_90f3d6a1b82c574e"),
    ),
    Method(
        "choose_encoding",
        ChooseEncodingParams,
        Nothing,
        (E.NOT_FOUND,),
        ChooseEncodingParams(mid="1", rid="h"),
        Nothing(),
    ),
    Method("pause", PauseParams, Nothing, (E.NOT_FOUND,), PauseParams(mid="1"), Nothing()),
    Method("resume", ResumeParams, Nothing, (E.NOT_FOUND,), ResumeParams(mid="1"), Nothing()),
    Method(
        "send_message",
        SendMessageParams,
        SendMessageResult,
        (E.PERMISSION_DENIED, E.NOT_FOUND, E.TOO_LARGE),
        SendMessageParams(text="Good morning!", to=[EXAMPLE_PARTICIPANT.id]),
        SendMessageResult(message_id="m_4be8c07d19f2a635", recipients=[EXAMPLE_PARTICIPANT.id]),
    ),
    Method("leave", LeaveParams, Nothing, (), LeaveParams(), Nothing()),
)

METHODS: Mapping[str, Method] = {method.name: method for method in _METHODS}
ERRORS_OF_EVERY_METHOD = (E.BAD_REQUEST, E.UNKNOWN_METHOD, E.INVALID_PARAMS, E.RATE_LIMITED, E.INTERNAL)
