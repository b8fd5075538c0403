"""From what rooms know to the shapes of the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from mediasrv.rooms import bans, events, participant, room
from mediasrv.rooms.messages import MESSAGE_MAX_CHARACTERS
from mediasrv.rooms.permissions import FLAG_OF_CONSENT, flag_names
from mediasrv.signaling.schema import Ban, Guest, Joined, KeptMessage, Participant, Room, SlotSource, Track

J = TypeVar("J", bound=Joined)


def room_of(info: events.RoomInfo) -> Room:
    return msgspec.convert(info, Room, from_attributes=True)


def participant_of(info: events.ParticipantInfo) -> Participant:
    return msgspec.convert(info, Participant, from_attributes=True)


def participants_of(room: room.Room) -> list[Participant]:
    """Everybody in it, in the order in which they joined."""
    return [participant_of(each.info()) for each in room.participants.values()]


def track_of(info: events.TrackInfo) -> Track:
    return msgspec.convert(info, Track, from_attributes=True)


def guest_of(info: events.GuestInfo) -> Guest:
    return Guest(id=info.id, identity=info.identity, name=info.name, since=info.since)


def ban_of(ban: bans.Ban, *, with_address: bool) -> Ban:
    address = ban.network if with_address else None
    return Ban(id=ban.id, identity=ban.identity, address=address, until=ban.until, reason=ban.reason, by=ban.by)


def kept_message_of(kept: events.KeptMessage) -> KeptMessage:
    return KeptMessage(
        message_id=kept.id, sender=kept.sender_id, sender_name=kept.sender_name, text=kept.text, sent_at=kept.sent_at
    )


def slots_of(slots: Mapping[str, events.SlotSource | None]) -> dict[str, SlotSource | None]:
    return {
        mid: None if shown is None else SlotSource(participant_id=shown.participant_id, track_id=shown.track_id)
        for mid, shown in slots.items()
    }


def joined_of(me: participant.Participant, shape: type[J]) -> J:
    """The room as it is for `me`, as a `Joined` or one of its kind."""
    consented = me.permissions.consented
    dominant = me.room.order.dominant
    return shape(
        participant_id=me.id,
        room=me.room.name,
        participants=participants_of(me.room),
        permissions=flag_names(me.permissions.effective),
        message_size=MESSAGE_MAX_CHARACTERS,
        room_info=room_of(me.room.info()),
        consents={name: flag in consented for name, flag in FLAG_OF_CONSENT.items()},
        resume_token=me.presence.token,
        resume_s=me.presence.resume_s,
        epoch=me.presence.epoch,
        has_media=me.has_media,
        tracks=me.publications.ids_by_mid(),
        slots=slots_of(me.subscriptions.sources()),
        dominant_speaker=dominant.owner.id if dominant is not None else None,
    )
