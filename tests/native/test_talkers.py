"""Who is heard in a mix, from levels alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.testing.mixer import Overload, Talkers, shed

TICK_US = 20_000
SILENT = 127


class Room:
    """Levels of everybody, tick by tick; those not named are silent."""

    def __init__(self, capacity: int, count: int) -> None:
        self.talkers = Talkers(capacity, count)
        self.count = count
        self.now_us = 1_000_000
        self.heard: dict[int, int] = {}

    def tick(self, levels: dict[int, int], allowed: int = 128) -> set[int]:
        for who in range(self.count):
            self.talkers.level(who, levels.get(who, SILENT), self.now_us)
        self.heard, self.leaving = self.talkers.tick(self.now_us, allowed)
        self.now_us += TICK_US
        return set(self.heard.values())

    def ticks(self, count: int, levels: dict[int, int], allowed: int = 128) -> set[int]:
        heard: set[int] = set()
        for _ in range(count):
            heard = self.tick(levels, allowed)
        return heard


def test_whoever_begins_while_there_is_room_is_heard_in_the_same_tick():
    room = Room(3, 10)
    assert room.ticks(10, {}) == set()
    assert room.tick({4: 25}) == {4}
    assert room.tick({4: 25, 7: 40}) == {4, 7}


def test_a_clearly_louder_one_takes_the_place_of_the_quietest_after_a_tick_of_fading():
    room = Room(2, 4)
    room.ticks(50, {0: 20, 1: 35})
    seen = [room.tick({0: 20, 1: 35, 2: 15}) for _ in range(30)]
    assert seen[0] == {0, 1}
    assert seen[-1] == {0, 2}
    changes = [at for at in range(1, 30) if seen[at] != seen[at - 1]]
    assert len(changes) == 1


def test_those_equally_loud_do_not_take_turns():
    room = Room(3, 500)
    everybody = dict.fromkeys(range(500), 30)
    first = room.tick(everybody)
    assert len(first) == 3
    assert all(room.tick(everybody) == first for _ in range(100))


def test_a_slightly_louder_one_waits_for_a_pause():
    room = Room(1, 2)
    room.ticks(100, {0: 25})
    assert room.ticks(100, {0: 25, 1: 23}) == {0}
    heard = [room.tick({1: 23}) for _ in range(30)]
    assert heard[0] == {0}
    assert heard[-1] == {1}


def test_a_cough_does_not_displace_who_speaks():
    room = Room(1, 2)
    room.ticks(100, {0: 30})
    heard = [room.tick({0: 30, 1: 5} if at < 2 else {0: 30}) for at in range(50)]
    assert all(each == {0} for each in heard)


def test_silence_gives_places_back():
    room = Room(3, 5)
    assert room.ticks(50, {0: 20, 1: 20}) == {0, 1}
    assert room.ticks(50, {}) == {0, 1}, "a pause between sentences changes nothing"
    assert room.ticks(80, {}) == set()


def test_fewer_are_heard_when_fewer_are_allowed():
    room = Room(3, 5)
    loudness = {0: 20, 1: 30, 2: 40}
    room.ticks(50, loudness)
    assert room.ticks(3, loudness, allowed=2) == {0, 1}
    assert room.ticks(3, loudness, allowed=1) == {0}
    assert room.ticks(3, loudness) == {0, 1, 2}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_they_say_places_are_consistent(data: st.DataObject):
    capacity = data.draw(st.integers(1, 4))
    room = Room(capacity, 6)
    placed_before: dict[int, int] = {}
    for _ in range(40):
        levels = data.draw(st.dictionaries(st.integers(0, 5), st.integers(0, 127), max_size=6))
        room.tick(levels, data.draw(st.integers(1, 5)))
        assert len(room.heard) <= capacity
        assert len(set(room.heard.values())) == len(room.heard)
        assert set(room.leaving) <= set(room.heard.values())
        for place, who in room.heard.items():
            before = next((at for at, each in placed_before.items() if each == who), place)
            assert before == place, "nobody changes places while it is heard"
        placed_before = {place: who for place, who in room.heard.items() if who not in room.leaving}


# --- overload --------------------------------------------------------------------------------------------------------


def test_complexity_goes_first_then_talkers():
    left = [shed(level, 8, 3) for level in range(5)]
    assert left == [(8, 3), (4, 3), (0, 3), (0, 2), (0, 1)]
    assert shed(4, 0, 1) == (0, 1)


def test_ticks_that_take_too_long_shed_step_by_step_and_one_hiccup_nothing():
    overload = Overload()
    assert [overload.tick(200_000), *(overload.tick(5_000) for _ in range(5))] == [0] * 6
    levels = [overload.tick(18_000) for _ in range(20)]
    assert levels == sorted(levels)
    assert levels[0] == 0
    assert levels[-1] == 4


def test_rounds_that_are_late_again_and_again_shed_if_the_mix_has_a_part_in_it():
    overload = Overload()
    assert [overload.round(10_000, late) for late in (True, True, False) * 3] == [0] * 9, "a hiccup now and then"
    assert [overload.round(2_000, True) for _ in range(20)] == [0] * 20, "others do it all"
    assert [overload.round(10_000, True) for _ in range(12)] == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    assert [overload.round(10_000, True) for _ in range(9)] == [4] * 9
    for _ in range(1_000):
        overload.round(2_000, True)
        assert overload.tick(2_000) == 4, "nothing comes back while it is late"


def test_what_was_shed_comes_back_after_a_while_and_later_if_it_was_too_much_again():
    overload = Overload()

    def ticks_until_back() -> int:
        for _ in range(3):
            level = overload.tick(19_000)
        ticks = 0
        while overload.tick(2_000) == level:
            ticks += 1
        return ticks

    first, second = ticks_until_back(), ticks_until_back()
    assert 250 <= first < second
