"""Who speaks in one room, whose speakers may be on several workers.

Each worker ranks its own and knows which of them has the floor. Of a room on one worker that is all there is to know.
Of one that is spread the rankings are merged here, by the same rules as there (`ext/mediaplane/audio/active_speaker`);
its workers then tell their scores twice a second while somebody speaks. They are not merged by way of pipes, since a
producer that nobody on another worker receives has none, and in rooms that show only those who speak most have none.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from mediasrv.media.events import Speakers, SpeakerScores

if TYPE_CHECKING:
    from mediasrv.media.handles import ProducerHandle
    from mediasrv.media.media_worker import MediaWorker

MAX_RANKED = 32
BETTER_IMMEDIATE, BETTER_MEDIUM, BETTER_LONG_TERM = 3000, 2000, 0
CLEAR_ACTIVITY = 3 * 64
_NOBODY = SpeakerScores(0, -23_025, -23_025, -23_025, 0)

Speaker = TypeVar("Speaker", bound=Hashable)
SpeakersChanged = Callable[["ProducerHandle | None", "Sequence[ProducerHandle]"], None]


@dataclass(slots=True)
class Part:
    """Of one worker, under an id of that. `ranking` is in its order."""

    group_id: int
    producers: set[ProducerHandle] = field(default_factory=set)
    dominant: ProducerHandle | None = None
    ranking: dict[ProducerHandle, SpeakerScores] = field(default_factory=dict)
    refreshed: bool = False


class SpeakerGroup:
    """`changed` gets who has the floor, if anybody, and who speaks, the loudest first; from the event loop, whenever
    that is not the same as before. Who has the floor keeps it in silence, until muted or closed."""

    def __init__(self, changed: SpeakersChanged) -> None:
        self.dominant: ProducerHandle | None = None
        self.ranking: tuple[ProducerHandle, ...] = ()
        self._changed = changed
        self._parts: dict[MediaWorker, Part] = {}

    def join(self, producer: ProducerHandle) -> int:
        """A producer is about to be created. Returns the group's id on its worker."""
        worker = producer.transport.worker
        part = self._parts.get(worker)
        if part is None:
            part = self._parts[worker] = Part(worker.allocate_id())
            worker.register_speaker_group(part.group_id, lambda event: self._heard(worker, event))
            # The new one's worker is told when it tells something: before, it need not know the group yet.
            self._refresh_all(but=worker)
        part.producers.add(producer)
        return part.group_id

    def leave(self, producer: ProducerHandle) -> None:
        """The producer is closed. Whoever closed it knows: `changed` is not called. Idempotent."""
        worker = producer.transport.worker
        part = self._parts.get(worker)
        if part is None or producer not in part.producers:
            return
        part.producers.discard(producer)
        part.ranking.pop(producer, None)
        self.ranking = tuple(each for each in self.ranking if each is not producer)
        if part.dominant is producer:
            part.dominant = None
        if self.dominant is producer:
            self.dominant = None
        if not part.producers:
            del self._parts[worker]
            worker.unregister_speaker_group(part.group_id)
            self._refresh_all()

    def _heard(self, worker: MediaWorker, event: Speakers) -> None:
        part = self._parts[worker]
        ranking: dict[ProducerHandle, SpeakerScores] = {}
        for scores in event.ranking:
            producer = worker.producer(scores.producer_id)
            if producer in part.producers:  # else it was closed since
                ranking[producer] = scores
        before, part.ranking = part.dominant, ranking
        dominant = worker.producer(event.dominant_id) if event.dominant_id else None
        part.dominant = dominant if dominant in part.producers else None
        if before is not None and before is self.dominant:
            self.dominant = part.dominant  # its successor there; others may be better still
        self._refresh(worker, part)
        self._decide()

    def _refresh(self, worker: MediaWorker, part: Part) -> None:
        """Have the worker tell scores regularly while there are others to compare them with."""
        wanted = len(self._parts) > 1
        if part.refreshed != wanted:
            part.refreshed = wanted
            worker.command("refresh_speakers", part.group_id, wanted)

    def _refresh_all(self, but: MediaWorker | None = None) -> None:
        for worker, part in self._parts.items():
            if worker is not but:
                self._refresh(worker, part)

    def _decide(self) -> None:
        before = self.dominant, self.ranking
        scores = {producer: each for part in self._parts.values() for producer, each in part.ranking.items()}
        if len(self._parts) > 1:
            self.ranking = merged(self.ranking, scores)
            self.dominant = self._floor(scores)
        else:
            part = next(iter(self._parts.values()), None)
            self.ranking = tuple(scores)
            self.dominant = part.dominant if part is not None else None
        if (self.dominant, self.ranking) != before:
            self._changed(self.dominant, self.ranking)

    def _floor(self, scores: Mapping[ProducerHandle, SpeakerScores]) -> ProducerHandle | None:
        """Who has it of those who have it on their workers."""
        holders = [part.dominant for part in self._parts.values() if part.dominant is not None]
        if self.dominant not in holders:
            speaking = [holder for holder in holders if holder in scores]
            return max(speaking, key=lambda holder: scores[holder].long_term, default=None)
        present = scores.get(self.dominant, _NOBODY)
        better = [holder for holder in holders if clearly_better(scores.get(holder, _NOBODY), present)]
        return max(better, key=lambda holder: scores[holder].medium, default=self.dominant)


def clearly_better(candidate: SpeakerScores, present: SpeakerScores) -> bool:
    """Whether `candidate` takes the floor from `present`."""
    return (
        candidate.immediate - present.immediate > BETTER_IMMEDIATE
        and candidate.medium - present.medium > BETTER_MEDIUM
        and candidate.long_term - present.long_term > BETTER_LONG_TERM
    )


def merged(before: Sequence[Speaker], scores: Mapping[Speaker, SpeakerScores]) -> tuple[Speaker, ...]:
    """Those with scores in the order `before`, new ones last; then whoever is clearly louder moves up."""
    order = [speaker for speaker in before if speaker in scores]
    order += [speaker for speaker in scores if speaker not in set(order)]
    for position in range(1, len(order)):
        place, loudness = position, scores[order[position]].activity
        while place and loudness > (above := scores[order[place - 1]].activity) + (above >> 3) + CLEAR_ACTIVITY:
            order[place - 1], order[place] = order[place], order[place - 1]
            place -= 1
    return tuple(order[:MAX_RANKED])
