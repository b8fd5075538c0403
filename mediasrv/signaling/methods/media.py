"""Methods of participants about their media: offers, tracks, receive slots."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from mediasrv.rooms.events import Source
from mediasrv.signaling.errors import ErrorCode as E
from mediasrv.signaling.method import Caller, Method, Scope
from mediasrv.signaling.schema import (
    EXAMPLE_MY_TRACK_ID,
    EXAMPLE_SHOWN,
    MAX_TRACKS_IN_OFFER,
    Id,
    Mid,
    Nothing,
    OfferedTrack,
    Rid,
    Shape,
    SlotSource,
)
from mediasrv.signaling.shapes import slots_of


class OfferParams(Shape):
    """Negotiate media: the client offers, the server answers (RFC 8829), over one peer connection.

    Sending m-lines publish tracks. Receiving m-lines are receive slots: the server fills them with the others' tracks
    of that kind, oldest first or as `set_slots` says, and changes what they show without another offer. An m-line that
    can't be had is named in `refused`, and so is every receive slot of somebody without the permission `subscribe`; the
    others are not affected.
    """

    sdp: Annotated[str, Meta(min_length=1, description="the offer")]
    tracks: Annotated[
        dict[Mid, OfferedTrack],
        Meta(
            max_length=MAX_TRACKS_IN_OFFER,
            description="what sending m-lines are, by mid; one that is not named is a microphone or a camera",
        ),
    ] = msgspec.field(default_factory=dict)


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


def offer(caller: Caller, params: OfferParams) -> OfferResult:
    result = caller.me.offer(params.sdp, {mid: track.source for mid, track in params.tracks.items()})
    return OfferResult(
        sdp=result.sdp, tracks=dict(result.tracks), slots=slots_of(result.slots), refused=dict(result.refused)
    )


def mute(caller: Caller, params: MuteParams) -> Nothing:
    caller.me.publications.mute(params.track_id)
    return Nothing()


def unmute(caller: Caller, params: UnmuteParams) -> Nothing:
    caller.me.publications.unmute(params.track_id)
    return Nothing()


def unpublish(caller: Caller, params: UnpublishParams) -> Nothing:
    caller.me.publications.unpublish(params.track_id)
    return Nothing()


def publish(caller: Caller, params: PublishParams) -> PublishResult:
    return PublishResult(track_id=caller.me.publications.publish(params.mid, params.source).id)


def choose_encoding(caller: Caller, params: ChooseEncodingParams) -> Nothing:
    caller.me.subscriptions.choose_encoding(params.mid, params.rid)
    return Nothing()


def pause(caller: Caller, params: PauseParams) -> Nothing:
    caller.me.subscriptions.pause(params.mid)
    return Nothing()


def resume(caller: Caller, params: ResumeParams) -> Nothing:
    caller.me.subscriptions.resume(params.mid)
    return Nothing()


METHODS = (
    Method(
        "offer",
        Scope.PARTICIPANT,
        offer,
        OfferParams,
        OfferResult,
        (E.BAD_SDP, E.SERVER_BUSY),
        OfferParams(
            sdp="v=0\r\n…", tracks={"0": OfferedTrack(source="microphone"), "3": OfferedTrack(source="screen")}
        ),
        OfferResult(
            sdp="v=0\r\n…",
            tracks={"0": EXAMPLE_MY_TRACK_ID},
            slots={"1": EXAMPLE_SHOWN, "2": None},
            refused={"3": "this needs the permission share_screen, which is not granted to you"},
        ),
    ),
    Method(
        "mute",
        Scope.PARTICIPANT,
        mute,
        MuteParams,
        Nothing,
        (E.NOT_FOUND,),
        MuteParams(track_id=EXAMPLE_MY_TRACK_ID),
        Nothing(),
    ),
    Method(
        "unmute",
        Scope.PARTICIPANT,
        unmute,
        UnmuteParams,
        Nothing,
        (E.NOT_FOUND, E.PERMISSION_DENIED),
        UnmuteParams(track_id=EXAMPLE_MY_TRACK_ID),
        Nothing(),
    ),
    Method(
        "unpublish",
        Scope.PARTICIPANT,
        unpublish,
        UnpublishParams,
        Nothing,
        (E.NOT_FOUND,),
        UnpublishParams(track_id=EXAMPLE_MY_TRACK_ID),
        Nothing(),
    ),
    Method(
        "publish",
        Scope.PARTICIPANT,
        publish,
        PublishParams,
        PublishResult,
        (E.NOT_FOUND, E.PERMISSION_DENIED),
        PublishParams(mid="0", source="microphone"),
        PublishResult(track_id="t_90f3d6a1b82c574e"),
    ),
    Method(
        "choose_encoding",
        Scope.PARTICIPANT,
        choose_encoding,
        ChooseEncodingParams,
        Nothing,
        (E.NOT_FOUND,),
        ChooseEncodingParams(mid="1", rid="h"),
        Nothing(),
    ),
    Method("pause", Scope.PARTICIPANT, pause, PauseParams, Nothing, (E.NOT_FOUND,), PauseParams(mid="1"), Nothing()),
    Method(
        "resume", Scope.PARTICIPANT, resume, ResumeParams, Nothing, (E.NOT_FOUND,), ResumeParams(mid="1"), Nothing()
    ),
)
