"""Who speaks: audio levels of a room, gathered into a few batches a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mediasrv.rooms.clock import Clock, Timer

BATCH_INTERVAL_S = 0.2
# A speaker's level arrives about as often as a batch is made; it must outlive one that came too late for its batch.
LEVEL_LIFETIME_S = 2 * BATCH_INTERVAL_S


class Speakers:
    """Collects the levels of those with voice. `announce` gets them at most once in `BATCH_INTERVAL_S`: at once when
    somebody breaks a silence, then batch by batch, and at the end an empty batch."""

    def __init__(self, clock: Clock, announce: Callable[[Mapping[str, int]], None]) -> None:
        self._clock = clock
        self._announce = announce
        self._heard: dict[tuple[str, str], tuple[int, float]] = {}  # (participant, track) -> level, when
        self._timer: Timer | None = None
        self._announced_voice = False

    def heard(self, participant_id: str, track_id: str, level_dbov: int, voice: bool) -> None:
        """A track's level in dBov, 0 the loudest and -127 silence."""
        if not voice:
            self._heard.pop((participant_id, track_id), None)
            return
        self._heard[participant_id, track_id] = (level_dbov, self._clock.monotonic())
        if self._timer is None:
            self._batch()

    def silence(self, participant_id: str, track_id: str) -> None:
        """The track is heard no more."""
        self._heard.pop((participant_id, track_id), None)

    def close(self) -> None:
        self._heard.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _batch(self) -> None:
        self._timer = None
        oldest = self._clock.monotonic() - LEVEL_LIFETIME_S
        self._heard = {key: (level, at) for key, (level, at) in self._heard.items() if at > oldest}
        levels: dict[str, int] = {}
        for (participant_id, _), (level, _) in self._heard.items():
            levels[participant_id] = max(level, levels.get(participant_id, level))
        if levels or self._announced_voice:
            self._timer = self._clock.call_later(BATCH_INTERVAL_S, self._batch)
            self._announced_voice = bool(levels)
            self._announce(levels)
