"""What has been counted of the media of a room, participant by participant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from mediasrv.rooms.mix import MIX_TRACK_ID
from mediasrv.rooms.participant import Participant
from mediasrv.rooms.room import Room
from mediasrv.rooms.track import Track
from mediasrv.rtc.statistics import PeerStatistics
from mediasrv.signaling.slot_reason import reason_of
from mediasrv.signaling.statistics_shapes import (
    EncodingStatistics,
    HearingStatistics,
    ParticipantStatistics,
    SlotStatistics,
    TrackStatistics,
)

_COPIED = ("mid", "rid", "target_rid", "packets", "octets", "retransmitted_packets", "fraction_lost")
_OF_THE_MIX = ("",)  # which of its encodings one hears depends on who talks: to a listener it has one


async def statistics_of(room: Room) -> list[ParticipantStatistics]:
    """Of those who have media, in the order in which they joined. Takes as long as the slowest worker to answer."""
    people = list(room.participants.values())
    counted = await asyncio.gather(*(each.statistics() for each in people))
    with_media = [(who, peer) for who, peer in zip(people, counted, strict=True) if peer is not None]
    active = {track_id: rids for who, peer in with_media for track_id, rids in _active(who, peer).items()}
    tracks = {track.id: track for kind in ("audio", "video") for track in room.tracks.of_kind(kind).values()}
    return [_statistics_of(who, peer, tracks, active) for who, peer in with_media]


def _active(who: Participant, peer: PeerStatistics) -> Mapping[str, list[str]]:
    """The rids of its tracks of which packets come, by track."""
    return {
        track_id: [encoding.rid for encoding in peer.encodings.get(mid, ()) if encoding.active]
        for mid, track_id in who.publications.ids_by_mid().items()
    }


def _statistics_of(
    who: Participant, peer: PeerStatistics, tracks: Mapping[str, Track], active: Mapping[str, list[str]]
) -> ParticipantStatistics:
    track_ids, sources = who.publications.ids_by_mid(), who.subscriptions.sources()
    slots = []
    for slot in peer.slots:
        source = sources.get(slot.mid)
        is_mix = source is not None and source.track_id == MIX_TRACK_ID
        track = None if source is None else tracks.get(source.track_id)
        why = reason_of(
            slot,
            shows_track=is_mix or track is not None,
            enabled=is_mix or (track is not None and track.enabled),
            active=_OF_THE_MIX if is_mix else () if track is None else active.get(track.id, ()),
        )
        fields = {name: getattr(slot, name) for name in _COPIED}
        shown = MIX_TRACK_ID if is_mix else None if track is None else track.id
        slots.append(SlotStatistics(track_id=shown, why=why, **fields))
    return ParticipantStatistics(
        participant_id=who.id,
        rtt_s=peer.rtt_s,
        tracks=[
            TrackStatistics(
                track_id=track_ids[mid],
                encodings=msgspec.convert(list(encodings), list[EncodingStatistics], from_attributes=True),
                hearing=msgspec.convert(peer.hearing.get(mid), HearingStatistics | None, from_attributes=True),
            )
            for mid, encodings in peer.encodings.items()
            if mid in track_ids
        ],
        slots=slots,
    )
