"""Methods of participants about what their receive slots show."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from mediasrv.rooms.events import Kind
from mediasrv.rooms.slot_policy import MAX_PINNED, PolicyName, SlotPolicy
from mediasrv.signaling.errors import ErrorCode as E
from mediasrv.signaling.method import Caller, Method, Scope
from mediasrv.signaling.schema import (
    EXAMPLE_CAMERA,
    EXAMPLE_PARTICIPANT,
    EXAMPLE_SHOWN,
    Id,
    Mid,
    Nothing,
    Shape,
    SlotSource,
)
from mediasrv.signaling.shapes import slots_of

MAX_LIMIT = 256


class SetSlotsParams(Shape):
    """Say how your receive slots of one kind choose what they show. None of the policies needs an offer to switch.

    - `automatic`, as at the beginning: each track takes a free slot, the oldest first, and keeps it.
    - `request`: slots show what `subscribe` asks for, and nothing else. What they show now stays, also the mix.
    - `loudest`: what is shared comes first, then those who speak. Of audio these are the loudest; of video, whose slots
      show the cameras of those who speak, whoever has the floor comes before the loudest. Slots that are left show
      others. A slot keeps its track for at least a second (audio) or two (video), then for as long as nobody who speaks
      waits for it; the first to go is what is muted, then whoever has been silent longest. A slot whose track is silent
      or muted does not wait.
    - `pinned`: the tracks of `participants` come before all that.
    - `mix`, for audio: one slot has the mix of everybody else, and the others are empty. The loudest few are heard in
      it, each without themself. It is there while somebody listens, and costs one stream however many speak.

    Nobody's slots show their own tracks, or one track twice. With as many slots as there are tracks every policy but
    `request` and `mix` shows all of them.
    """

    kind: Annotated[Kind, Meta(description="which slots")]
    policy: Annotated[PolicyName, Meta(description="how they choose")]
    participants: Annotated[
        list[Id],
        Meta(max_length=MAX_PINNED, description="for `pinned`: whom to show, the first before the second"),
    ] = msgspec.field(default_factory=list)
    limit: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_LIMIT)] | None,
        Meta(description="`slots_needed` asks for no more slots of this kind than make so many; null: for all tracks"),
    ] = None
    or_mix: Annotated[
        bool,
        Meta(description="for audio: the mix instead, while the room is one that is heard as a mix (`mix_above`)"),
    ] = False


class SetSlotsResult(Shape):
    slots: Annotated[dict[str, SlotSource | None], Meta(description="what all your slots show now, by mid")]


class SubscribeParams(Shape):
    """Show a track, where the slots of its kind have the policy `request`. It stays until it ends, until `unsubscribe`,
    or until its slot is to show another. None of this needs an offer.

    The mix of the room is an audio track like any other, with the id `mix`: it never ends, has everybody in it but
    oneself, and may take the place of a single track, or give way to one, at any time. Single tracks in other slots are
    heard beside it.
    """

    track_id: Annotated[Id, Meta(description="a track of somebody else, or `mix`")]
    mid: Annotated[
        Mid | None, Meta(description="the slot to show it in, whatever that shows now; null: a free one")
    ] = None


class SubscribeResult(Shape):
    mid: Annotated[Mid, Meta(description="the slot that shows it")]


class UnsubscribeParams(Shape):
    """Show a track no longer, where the slots of its kind have the policy `request`. Its slot is free then."""

    track_id: Annotated[Id, Meta(description="the track")]


def set_slots(caller: Caller, params: SetSlotsParams) -> SetSlotsResult:
    policy = SlotPolicy(params.policy, tuple(dict.fromkeys(params.participants)), params.limit, params.or_mix)
    subscriptions = caller.me.subscriptions
    subscriptions.set_policy(params.kind, policy)
    return SetSlotsResult(slots=slots_of(subscriptions.sources()))


def subscribe(caller: Caller, params: SubscribeParams) -> SubscribeResult:
    return SubscribeResult(mid=caller.me.show(params.track_id, params.mid))


def unsubscribe(caller: Caller, params: UnsubscribeParams) -> Nothing:
    caller.me.subscriptions.hide(params.track_id)
    return Nothing()


METHODS = (
    Method(
        "set_slots",
        Scope.PARTICIPANT,
        set_slots,
        SetSlotsParams,
        SetSlotsResult,
        (),
        SetSlotsParams(kind="video", policy="pinned", participants=[EXAMPLE_PARTICIPANT.id], limit=25),
        SetSlotsResult(slots={"1": EXAMPLE_SHOWN, "2": None}),
    ),
    Method(
        "subscribe",
        Scope.PARTICIPANT,
        subscribe,
        SubscribeParams,
        SubscribeResult,
        (E.NOT_FOUND, E.PERMISSION_DENIED),
        SubscribeParams(track_id=EXAMPLE_CAMERA.id, mid="1"),
        SubscribeResult(mid="1"),
    ),
    Method(
        "unsubscribe",
        Scope.PARTICIPANT,
        unsubscribe,
        UnsubscribeParams,
        Nothing,
        (E.NOT_FOUND,),
        UnsubscribeParams(track_id=EXAMPLE_CAMERA.id),
        Nothing(),
    ),
)
