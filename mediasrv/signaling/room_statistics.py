"""What has been counted of the media of a room, participant by participant."""

from __future__ import annotations

import asyncio

import msgspec

from mediasrv.rooms.participant import Participant
from mediasrv.rooms.room import Room
from mediasrv.signaling.statistics_shapes import (
    EncodingStatistics,
    ParticipantStatistics,
    SlotStatistics,
    TrackStatistics,
)


async def statistics_of(room: Room) -> list[ParticipantStatistics]:
    """Of those who have media, in the order in which they joined. Takes as long as the slowest worker to answer."""
    found = await asyncio.gather(*(_statistics_of(each) for each in room.participants.values()))
    return [each for each in found if each is not None]


async def _statistics_of(who: Participant) -> ParticipantStatistics | None:
    counted = await who.statistics()
    if counted is None:
        return None
    track_ids, sources = who.publications.ids_by_mid(), who.subscriptions.sources()
    slots = []
    for slot in counted.slots:
        source = sources.get(slot.mid)
        fields = {name: getattr(slot, name) for name in slot.__slots__}
        slots.append(SlotStatistics(track_id=None if source is None else source.track_id, **fields))
    return ParticipantStatistics(
        participant_id=who.id,
        rtt_s=counted.rtt_s,
        tracks=[
            TrackStatistics(
                track_id=track_ids[mid],
                encodings=msgspec.convert(list(encodings), list[EncodingStatistics], from_attributes=True),
            )
            for mid, encodings in counted.encodings.items()
            if mid in track_ids
        ],
        slots=slots,
    )
