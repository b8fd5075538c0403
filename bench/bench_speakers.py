"""What it costs to know who speaks: a level told by a packet, a decision about a room, and a room whose receive slots
all follow. `pytest bench/bench_speakers.py`. Times are those of the fastest round.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from mediaplane.testing.speakers import SpeakerGroup, SpeechActivity
from pytest_benchmark.fixture import BenchmarkFixture

from mediasrv.rooms.clock import Timer
from mediasrv.rooms.mix import RoomMix
from mediasrv.rooms.permissions import Permission
from mediasrv.rooms.slot_policy import SlotPolicy
from mediasrv.rooms.speaker_order import SpeakerOrder
from mediasrv.rooms.subscriptions import Subscriptions
from mediasrv.rooms.track import Track, TrackTable
from mediasrv.rtc.mix import MixSettings

FRAME_US = 20_000
LEVELS = [35, 40, 45, 127, 38]


class StillClock:
    def time(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return self.now

    def call_later(self, delay_s: float, callback: Any) -> Timer:
        return self

    def cancel(self) -> None: ...

    now = 0.0


class Everything:
    """Whoever and whatever: a producer, its owner, a slot."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.id = self.mid = name
        self.rids: list[str] = []
        self.codec_names = ["opus"]
        self.closed = False
        self.permissions = self

    def allow(self, flag: Permission) -> bool:
        return True

    def can_receive(self, producer: object) -> bool:
        return True

    def connect(self, producer: object) -> None: ...
    def set_allowed(self, allowed: bool) -> None: ...


def test_level(benchmark: BenchmarkFixture) -> None:
    """A thousand packets, the call from Python included."""
    source = SpeechActivity()
    frames = itertools.count(100)

    def tell() -> None:
        for _ in range(1000):
            frame = next(frames)
            source.level(LEVELS[frame % 5], frame * FRAME_US)

    benchmark(tell)


@pytest.mark.parametrize("speakers", [10, 1000])
def test_decision(benchmark: BenchmarkFixture, speakers: int) -> None:
    """One of the ten a second while somebody speaks, with eight people at once."""
    group = SpeakerGroup()
    for speaker in range(speakers):
        group.add(speaker)
    frames = itertools.count(100)

    def setup() -> tuple[tuple[int], dict[str, Any]]:
        for _ in range(5):
            frame = next(frames)
            for speaker in range(8):
                group.level(speaker, LEVELS[(frame + speaker) % 5], frame * FRAME_US)
        return (frame * FRAME_US,), {}

    benchmark.pedantic(group.decide, setup=setup, rounds=200, warmup_rounds=20)
    assert len(group.ranking) == 8


@pytest.mark.parametrize("switching", [False, True], ids=["stays", "switches"])
def test_room(benchmark: BenchmarkFixture, switching: bool) -> None:
    """A change of who speaks, in a room of 1,000 people of whom each has five audio slots that follow."""
    clock, tracks, told = StillClock(), TrackTable(), itertools.count()
    everybody: list[Subscriptions] = []
    order = SpeakerOrder(
        clock, tracks, announce=lambda _: None, follow=lambda: [each.follow() for each in everybody] and None
    )
    mix = RoomMix(tracks, MixSettings(), lambda _: None)  # nobody listens to it
    microphones = [Track(Everything("", f"p{i}"), Everything("audio", "0"), "microphone") for i in range(20)]  # type: ignore[arg-type]
    for track in microphones:
        tracks.add(track)
    for _ in range(1000):
        subscriptions = Subscriptions(
            tracks, TrackTable(), order, mix, now=clock.monotonic, allowed=True, mixes=False,
            changed=lambda _: next(told) and None, needed=lambda *_: None,
        )  # fmt: skip
        subscriptions.set_policy("audio", SlotPolicy("loudest"))
        subscriptions.negotiated({str(slot): Everything("audio", str(slot)) for slot in range(5)})  # type: ignore[misc]
        everybody.append(subscriptions)
    speaking: Iterator[int] = itertools.cycle(range(20))

    def setup() -> tuple[tuple[Any, Any], dict[str, Any]]:
        clock.now += 10
        first = next(speaking) if switching else 0
        return (None, [microphones[(first + other) % 20].producer for other in range(5)]), {}

    benchmark.pedantic(order.hear, setup=setup, rounds=40, warmup_rounds=3)
    assert (next(told) > 10_000) == switching
