"""What one participant sends: its tracks, and who may publish what."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediasrv.rooms.errors import RoomError, permission_denied
from mediasrv.rooms.events import Source
from mediasrv.rooms.ports import Answer, OfferedTrack, Producer
from mediasrv.rooms.track import DEFAULT_SOURCE, FLAG_OF_SOURCE, KINDS_OF_SOURCE, SOURCES, Track, TrackTable

if TYPE_CHECKING:
    from mediasrv.rooms.participant import Participant


@dataclass(slots=True)
class OfferedTracks:
    """What a client says that the sending m-lines of its offer are, which of them may begin to send, and why others may
    not; all by mid."""

    sources: Mapping[str, Source]
    authorised: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


class Publications:
    """The tracks of one participant. Each belongs to a producer of its peer connection, by mid."""

    __slots__ = ("_by_mid", "_limit", "_owner", "_producers", "tracks")

    def __init__(self, owner: Participant, limit: int) -> None:
        self.tracks = TrackTable()
        self._owner = owner
        self._limit = limit
        self._by_mid: dict[str, Track] = {}
        self._producers: Mapping[str, Producer] = {}

    # --- offers ------------------------------------------------------------------------------------------------

    def authorise(self, offered: OfferedTrack, offer: OfferedTracks) -> str | None:
        """None if this m-line of `offer` may begin to send, else the sentence why not."""
        source = offer.sources.get(offered.mid) or _default_source(offered.kind)
        refusal = self._why_not(source, offered.kind, already=len(offer.authorised))
        if refusal is not None:
            offer.refused[offered.mid] = refusal.message
            return refusal.message
        offer.authorised.add(offered.mid)
        return None

    def negotiated(self, answer: Answer, producers: Mapping[str, Producer], offer: OfferedTracks) -> None:
        """Publish and unpublish what `answer` to `offer` added, replaced and removed."""
        self._producers = producers
        ended: list[Track] = []
        started: list[tuple[Producer, Source]] = []
        for mid, track in self._by_mid.items():
            producer, source = producers.get(mid), offer.sources.get(mid, track.source)
            if producer is track.producer and source == track.source:
                continue  # it goes on, whatever its permission is now: its gate follows that
            ended.append(track)
            if producer is None:
                continue
            same = (source, producer.kind) == (track.source, track.kind)
            refusal = None if same else self._why_not(source, producer.kind)
            if refusal is None:
                started.append((producer, source))
            else:
                producer.set_open(False)
                offer.refused[mid] = refusal.message
        for producer in answer.added:
            if producer.mid in self._by_mid:
                continue
            if producer.mid in offer.authorised:
                started.append((producer, offer.sources.get(producer.mid) or _default_source(producer.kind)))
            else:  # its parameters changed while it was unpublished: it stays so
                producer.set_open(False)
        for mid in offer.sources.keys() - producers.keys() - answer.refused.keys():
            offer.refused.setdefault(mid, f"the offer has no sending m-line with the mid {mid!r}")
        muted = {(track.mid, track.source) for track in ended if track.muted}
        self._stop(ended)
        self._start(started, muted)

    def ids_by_mid(self) -> dict[str, str]:
        """The ids of the published tracks."""
        return {mid: track.id for mid, track in self._by_mid.items()}

    def on_mid(self, mid: str) -> Track | None:
        return self._by_mid.get(mid)

    # --- requests of the participant ---------------------------------------------------------------------------

    def publish(self, mid: str, source: Source) -> Track:
        """Publish a negotiated m-line again that was unpublished."""
        producer = self._producers.get(mid)
        if producer is None or producer.closed:
            raise RoomError("not_found", f"there is no negotiated sending m-line with the mid {mid!r}; offer it first")
        if mid in self._by_mid:
            track_id = self._by_mid[mid].id
            raise RoomError("bad_request", f"the m-line {mid!r} is published already, as the track {track_id}")
        refusal = self._why_not(source, producer.kind)
        if refusal is not None:
            raise refusal
        self._start([(producer, source)])
        return self._by_mid[mid]

    def unpublish(self, track_id: str) -> None:
        """The track ends; its m-line stays negotiated, and shut."""
        self._stop([self._own(track_id)])

    def mute(self, track_id: str, *, by: str | None = None) -> None:
        """`by` is who mutes it, if not its owner. The owner may unmute it all the same: who must not, loses the
        permission."""
        track = self._own(track_id)
        track.muted = True
        self.apply_gate(track, by=by or self._owner.id)

    def unmute(self, track_id: str) -> None:
        track = self._own(track_id)
        if not self._owner.permissions.allow(track.flag):
            raise permission_denied(self._owner.permissions, track.flag)
        track.muted = False
        self.apply_gate(track, by=self._owner.id)

    def _own(self, track_id: str) -> Track:
        track = self.tracks.get(track_id)
        if track is None:
            raise RoomError("not_found", f"{self._owner.id} has no track {track_id!r}")
        return track

    # --- gates -------------------------------------------------------------------------------------------------

    def apply_gates(self, by: str) -> None:
        """The permissions have changed, by the participant `by`."""
        for track in self.tracks:
            self.apply_gate(track, by)

    def apply_gate(self, track: Track, by: str) -> None:
        """Open or shut the producer as the track's state says, and tell the room if that is news."""
        track.producer.set_open(track.enabled)
        if track.enabled != track.announced_enabled:
            track.announced_enabled = track.enabled
            self._owner.room.announce_feature(track, by)

    def close(self) -> None:
        """The participant leaves: all its tracks end."""
        self._stop(list(self.tracks))
        self._producers = {}

    def _why_not(self, source: Source, kind: str, *, already: int = 0) -> RoomError | None:
        """Why a track can't be published, when `already` others are about to be."""
        if source not in SOURCES:
            return RoomError("invalid_params", f"there is no source {source!r}; the sources are {', '.join(SOURCES)}")
        if kind not in KINDS_OF_SOURCE[source]:
            return RoomError("invalid_params", f"the m-line is {kind}, but a {source} is not")
        flag = FLAG_OF_SOURCE[source]
        if not self._owner.permissions.allow(flag):
            return permission_denied(self._owner.permissions, flag)
        if len(self._by_mid) + already >= self._limit:
            return RoomError("server_busy", f"a participant sends at most {self._limit} tracks")
        return None

    def _start(self, started: list[tuple[Producer, Source]], muted: Container[tuple[str, Source]] = ()) -> None:
        tracks = [Track(self._owner, producer, source) for producer, source in started]
        for track in tracks:
            track.muted = (track.mid, track.source) in muted
            self._by_mid[track.mid] = track
            self.tracks.add(track)
        self._owner.room.publish_tracks(self._owner, tracks)

    def _stop(self, tracks: list[Track]) -> None:
        for track in tracks:
            del self._by_mid[track.mid]
            self.tracks.remove(track)
            if not track.producer.closed:
                track.producer.set_open(False)
        self._owner.room.unpublish_tracks(self._owner, tracks)


def _default_source(kind: str) -> Source:
    return DEFAULT_SOURCE["audio" if kind == "audio" else "video"]
