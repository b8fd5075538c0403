"""The ring of bytes between two workers: records whole and in order, bounded, and nobody sleeps too long."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.pipe import Pipe

SMALLEST = 1 << 15

actions = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 6000)),
        st.tuples(st.sampled_from(["publish", "look", "take", "give_back"]), st.just(0)),
    ),
    max_size=150,
)


@given(actions)
def test_it_is_a_bounded_queue_in_which_each_side_sees_what_the_other_let_it_see(steps: list[tuple[str, int]]) -> None:
    pipe = Pipe(SMALLEST)
    written: deque[bytes] = deque()
    published: deque[bytes] = deque()
    seen: deque[bytes] = deque()
    for number, (action, size) in enumerate(steps):
        if action == "write":
            data = bytes([number & 0xFF]) * size
            held = sum(len(each) + 12 for each in [*written, *published, *seen])
            if pipe.write(data):
                written.append(data)
                assert held + size + 12 <= SMALLEST
        elif action == "publish":
            pipe.publish()
            published += written
            written.clear()
        elif action == "look":
            pipe.look()
            seen += published
            published.clear()
        elif action == "take":
            assert pipe.take() == (seen.popleft() if seen else None)
        else:
            pipe.give_back()
            assert pipe.waiting() == bool(published or seen)
    for number, flush in enumerate([pipe.publish, pipe.look]):
        flush()
        if number == 0:
            published += written
    assert [pipe.take() for _ in [*seen, *published, None]] == [*seen, *published, None]
    pipe.give_back()
    assert not pipe.waiting()
    assert pipe.write(bytes(SMALLEST // 2 - 24)), "all of its room is there again"


def test_a_record_never_lies_across_the_end() -> None:
    pipe = Pipe(SMALLEST)
    for number in range(500):
        data = bytes([number & 0xFF]) * (1000 + number)
        assert pipe.write(data)
        pipe.publish()
        pipe.look()
        assert pipe.take() == data
        pipe.give_back()


def test_what_is_kept_free_is_for_others() -> None:
    pipe = Pipe(SMALLEST)
    while pipe.write(bytes(500), 8192):
        pass
    taken = 0
    while pipe.write(bytes(20)):
        taken += 32
    assert 7000 < taken <= 8192 + 512


def test_the_reader_is_woken_only_when_it_had_taken_everything() -> None:
    pipe = Pipe(SMALLEST)
    assert not pipe.publish(), "there is nothing"
    pipe.write(b"one")
    assert pipe.publish()
    pipe.write(b"two")
    assert not pipe.publish(), "it was woken already"
    pipe.look()
    assert [pipe.take(), pipe.take()] == [b"one", b"two"]
    pipe.write(b"three")
    assert not pipe.publish(), "it is still busy, and asks before it sleeps"
    pipe.give_back()
    assert pipe.waiting()
    pipe.look()
    assert pipe.take() == b"three"
    pipe.give_back()
    assert not pipe.waiting()
    pipe.write(b"four")
    assert pipe.publish()


def test_capacities_are_powers_of_two_within_bounds() -> None:
    wanted = (0, SMALLEST, SMALLEST + 1, 1 << 21)
    assert [Pipe(size).capacity for size in wanted] == [SMALLEST, SMALLEST, 2 * SMALLEST, 1 << 21]


def test_two_threads_lose_nothing_and_nobody_sleeps_through() -> None:
    pipe = Pipe(SMALLEST)
    count = 50_000
    with ThreadPoolExecutor(2) as threads:
        taken = threads.submit(pipe.collect, count)
        threads.submit(pipe.transfer, count).result(timeout=60)
        assert taken.result(timeout=60) == (0, 0)
    assert not pipe.waiting()
