"""Receive slots: one line of packets, whoever is in it."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.call import Call
from scenarios.network import Conditions


def test_a_slot_goes_from_one_producer_to_another_without_a_jump_back() -> None:
    call = Call()
    alice, carol, bob = call.join(), call.join(), call.join()
    call.connect()
    cameras = [alice.publish_video(), carol.publish_video()]
    cameras[1].encodings[0].timestamp_base = 5
    slot = bob.receive("video")
    for turn in range(8):
        slot.connect(cameras[turn % 2])
        call.network.run_for(0.5)
        last = slot.track.in_order[-1]
        assert last.content.stream == cameras[turn % 2].encodings[0].stream
    assert slot.track.gaps == []
    slot.track.assert_steady()
    slot.track.assert_frames_whole()
    packets = slot.track.in_order
    for before, after in itertools.pairwise(packets):
        if before.content.stream != after.content.stream:
            assert after.vp8["keyframe"]
            assert (after.vp8["picture_id"] - before.vp8["picture_id"]) & 0x7FFF == 1
    call.check_nothing_broke()


def test_an_empty_slot_gets_nothing_and_fills_again() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    microphone = alice.publish_audio()
    slot = bob.subscribe(microphone)
    call.network.run_for(0.5)
    slot.connect(None)
    call.network.run_for(0.1)
    seen = len(slot.track.packets)
    call.network.run_for(2)
    assert len(slot.track.packets) == seen
    slot.connect(microphone)
    call.network.run_for(0.5)
    assert len(slot.track.packets) >= seen + 24
    assert slot.track.gaps == []
    slot.track.assert_steady()


def test_a_slot_that_is_connected_to_what_is_gone_is_empty() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    first, second = alice.publish_audio(), alice.publish_audio()
    slot = bob.subscribe(first)
    call.network.run_for(0.3)
    call.plane.close_producer(second.producer_id)
    slot.connect(second)
    assert call.counters["commands_stale"] == 1
    call.network.run_for(0.1)
    seen = len(slot.track.packets)
    call.network.run_for(0.3)
    assert len(slot.track.packets) == seen


def test_nacks_for_packets_of_an_earlier_source_are_never_answered_from_the_new_one() -> None:
    call = Call()
    alice, carol, bob = call.join(), call.join(), call.join()
    call.connect()
    cameras = [alice.publish_video(), carol.publish_video()]
    slot = bob.receive("video", repairs=False)
    slot.connect(cameras[0])
    call.network.run_for(0.5)
    old = sorted(slot.track.packets)[-5:]
    slot.connect(cameras[1])
    call.network.run_for(0.1)
    resent = call.counters["rtx_sent"]
    slot.track.send_nack(old)
    call.network.run_for(0.1)
    assert call.counters["rtx_sent"] == resent
    new = sorted(slot.track.packets)[-2:]
    slot.track.send_nack(new)
    call.network.run_for(0.1)
    assert call.counters["rtx_sent"] == resent + 2
    assert slot.track.duplicates == 2


def test_a_subscriber_that_connects_late_starts_with_a_keyframe() -> None:
    call = Call()
    alice = call.join()
    call.connect()
    camera = alice.publish_video()
    call.network.run_for(1)
    bob = call.join(start=False)
    slot = bob.subscribe(camera)
    call.network.run_for(1)
    bob.peer.start()
    call.connect(bob)
    call.network.run_for(0.5)
    assert slot.track.in_order[0].vp8["keyframe"]
    slot.track.assert_frames_whole()


@settings(settings.get_profile("scenarios"), max_examples=15)
@given(
    turns=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 10)), min_size=2, max_size=15),
    seed=st.integers(0, 1000),
    kind=st.sampled_from(["audio", "video"]),
)
def test_any_order_of_sources_under_loss(turns: list[tuple[int, int]], seed: int, kind: str) -> None:
    call = Call(seed)
    people = [call.join() for _ in range(4)]
    call.connect()
    sources = [person.publish_audio() if kind == "audio" else person.publish_video(["q", "h"]) for person in people[:3]]
    slot = people[3].receive(kind)
    bad = Conditions(delay_us=12_000, jitter_us=15_000, loss=0.05, duplication=0.05)
    for person in people:
        call.network.up[person.peer.address] = call.network.down[person.peer.address] = bad
    for source, steps in turns:
        slot.connect(sources[source] if source < 3 else None)
        call.network.run_for(steps / 20)
    slot.connect(sources[0])
    call.network.run_for(2)
    assert slot.track.in_order[-1].content.stream in {encoding.stream for encoding in sources[0].encodings}
    slot.track.assert_steady()
    call.check_nothing_broke()
