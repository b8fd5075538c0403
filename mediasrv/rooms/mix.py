"""The mix of a room: there while somebody listens to it, and to receive slots a track like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from mediasrv.rooms.events import Kind, Source
from mediasrv.rooms.ports import AudioMix, Producer
from mediasrv.rooms.track import Track, TrackTable
from mediasrv.rtc.mix import MixSettings

MIX_TRACK_ID = "mix"
OpenMix = Callable[[MixSettings], AudioMix]


class MixTrack:
    """What slots show of it. Nobody in particular publishes it, and it has no mute of its own."""

    id = MIX_TRACK_ID
    participant_id = None
    kind: Kind = "audio"
    source: Source = "microphone"
    enabled = True
    encodings: tuple[str, ...] = ()

    def __init__(self, producer: Producer) -> None:
        self.producer = producer


class RoomMix:
    """Made for the first listener, closed with the last one. All audio tracks of the room are in it; whether they are
    heard is for their gates to say."""

    def __init__(self, tracks: TrackTable, settings: MixSettings, open_mix: OpenMix) -> None:
        self._tracks = tracks
        self._settings = settings
        self._open_mix = open_mix
        self._mix: AudioMix | None = None
        self._track: MixTrack | None = None
        self._listeners = 0

    @property
    def is_open(self) -> bool:
        return self._mix is not None

    def listen(self) -> MixTrack:
        """Somebody wants it, until `leave`."""
        if self._mix is None or self._track is None:
            self._mix = self._open_mix(self._settings)
            self._track = MixTrack(self._mix.producer)
            self.add(self._tracks.of_kind("audio").values())
        self._listeners += 1
        return self._track

    @contextmanager
    def held(self) -> Iterator[MixTrack]:
        """It is there meanwhile, whether or not somebody comes to listen to it."""
        track = self.listen()
        try:
            yield track
        finally:
            self.leave()

    def leave(self) -> None:
        self._listeners -= 1
        if self._listeners == 0 and self._mix is not None:
            self._mix.close()
            self._mix = self._track = None

    def add(self, tracks: Iterable[Track]) -> None:
        """These are in the room now."""
        if self._mix is not None:
            for track in tracks:
                if track.kind == "audio":
                    self._mix.add(track.producer)

    def remove(self, tracks: Iterable[Track]) -> None:
        if self._mix is not None:
            for track in tracks:
                if track.kind == "audio":
                    self._mix.remove(track.producer)

    def set(self, settings: MixSettings) -> None:
        """Encode otherwise; channels and talkers hold from the next opening on."""
        self._settings = settings
        if self._mix is not None:
            self._mix.set(settings)
