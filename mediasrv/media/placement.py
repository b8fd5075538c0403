"""Which worker takes the next peer connection of a room.

A room stays on one worker, where packets need no pipe, until it has `room_spread` peer connections there. Those that
come then go to another worker, and once every worker has that many, to the one that has the fewest of them. Nobody is
moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from weakref import WeakKeyDictionary

from mediasrv.media.media_worker import MediaWorker


class Seat:
    """A place on a worker, taken until it is left."""

    def __init__(self, worker: MediaWorker, taken: Sequence[Counter[MediaWorker]]) -> None:
        self.worker = worker
        self._taken = taken
        for counter in taken:
            counter[worker] += 1

    def leave(self) -> None:
        """Idempotent."""
        for counter in self._taken:
            counter[self.worker] -= 1
        self._taken = ()


class Placement:
    """Seats on `workers`, by room: anything that is hashable and can be referenced weakly."""

    def __init__(self, workers: Sequence[MediaWorker], room_spread: int) -> None:
        self.room_spread = room_spread
        self._workers = workers
        self._taken: Counter[MediaWorker] = Counter()
        self._taken_by: WeakKeyDictionary[Hashable, Counter[MediaWorker]] = WeakKeyDictionary()

    def take(self, room: Hashable) -> Seat:
        of_room = self._taken_by.setdefault(room, Counter())

        def preference(worker: MediaWorker) -> tuple[int, int, int]:
            here = of_room[worker]
            if 0 < here < self.room_spread:
                return 0, -here, worker.index  # where the room is already; the fullest first, so that it stays together
            if here == 0:
                return 1, self._taken[worker], worker.index
            return 2, here, worker.index

        return Seat(min(self._workers, key=preference), (self._taken, of_room))
