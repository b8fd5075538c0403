"""Where peer connections go: rooms apart from each other, a large room over all workers."""

from __future__ import annotations

import gc
from collections import Counter

from recording_worker import RecordingWorker

from mediasrv.media.media_worker import MediaWorker
from mediasrv.media.placement import Placement, Seat


class Room:
    pass


def workers(count: int) -> list[MediaWorker]:
    return [MediaWorker(RecordingWorker(index), index, lambda *_: None) for index in range(count)]


def by_worker(seats: list[Seat]) -> list[int]:
    counted = Counter(seat.worker.index for seat in seats)
    return [counted[index] for index in range(4)]


def test_a_small_room_stays_on_one_worker() -> None:
    placement = Placement(workers(4), 200)
    room = Room()
    assert by_worker([placement.take(room) for _ in range(200)]) == [200, 0, 0, 0]


def test_rooms_go_where_the_fewest_are() -> None:
    placement = Placement(workers(4), 200)
    rooms = [Room() for _ in range(8)]
    assert by_worker([placement.take(room) for room in rooms for _ in range(5)]) == [10, 10, 10, 10]
    late = Room()
    first = placement.take(late)
    assert placement.take(late).worker is first.worker


def test_a_room_of_2000_uses_all_workers_evenly() -> None:
    placement = Placement(workers(4), 200)
    room = Room()
    seats = [placement.take(room) for _ in range(800)]
    assert by_worker(seats) == [200, 200, 200, 200]
    seats += [placement.take(room) for _ in range(1200)]
    assert by_worker(seats) == [500, 500, 500, 500]


def test_a_room_spreads_to_the_worker_that_has_the_fewest() -> None:
    placement = Placement(workers(3), 10)
    rooms = [Room() for _ in range(3)]
    seats = [[placement.take(room)] for room in rooms]
    crowded = [placement.take(rooms[1]) for _ in range(8)]
    seats[0] += [placement.take(rooms[0]) for _ in range(9)]
    assert {seat.worker.index for seat in seats[0]} == {0}
    assert {seat.worker.index for seat in crowded} == {1}
    assert placement.take(rooms[0]).worker.index == 2


def test_who_leaves_makes_room() -> None:
    placement = Placement(workers(2), 2)
    room = Room()
    seats = [placement.take(room) for _ in range(2)]
    assert placement.take(room).worker.index == 1
    seats[0].leave()
    seats[0].leave()
    assert [placement.take(room).worker.index for _ in range(3)] == [0, 1, 0]


def test_a_room_that_is_gone_is_forgotten_but_its_seats_count_until_they_are_left() -> None:
    placement = Placement(workers(2), 200)
    room = Room()
    seats = [placement.take(room) for _ in range(5)]
    del room
    gc.collect()
    assert len(placement._taken_by) == 0
    assert placement.take(Room()).worker.index == 1
    for seat in seats:
        seat.leave()
    assert placement.take(Room()).worker.index == 0


def test_one_worker_takes_everybody() -> None:
    placement = Placement(workers(1), 1)
    room = Room()
    assert by_worker([placement.take(room) for _ in range(5)]) == [5, 0, 0, 0]
