"""Who speaks in a room, and what slots that follow those who speak should show first."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from mediasrv.rooms.clock import Clock, Timer
from mediasrv.rooms.events import Kind
from mediasrv.rooms.ports import Producer
from mediasrv.rooms.track import Track, TrackTable


class SpeakerOrder:
    """`dominant` is who has the floor, if anybody; `announce` gets it whenever that changes.

    `follow` has all slots of the room look again. One whose switch has to wait for its time asks for that by `wake_at`.
    """

    def __init__(
        self,
        clock: Clock,
        tracks: TrackTable,
        *,
        announce: Callable[[Track | None], None],
        follow: Callable[[], None],
    ) -> None:
        self.dominant: Track | None = None
        self._clock = clock
        self._tracks = tracks
        self._announce = announce
        self._follow = follow
        self._loudest: list[Track] = []
        self._spoke_at: dict[str, float] = {}  # by participant id
        self._order: dict[Kind, Mapping[Track, int]] = {}
        self._timer: Timer | None = None
        self._due = math.inf

    # --- facts -------------------------------------------------------------------------------------------------

    def order(self, kind: Kind) -> Mapping[Track, int]:
        """What is shared and who speaks, in this order, with their positions; nothing that is muted. Of video it is who
        has the floor that comes first of the speakers, of audio the loudest."""
        found = self._order.get(kind)
        if found is None:
            tracks = self._tracks.of_kind(kind).values()
            shared = [track for track in tracks if track.source == "screen" and track.enabled]
            first = self._loudest if kind == "audio" else self._cameras()
            found = {track: position for position, track in enumerate(dict.fromkeys((*shared, *first)))}
            self._order[kind] = found
        return found

    def _cameras(self) -> list[Track]:
        dominant = [self.dominant] if self.dominant is not None else []
        owners = dict.fromkeys(track.owner for track in (*dominant, *self._loudest))
        return [
            track
            for owner in owners
            for track in owner.publications.tracks.of_kind("video").values()
            if track.source == "camera" and track.enabled
        ]

    def spoke_at(self, participant_id: str) -> float:
        """When the participant was last among those who speak, of the clock's `monotonic`; -infinite: never."""
        return self._spoke_at.get(participant_id, -math.inf)

    # --- changes -----------------------------------------------------------------------------------------------

    def hear(self, dominant: Producer | None, ranking: Sequence[Producer]) -> None:
        """The media plane tells who has the floor, and who speaks, the loudest first."""
        now = self._clock.monotonic()
        heard = [self._track(producer) for producer in ranking]
        for track in self._loudest:
            self._spoke_at[track.owner.id] = now
        self._loudest = [track for track in heard if track is not None]
        for track in self._loudest:
            self._spoke_at[track.owner.id] = now
        self._set_dominant(self._track(dominant) if dominant is not None else None)
        self.changed()

    def changed(self) -> None:
        """Tracks came, went, were muted or unmuted: slots that follow look again."""
        self._order.clear()
        self._follow()

    def silence(self, track: Track) -> None:
        """The track is muted, or ends; call `changed` then."""
        self._order.clear()
        if track in self._loudest:
            self._loudest.remove(track)
        if track is self.dominant:
            self._set_dominant(None)

    def forget(self, participant_id: str) -> None:
        self._spoke_at.pop(participant_id, None)

    def wake_at(self, due: float) -> None:
        """Have all slots look again at `due`, of the clock's `monotonic`, or before."""
        if due >= self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = self._clock.call_later(max(0.0, due - self._clock.monotonic()), self._time_is_up)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due = math.inf

    def _time_is_up(self) -> None:
        self._timer = None
        self._due = math.inf
        self._follow()

    def _track(self, producer: Producer) -> Track | None:
        track = self._tracks.of_producer(producer)
        return track if track is not None and track.enabled else None

    def _set_dominant(self, track: Track | None) -> None:
        if track is not self.dominant:
            self.dominant = track
            self._order.clear()
            self._announce(track)
