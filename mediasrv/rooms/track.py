"""Tracks: what participants publish, and the room's table of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, get_args

from mediasrv.rooms.events import Feature, Kind, Source, TrackInfo
from mediasrv.rooms.permissions import Permission
from mediasrv.rooms.ports import Producer

if TYPE_CHECKING:
    from mediasrv.rooms.participant import Participant

KINDS: tuple[Kind, ...] = get_args(Kind)
SOURCES: tuple[Source, ...] = get_args(Source)
FLAG_OF_SOURCE: Mapping[Source, Permission] = {
    "microphone": Permission.PUBLISH_AUDIO,
    "camera": Permission.PUBLISH_VIDEO,
    "screen": Permission.SHARE_SCREEN,
}
FEATURE_OF_SOURCE: Mapping[Source, Feature] = {
    "microphone": "microphone",
    "camera": "camera",
    "screen": "screen_share",
}
KINDS_OF_SOURCE: Mapping[Source, tuple[Kind, ...]] = {
    "microphone": ("audio",),
    "camera": ("video",),
    "screen": ("video", "audio"),  # a shared tab has sound of its own
}
DEFAULT_SOURCE: Mapping[Kind, Source] = {"audio": "microphone", "video": "camera"}


class Track:
    """One published producer. Its id holds from publishing to unpublishing, whatever is muted in between."""

    def __init__(self, owner: Participant, producer: Producer, source: Source) -> None:
        self.id = "t_" + secrets.token_hex(8)
        self.owner = owner
        self.producer = producer
        self.kind: Kind = "audio" if producer.kind == "audio" else "video"
        self.source: Source = source
        self.muted = False
        self.announced_enabled = False  # what the room was last told; on and off alternate

    @property
    def participant_id(self) -> str:
        """Who publishes it."""
        return self.owner.id

    @property
    def mid(self) -> str:
        return self.producer.mid

    @property
    def flag(self) -> Permission:
        """The permission it needs."""
        return FLAG_OF_SOURCE[self.source]

    @property
    def feature(self) -> Feature:
        return FEATURE_OF_SOURCE[self.source]

    @property
    def enabled(self) -> bool:
        """Whether its packets may pass."""
        return not self.muted and self.owner.permissions.allow(self.flag)

    @property
    def encodings(self) -> tuple[str, ...]:
        return tuple(rid for rid in self.producer.rids if rid)

    def info(self) -> TrackInfo:
        names = self.producer.codec_names
        return TrackInfo(
            id=self.id,
            participant_id=self.owner.id,
            kind=self.kind,
            source=self.source,
            muted=not self.enabled,
            encodings=self.encodings,
            codec=names[0] if names else "",
        )


class TrackTable:
    """Tracks by id, oldest first, and by kind."""

    __slots__ = ("_audio", "_of_owner", "_of_producer", "_video")

    def __init__(self) -> None:
        self._audio: dict[str, Track] = {}
        self._video: dict[str, Track] = {}
        self._of_producer: dict[Producer, Track] = {}
        self._of_owner: dict[tuple[str, Kind], list[Track]] = {}

    def add(self, track: Track) -> None:
        self._of(track.kind)[track.id] = track
        self._of_producer[track.producer] = track
        self._of_owner.setdefault((track.owner.id, track.kind), []).append(track)

    def remove(self, track: Track) -> None:
        del self._of(track.kind)[track.id]
        self._of_producer.pop(track.producer, None)
        of_owner = self._of_owner[track.owner.id, track.kind]
        of_owner.remove(track)
        if not of_owner:
            del self._of_owner[track.owner.id, track.kind]

    def of_kind(self, kind: Kind) -> Mapping[str, Track]:
        return self._of(kind)

    def of_owner(self, participant_id: str, kind: Kind) -> Sequence[Track]:
        return self._of_owner.get((participant_id, kind), ())

    def of_producer(self, producer: Producer) -> Track | None:
        return self._of_producer.get(producer)

    def get(self, track_id: str) -> Track | None:
        return self._audio.get(track_id) or self._video.get(track_id)

    def __len__(self) -> int:
        return len(self._audio) + len(self._video)

    def __iter__(self) -> Iterator[Track]:
        yield from self._audio.values()
        yield from self._video.values()

    def _of(self, kind: Kind) -> dict[str, Track]:
        return self._audio if kind == "audio" else self._video
