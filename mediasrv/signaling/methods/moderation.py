"""Methods of moderators, and of control sessions, about the participants of a room."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from mediasrv.rooms.events import LeaveReason
from mediasrv.signaling.method import Caller, Method, Scope
from mediasrv.signaling.schema import EXAMPLE_CAMERA, EXAMPLE_PARTICIPANT, Id, Nothing, RoomName, Shape

InRoom = Annotated[RoomName | None, Meta(description="the room's name; a participant may leave it out")]
Whom = Annotated[Id, Meta(description="whom it is about")]


class MuteTrackParams(Shape):
    """Mute somebody's track. They may unmute it again; who must not, loses the permission: see `revoke`."""

    participant_id: Whom
    track_id: Annotated[Id, Meta(description="a track of theirs")]
    room: InRoom = None


class RemoveParticipantParams(Shape):
    """Have somebody leave, with the reason `removed`. Their token lets them in again: see `ban`."""

    participant_id: Whom
    room: InRoom = None


def mute_track(caller: Caller, params: MuteTrackParams) -> Nothing:
    whom = caller.room(params.room).participant(params.participant_id)
    whom.publications.mute(params.track_id, by=caller.by)
    return Nothing()


def remove_participant(caller: Caller, params: RemoveParticipantParams) -> Nothing:
    caller.room(params.room).participant(params.participant_id).leave(LeaveReason.REMOVED, by=caller.by)
    return Nothing()


METHODS = (
    Method(
        "mute_track",
        Scope.MODERATOR,
        mute_track,
        MuteTrackParams,
        Nothing,
        (),
        MuteTrackParams(participant_id=EXAMPLE_PARTICIPANT.id, track_id=EXAMPLE_CAMERA.id),
        Nothing(),
    ),
    Method(
        "remove_participant",
        Scope.MODERATOR,
        remove_participant,
        RemoveParticipantParams,
        Nothing,
        (),
        RemoveParticipantParams(participant_id=EXAMPLE_PARTICIPANT.id),
        Nothing(),
    ),
)
