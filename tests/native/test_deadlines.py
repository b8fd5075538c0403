"""The heap of deadlines against a plain search: nobody is called too early, too late, or when gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError
from mediaplane.testing.plane_parts import DeadlineHeap, reasons

OWNERS = 9
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "set", "set", "set", "never", "pass"]),
        st.integers(0, OWNERS - 1),
        st.integers(0, 7),
        st.integers(0, 300),
    ),
    max_size=150,
)


@given(STEPS)
def test_what_is_due_is_found_and_nothing_else(steps: list[tuple[str, int, int, int]]) -> None:
    heap = DeadlineHeap(OWNERS, OWNERS)
    times: dict[int, dict[int, int]] = {owner: {} for owner in range(OWNERS)}
    inside: set[int] = set()
    now_us = 0
    for action, owner, reason, us in steps:
        if action == "add" and owner not in inside:
            heap.add(owner)
            inside.add(owner)
        elif action == "remove":
            heap.remove(owner)
            inside.discard(owner)
        elif action == "set":
            heap.set(owner, reason, now_us + us)
            times[owner][reason] = now_us + us
        elif action == "never":
            heap.set(owner, reason, None)
            times[owner].pop(reason, None)
        elif action == "pass":
            now_us += us
        waiting = {each: min(times[each].values()) for each in inside if times[each]}
        told = heap.next()
        assert not waiting or (told is not None and told <= min(waiting.values())), "a sleeper would be late"
        due = heap.due(now_us)
        if due is None:
            assert all(moment > now_us for moment in waiting.values())
        else:
            assert waiting[due] <= now_us
            # As the plane does: what was due is done and set anew, or never.
            for passed in [each for each, moment in times[due].items() if moment <= now_us]:
                heap.set(due, passed, None)
                del times[due][passed]


def test_it_is_bounded() -> None:
    heap = DeadlineHeap(3, 2)
    heap.add(0)
    heap.add(1)
    with pytest.raises(MediaPlaneError):
        heap.add(2)
    heap.remove(0)
    heap.add(2)


def test_everything_due_comes_in_the_order_of_time() -> None:
    heap = DeadlineHeap(50, 50)
    for owner in range(50):
        heap.set(owner, owner % 8, owner * 37 % 50)
        heap.add(owner)
    order = []
    while (owner := heap.due(100)) is not None:
        order.append(owner * 37 % 50)
        heap.set(owner, owner % 8, None)
    assert order == list(range(50))


def test_every_reason_can_be_printed() -> None:
    assert len(set(reasons())) == 8
    assert "none" not in reasons()
