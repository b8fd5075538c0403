"""Keyframe requests: merged over consumers, throttled, repeated while one is needed, by PLI or by FIR."""

from __future__ import annotations

import itertools

from mediaplane.testing import wire

from scenarios.call import Call, Participant, Slot
from scenarios.publication import Publication


def watching(**options: object) -> tuple[Call, Participant, Publication, list[Slot]]:
    call = Call()
    alice = call.join()
    viewers = [call.join() for _ in range(5)]
    call.connect()
    camera = alice.publish_video(**options)
    slots = [viewer.subscribe(camera) for viewer in viewers]
    call.network.run_for(0.5)
    return call, alice, camera, slots


def test_requests_of_many_consumers_become_one() -> None:
    call, _, camera, slots = watching()
    before = camera.encodings[0].keyframe_requests
    for slot in slots:
        for _ in range(3):
            slot.track.ask_keyframe()
    call.network.run_for(0.05)
    assert camera.encodings[0].keyframe_requests == before + 1
    assert (call.counters["pli_received"], call.counters["fir_received"]) == (15, 0)
    assert (call.counters["pli_sent"], call.counters["fir_sent"]) == (camera.encodings[0].keyframe_requests, 0)


def test_requests_without_end_are_throttled() -> None:
    call, _, camera, slots = watching()
    before = camera.encodings[0].keyframe_requests
    for _ in range(100):
        slots[0].track.ask_keyframe()
        call.network.run_for(0.03)
    assert 8 <= camera.encodings[0].keyframe_requests - before <= 12, "three seconds, at most one in 300 ms"


def test_a_request_that_is_held_back_is_sent_later_if_it_is_still_needed() -> None:
    call, _, camera, slots = watching()
    slots[0].track.ask_keyframe()
    call.network.run_for(0.1)
    before = camera.encodings[0].keyframe_requests
    slots[1].track.ask_keyframe()
    call.network.run_for(0.1)
    assert camera.encodings[0].keyframe_requests == before
    call.network.run_for(0.3)
    assert camera.encodings[0].keyframe_requests == before + 1


def test_a_lost_request_is_repeated_until_the_keyframe_comes() -> None:
    call, _, camera, slots = watching()
    camera.answers_keyframe_requests = False
    before = camera.encodings[0].keyframe_requests
    slots[0].track.ask_keyframe()
    call.network.run_for(3.5)
    assert camera.encodings[0].keyframe_requests - before == 4
    camera.encodings[0].keyframe_wanted = True
    call.network.run_for(0.1)
    before = camera.encodings[0].keyframe_requests
    call.network.run_for(3)
    assert camera.encodings[0].keyframe_requests == before


def test_a_consumer_that_waits_for_its_first_keyframe_may_ask_too() -> None:
    call, _, camera, _ = watching()
    camera.answers_keyframe_requests = False
    late = call.join()
    call.connect(late)
    slot = late.subscribe(camera)
    call.network.run_for(0.35)
    before = camera.encodings[0].keyframe_requests
    slot.track.ask_keyframe()
    call.network.run_for(0.05)
    assert camera.encodings[0].keyframe_requests == before + 1


def test_a_publisher_that_only_knows_fir_gets_fir_with_growing_numbers() -> None:
    call, _, camera, slots = watching(pli=False, fir=True)
    for _ in range(3):
        slots[0].track.ask_keyframe()
        call.network.run_for(0.4)
    numbers = camera.encodings[0].fir_numbers
    assert len(numbers) >= 3
    assert (call.counters["pli_sent"], call.counters["fir_sent"]) == (0, len(numbers))
    assert [after - before for before, after in itertools.pairwise(numbers)] == [1] * (len(numbers) - 1)


def test_a_fir_that_is_repeated_is_one_request() -> None:
    call, _, camera, slots = watching()
    before = camera.encodings[0].keyframe_requests
    for _ in range(10):
        slots[0].owner.peer.send_rtcp(wire.rtcp_write_fir(1, slots[0].track.ssrc, 7))
        call.network.run_for(0.4)
    assert camera.encodings[0].keyframe_requests == before + 1
    slots[0].owner.peer.send_rtcp(wire.rtcp_write_fir(1, slots[0].track.ssrc, 8))
    call.network.run_for(0.4)
    assert camera.encodings[0].keyframe_requests == before + 2
    assert (call.counters["pli_received"], call.counters["fir_received"]) == (0, 2)


def test_a_muted_or_unwatched_publisher_is_left_alone() -> None:
    call, alice, camera, slots = watching()
    call.plane.gate_producer(camera.producer_id, False)
    call.network.run_for(0.1)
    before = camera.encodings[0].keyframe_requests
    for slot in slots:
        slot.track.ask_keyframe()
    call.network.run_for(1)
    assert camera.encodings[0].keyframe_requests == before
    call.plane.gate_producer(camera.producer_id, True)
    for slot in slots:
        slot.connect(None)
    call.network.run_for(0.4)
    before = camera.encodings[0].keyframe_requests
    call.network.run_for(3)
    assert camera.encodings[0].keyframe_requests == before
    assert alice.peer.refused == []


def test_the_control_plane_may_ask() -> None:
    call, _, camera, _ = watching()
    before = camera.encodings[0].keyframe_requests
    call.plane.request_keyframe(camera.producer_id)
    call.network.run_for(0.1)
    assert camera.encodings[0].keyframe_requests == before + 1
