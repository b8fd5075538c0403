"""Senders that lie, flood or stop: whatever comes, the jitter buffer is bounded, and so is what it does."""

from __future__ import annotations

import pytest
from fuzz.jitter import MOST_READY, MOST_WAITING, liar
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from jitter_call import FRAME, Listener, sent, talk
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing.jitter_buffer import JitterBuffer


@settings(max_examples=6)
@given(st.integers(0, 2**32))
def test_any_lie_is_counted_and_contained(seed: int):
    liar(seed)


class CallStory(RuleBasedStateMachine):
    """A sender and a listener, step by step: honest packets at any time, in any order, some lost; ticks that wait."""

    def __init__(self) -> None:
        super().__init__()
        self.payloads = talk(3.0)
        self.buffer = JitterBuffer()
        self.now_us = 1_000_000
        self.number = 0
        self.held_back: list[int] = []
        self.places = [0]
        self.fetched = 0

    def insert(self, number: int) -> None:
        payload = self.payloads[number % len(self.payloads)]
        self.buffer.insert(
            payload, (number + 65_500) & 0xFFFF, number * FRAME + 2**32 - 9_600 & 0xFFFFFFFF, self.now_us
        )

    @rule(count=st.integers(1, 12))
    def packets(self, count: int) -> None:
        for _ in range(count):
            self.insert(self.number)
            self.number += 1

    @rule(count=st.integers(1, 20))
    def loss(self, count: int) -> None:
        self.number += count

    @rule(count=st.integers(1, 4))
    def held_up(self, count: int) -> None:
        self.held_back += range(self.number, self.number + count)
        self.number += count

    @rule()
    def at_last(self) -> None:
        for number in self.held_back:
            self.insert(number)
        self.held_back.clear()

    @rule(count=st.integers(1, 15), samples=st.sampled_from([480, 960]))
    def ticks(self, count: int, samples: int) -> None:
        for _ in range(count):
            assert len(self.buffer.pull(self.now_us, samples)) == 2 * samples
            self.places.append(self.buffer.last["to_ts64"])
            self.fetched += samples
            self.now_us += samples * 125 // 6

    @rule(us=st.integers(0, 300_000))
    def time_passes(self, us: int) -> None:
        self.now_us += us

    @invariant()
    def it_is_bounded_and_goes_forward(self) -> None:
        waiting, ready = self.buffer.waiting
        assert waiting <= MOST_WAITING
        assert ready <= MOST_READY
        assert self.places == sorted(self.places)
        statistics = self.buffer.statistics
        assert statistics["played"] + statistics["concealed"] + statistics["silent"] == self.fetched
        assert statistics["malformed"] == 0


TestCallStory = CallStory.TestCase
TestCallStory.settings = settings(max_examples=30)


def test_one_packet_from_another_time_changes_nothing():
    packets = sent(talk(4.0))
    honest = Listener().listen(packets)
    for lie in (2**31 - 1, -(2**31), 96_000, 48_000 * 3_600):
        liars = list(packets)
        liars.insert(100, type(packets[0])(packets[100].seq, packets[100].ts + lie, b"\x78", packets[100].arrival_us))
        listener = Listener().listen(liars)
        assert listener.statistics["implausible"] == 1
        assert listener.pcm.tobytes() == honest.pcm.tobytes()


def test_a_flood_ends_where_memory_would_grow():
    packets = sent(talk(4.0))
    listener = Listener().listen(packets[:100])
    for number in range(5_000):
        packet = packets[number % 100]
        listener.buffer.insert(packet.payload, 65_500 + 200 + number & 0xFFFF,
                               packets[0].ts + (200 + number) * FRAME & 0xFFFFFFFF, listener.now_us)  # fmt: skip
    assert listener.buffer.waiting[0] <= MOST_WAITING
    listener.listen([], until_us=listener.now_us + 3_000_000)
    assert listener.buffer.waiting[0] == 0, "and it is worked off"


def test_a_tick_that_comes_late_is_made_up_for():
    packets = sent(talk(6.0))
    listener = Listener().listen(packets[:150])
    for packet in packets[150:160]:
        listener.buffer.insert(packet.payload, packet.seq & 0xFFFF, packet.ts & 0xFFFFFFFF, packet.arrival_us)
    listener.now_us += 200_000
    listener.listen(packets[160:])
    assert listener.statistics["late"] == 0
    assert listener.ticks[-1]["delay_us"] <= listener.statistics["target_us"] + 40_000


def test_unknown_payload_types_and_broken_opus_are_counted():
    buffer = JitterBuffer(red_payload_type=63)
    buffer.insert(b"\x78" + bytes(20), 1, 960, 0, payload_type=8)
    buffer.insert(b"", 2, 1920, 0)
    buffer.insert(b"\xff\x3f" + bytes(90), 3, 2880, 0)
    buffer.insert(b"\xef\xff\xff\xff", 4, 3840, 0, payload_type=63)
    buffer.insert(b"\x08" + bytes(20), 5, 4800, 0, payload_type=63)
    statistics = buffer.statistics
    assert statistics["packets"] == 5
    assert (statistics["unknown_payload_type"], statistics["malformed"]) == (2, 3)
    assert buffer.waiting == (0, 0)


def test_without_a_red_payload_type_there_is_none():
    buffer = JitterBuffer()
    buffer.insert(bytes([111]) + talk(0.1)[0], 1, 960, 0, payload_type=63)
    assert buffer.statistics["unknown_payload_type"] == 1


def test_more_than_two_channels_are_refused():
    with pytest.raises(MediaPlaneError) as error:
        JitterBuffer(3)
    assert error.value.status == Status.UNSUPPORTED
