"""Which slots switch: enough to show the best, and none that need not."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mediasrv.rooms.slot_choice import Choice, choose

NOW = 100.0


def chosen(wanted: str, shown: dict[str, str | None], **options: Any) -> Choice[str]:
    """Tracks are letters, each worth more than the ones before it."""
    standard = {
        "urgent": lambda _: False,
        "fits": lambda _mid, _track: True,
        "held_until": lambda _: 0.0,
        "worth": lambda track: track,
        "now": NOW,
    }
    return choose(wanted, shown, **(standard | options))


def test_empty_slots_are_taken_in_order() -> None:
    assert chosen("ab", {"0": None, "1": None, "2": None}).switches == {"0": "a", "1": "b"}


def test_what_is_shown_and_wanted_stays_where_it_is() -> None:
    assert chosen("ba", {"0": "a", "1": "b"}) == Choice({}, math.inf)
    assert chosen("cab", {"0": "a", "1": "b", "2": "x"}).switches == {"2": "c"}


def test_the_place_of_what_is_worth_least_is_taken() -> None:
    assert chosen("z", {"0": "c", "1": "a", "2": "b"}).switches == {"1": "z"}
    assert chosen("zy", {"0": "c", "1": "a", "2": "b"}).switches == {"1": "z", "2": "y"}


def test_a_slot_is_held_and_the_switch_waits_for_its_time() -> None:
    held = {"0": NOW + 2, "1": NOW + 1}
    assert chosen("z", {"0": "a", "1": "b"}, held_until=held.get) == Choice({}, NOW + 1)
    assert chosen("z", {"0": "a", "1": "b"}, held_until=held.get, urgent=lambda _: True).switches == {"0": "z"}
    held = {"0": NOW + 2, "1": NOW}
    assert chosen("z", {"0": "a", "1": "b"}, held_until=held.get).switches == {"1": "z"}


def test_what_fits_no_slot_is_passed_over() -> None:
    def fits(mid: str, track: str) -> bool:
        return (track == "v") == (mid == "1")

    assert chosen("wv", {"0": "a", "1": "b"}, fits=fits).switches == {"0": "w", "1": "v"}
    assert chosen("yz", {"1": "b"}, fits=fits) == Choice({}, math.inf)


tracks = st.sampled_from("abcdefgh")
slots = st.lists(st.one_of(st.none(), tracks), max_size=5).filter(
    lambda shown: len(real := [each for each in shown if each]) == len(set(real))
)


@given(st.lists(tracks), slots, st.lists(st.floats(NOW - 5, NOW + 5), min_size=5, max_size=5), st.sets(tracks))
def test_whatever_is_wanted_the_best_are_shown_unless_a_slot_is_held(wanted, shown_list, held, urgent):
    shown = {str(mid): track for mid, track in enumerate(shown_list)}
    until = {str(mid): at for mid, at in enumerate(held)}
    choice = chosen("".join(wanted), shown, held_until=until.__getitem__, urgent=urgent.__contains__)
    after = shown | choice.switches
    present = [track for track in after.values() if track is not None]
    assert len(present) == len(set(present)), "nothing is shown twice"
    best = list(dict.fromkeys(wanted))[: len(shown)]
    for track in best:
        if track in shown.values():
            assert track in present, "what is wanted and shown stays"
    for mid, track in choice.switches.items():
        assert track in best
        assert shown[mid] not in best
        assert shown[mid] is None or track in urgent or until[mid] <= NOW
    waiting = [track for track in best if track not in present]
    assert bool(waiting) == (choice.due < math.inf)
    if waiting:
        assert choice.due > NOW
        later = dict.fromkeys(until, -1.0)
        settled = after | chosen("".join(wanted), after, held_until=later.__getitem__).switches
        assert set(best) <= set(settled.values())
