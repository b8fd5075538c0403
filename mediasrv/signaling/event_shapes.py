"""Events and journal records as control sessions see them, and what each kind of them says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from mediasrv.signaling.event_log import EVENTS_MISSED
from mediasrv.signaling.schema import EXAMPLE_CAMERA, EXAMPLE_GUEST, EXAMPLE_ME, EXAMPLE_PARTICIPANT, Id, Shape
from mediasrv.signaling.services import StoredRecord


class Kind(NamedTuple):
    """What an event of the kind means, and its fields as an example; a field may be missing where it says nothing."""

    meaning: str
    fields: Mapping[str, object]


_TRACK = {"track": EXAMPLE_CAMERA.id, "kind": "video", "source": "camera"}
_BY = {"by": EXAMPLE_ME.id}
_WHO = {"identity": "ada"}

HISTORY: Mapping[str, Kind] = {
    "room_opened": Kind("A room is there; `by`: the control session that created it.", {"by": "admin:backend"}),
    "room_updated": Kind(
        "Settings have changed, to those in `now`.", {"changed": ["locked"], "now": {"locked": True}, **_BY}
    ),
    "room_closed": Kind("It is gone. Nothing follows of this `room_id`.", {"by": "admin:backend"}),
    "participant_joined": Kind(
        "Somebody is in. Of the address only the network is kept.", {**_WHO, "name": "Ada", "address": "203.0.113.0/24"}
    ),
    "participant_left": Kind(
        "Somebody is gone: exactly one for each `participant_joined`.", {**_WHO, "reason": "removed", **_BY}
    ),
    "signaling_lost": Kind("Its signaling connection is gone, and may come back for a while.", {}),
    "signaling_resumed": Kind("Another connection goes on with the session.", {"epoch": 2}),
    "track_published": Kind("A track is there.", {**_TRACK, "codec": "VP8", "encodings": ["q", "h", "f"]}),
    "track_unpublished": Kind("It has ended.", _TRACK),
    "feature_toggled": Kind(
        "A track began or ceased to be forwarded.",
        {"feature": "camera", "enabled": False, "track": EXAMPLE_CAMERA.id, **_BY},
    ),
    "permission_changed": Kind(
        "What is granted to somebody, or consented to, has changed; `added` and `removed` is what follows from it.",
        {
            "added": [],
            "removed": ["publish_audio"],
            "granted": ["join", "subscribe"],
            "consented": ["join", "publish_audio", "subscribe"],
            "cause": "grant",
            **_BY,
        },
    ),
    "message_sent": Kind(
        "Somebody wrote to somebody; what, is not said.",
        {"message": "m_4be8c07d19f2a635", "recipients": [EXAMPLE_ME.id], "to_all": True, "pending": []},
    ),
    "guest_waiting": Kind(
        "Somebody waits to be let in.", {"guest": EXAMPLE_GUEST.id, "identity": "lin", "name": "Lin"}
    ),
    "guest_decided": Kind(
        "They wait no longer.", {"guest": EXAMPLE_GUEST.id, "identity": "lin", "outcome": "admitted", **_BY}
    ),
    "participant_banned": Kind(
        "Somebody may not come in for a time.", {"ban": "b_7a52e9c01f3d8b46", **_WHO, "until": 1767229200.0, **_BY}
    ),
    "ban_lifted": Kind("They may again.", {"ban": "b_7a52e9c01f3d8b46", **_WHO, **_BY}),
    "records_lost": Kind(
        "The journal could keep the room's records from `first_seq` to this one's `seq` nowhere.", {"first_seq": 17}
    ),
}
"""Kinds that the journal has."""

LIVE: Mapping[str, Kind] = {
    "participant_updated": Kind(
        "Somebody changed what they say of themself.", {"name": "Ada", "metadata": "", "attributes": {"hand": "raised"}}
    ),
    "media_connected": Kind("Its media connection is up.", {}),
    "encoding_changed": Kind("A receive slot of it shows another simulcast encoding.", {"mid": "1", "rid": "h"}),
    "unmute_requested": Kind("A moderator asked it to turn something on.", {"source": "microphone", **_BY}),
    "message_delivered": Kind(
        "Somebody who was away has its message now.", {"message": "m_4be8c07d19f2a635", "to": EXAMPLE_ME.id}
    ),
    "dominant_speaker": Kind(
        "Somebody else has the floor; `track` and participant are null: nobody.", {"track": EXAMPLE_CAMERA.id}
    ),
    "speaking": Kind(
        "Who speaks, with levels in dBov, at most five times a second; only where `kinds` names it, and never later.",
        {"levels": {EXAMPLE_PARTICIPANT.id: -31}},
    ),
    EVENTS_MISSED: Kind(
        "Events that belong here cannot be had any more. Its `room` is empty. It is told whatever `kinds` says.", {}
    ),
}
"""Kinds that are told and forgotten."""

KINDS = {**HISTORY, **LIVE}


class Event(Shape):
    """To those who have subscribed: something has happened in a room."""

    position: Annotated[str, Meta(description="for `after` of `subscribe_events`; it means nothing else")]
    room: Annotated[str, Meta(description="the room's name")]
    room_id: Annotated[str, Meta(description="tells the openings of the room apart")]
    seq: Annotated[
        int | None, Meta(description="counts the history of one opening from 1, without gaps; null: no history")
    ]
    ts: Annotated[str, Meta(description="when, in UTC (RFC 3339)")]
    event: Annotated[str, Meta(description="one of the kinds of events")]
    participant: Annotated[str | None, Meta(description="the id of whom it is about")]
    fields: Annotated[dict[str, Any], Meta(description="what the kind says")]


class JournalRecord(Shape):
    """A record of the journal: an event that is history."""

    position: Annotated[int, Meta(description="counts the records of all rooms")]
    room: Annotated[str, Meta(description="the room's name")]
    room_id: Annotated[str, Meta(description="tells the openings of the room apart")]
    seq: Annotated[int, Meta(description="counts the records of one opening from 1, without gaps")]
    ts: Annotated[str, Meta(description="when, in UTC (RFC 3339)")]
    event: Annotated[str, Meta(description="one of the kinds of events")]
    participant: Annotated[Id | None, Meta(description="the id of whom it is about")]
    fields: Annotated[dict[str, Any], Meta(description="what the kind says")]
    erased: Annotated[list[str], Meta(description="fields that it had, until their time was over")]


EXAMPLE_EVENT = Event(
    position="8f2c61d07ab4-1833-1767225695017",
    room="standup",
    room_id="r_974da2752119edbd",
    seq=14,
    ts="2026-01-01T00:01:35.017Z",
    event="participant_left",
    participant=EXAMPLE_PARTICIPANT.id,
    fields={"identity": "ada", "reason": "left"},
)
EXAMPLE_RECORD = JournalRecord(
    position=5115,
    room="standup",
    room_id="r_974da2752119edbd",
    seq=14,
    ts="2026-01-01T00:01:35.017Z",
    event="participant_left",
    participant=EXAMPLE_PARTICIPANT.id,
    fields={"reason": "left"},
    erased=["identity"],
)


def record_of(record: StoredRecord) -> JournalRecord:
    return JournalRecord(
        position=record.position,
        room=record.room,
        room_id=record.room_id,
        seq=record.seq,
        ts=record.ts,
        event=record.event,
        participant=record.participant,
        fields=dict(record.fields),
        erased=list(record.erased),
    )
