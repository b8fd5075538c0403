"""What waits in a jitter buffer: in order of timestamps, with the right bytes, and never more than there is room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from mediaplane.testing.audio_parts import PacketStore

CAPACITY = 256
PAST = 3


def data_of(ts64: int) -> bytes:
    return bytes([ts64 & 0xFF, ts64 >> 8 & 0xFF]) * (1 + ts64 % 40)


class StoreStory(RuleBasedStateMachine):
    """Packets in any order; the model is a sorted dict. The arena is too large to be overwritten here."""

    def __init__(self) -> None:
        super().__init__()
        self.store = PacketStore(1 << 20)
        self.waiting: dict[int, bytes] = {}
        self.played: list[tuple[int, bytes]] = []

    @rule(ts64=st.integers(0, 600))
    def add(self, ts64: int) -> None:
        kept = self.store.add(ts64, data_of(ts64))
        full = len(self.waiting) == CAPACITY
        assert kept == (ts64 not in self.waiting and not (full and ts64 < min(self.waiting)))
        if kept:
            if full:
                del self.waiting[min(self.waiting)]
                self.played = []  # what was evicted stands among them; not what this is about
            self.waiting[ts64] = data_of(ts64)

    @rule(first=st.integers(0, 600), count=st.integers(1, 60))
    def add_many(self, first: int, count: int) -> None:
        for ts64 in range(first, first + count):
            self.add(ts64)

    @precondition(lambda self: self.waiting)
    @rule()
    def play(self) -> None:
        oldest = min(self.waiting)
        self.played.insert(0, (oldest, self.waiting.pop(oldest)))
        self.store.pop()

    @invariant()
    def it_holds_what_the_model_holds(self) -> None:
        assert self.store.waiting() == sorted(self.waiting.items())
        past = self.store.past()
        assert len(past) <= PAST
        if self.played:
            assert past[: len(self.played)] == self.played[: len(past)]


TestStoreStory = StoreStory.TestCase


@given(st.lists(st.integers(1, 500), min_size=1, max_size=200))
def test_bytes_are_the_right_ones_or_gone(sizes: list[int]):
    store = PacketStore(1024)
    written = {ts64: bytes([ts64 & 0xFF]) * size for ts64, size in enumerate(sizes)}
    for ts64, data in written.items():
        assert store.add(ts64, data)
    waiting = dict(store.waiting())
    assert all(data in (None, written[ts64]) for ts64, data in waiting.items())
    assert waiting[len(sizes) - 1] is not None, "the newest is never overwritten"
    kept = sum(len(data) for data in waiting.values() if data is not None)
    assert kept <= 1024


def test_a_packet_of_more_than_half_the_arena_is_refused():
    store = PacketStore(1024)
    assert not store.add(1, bytes(513))
    assert store.add(1, bytes(512))


def test_when_it_is_full_the_oldest_goes_and_is_counted():
    store = PacketStore(1 << 16)
    for ts64 in range(CAPACITY + 10):
        assert store.add(ts64, b"x")
    assert [ts64 for ts64, _ in store.waiting()] == list(range(10, CAPACITY + 10))
    assert store.evicted == 10
    assert not store.add(3, b"x"), "it would be the oldest itself"
    assert store.evicted == 11
