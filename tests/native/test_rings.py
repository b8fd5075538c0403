"""The ring between two threads: in order, nothing twice, nothing lost unless it was refused and counted."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.plane_parts import Ring


@given(st.sampled_from([1, 2, 3, 8, 9]), st.lists(st.booleans(), max_size=200))
def test_it_is_a_bounded_queue(capacity: int, pushes: list[bool]) -> None:
    ring = Ring(capacity)
    model: deque[int] = deque()
    slots = max(2, 1 << (capacity - 1).bit_length())
    refused = 0
    for number, push in enumerate(pushes):
        if push:
            fits = len(model) < slots
            assert ring.push(number) is fits
            refused += not fits
            if fits:
                model.append(number)
        else:
            assert ring.pop() == (model.popleft() if model else None)
        assert len(ring) == len(model)
        assert ring.refused == refused


def test_two_threads_pass_every_number_in_order() -> None:
    ring = Ring(1024)
    count = 100_000
    with ThreadPoolExecutor(2) as threads:
        taken = threads.submit(ring.collect, count)
        threads.submit(ring.transfer, count).result(timeout=60)
        assert taken.result(timeout=60) == 0
    assert len(ring) == 0
