"""A track's bit rate has a bound: who keeps to it is not touched, who does not loses what is beyond it."""

from __future__ import annotations

from scenarios.call import Call, Participant, Slot
from scenarios.publication import Publication


def filmed(bound_bps: int, *, rids: tuple[str, ...] = ("",)) -> tuple[Call, Participant, Publication, Slot]:
    """A camera whose bound is set before it begins, and somebody who watches."""
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video(rids, start=False)
    call.plane.limit_producer(camera.producer_id, bound_bps)
    slot = bob.subscribe(camera)
    return call, bob, camera, slot


def bitrate_bps(camera: Publication, for_s: float) -> float:
    return sum(encoding.octets for encoding in camera.encodings) * 8 / for_s


def received_bps(slot: Slot, for_s: float) -> float:
    return sum(len(packet.payload) for packet in slot.track.packets.values()) * 8 / for_s


def test_a_publisher_within_the_bound_loses_nothing_not_even_of_its_keyframes() -> None:
    call, _, camera, slot = filmed(150_000)
    encoding = camera.encodings[0]
    camera.start()
    for second in range(20):
        if second % 4 == 0:  # a keyframe of 18 kB, most of a second's worth, in one burst
            encoding.packets_per_frame, encoding.payload_size, encoding.keyframe_wanted = 9, 1000, True
        call.network.run_for(0.05)
        encoding.packets_per_frame, encoding.payload_size = 2, 300
        call.network.run_for(0.95)
    assert 120_000 < bitrate_bps(camera, 20) < 150_000
    assert call.counters["drop_over_bitrate"] == 0
    assert slot.track.gaps == []
    slot.track.assert_steady()
    call.check_nothing_broke()


def test_a_publisher_beyond_the_bound_gets_through_what_is_allowed() -> None:
    call, _, camera, slot = filmed(50_000)
    camera.start()
    call.network.run_for(60)
    assert bitrate_bps(camera, 60) > 95_000
    burst_bps = 65_536 * 8 / 60
    assert 50_000 < received_bps(slot, 60) < 50_000 * 1.13 + burst_bps * 1.13
    assert call.counters["drop_over_bitrate"] > 900
    call.check_nothing_broke()


def test_what_is_dropped_is_not_asked_for_again_and_keyframes_are() -> None:
    """Retransmissions would only add to what is too much; who watches can go on from the next keyframe that passes."""
    call, _, camera, slot = filmed(50_000)
    camera.start()
    call.network.run_for(30)
    assert call.counters["nack_sent"] == 0
    slot.track.ask_keyframe()
    requests = camera.encodings[0].keyframe_requests
    call.network.run_for(2)
    assert camera.encodings[0].keyframe_requests > requests


def test_the_bound_is_over_all_encodings() -> None:
    call, bob, camera, high = filmed(70_000, rids=("l", "h"))
    low = bob.subscribe(camera)
    camera.start()
    low.select(0)
    high.select(1)
    call.network.run_for(60)
    assert bitrate_bps(camera, 60) > 140_000
    total_bps = received_bps(low, 60) + received_bps(high, 60)
    assert total_bps < 70_000 * 1.13 + 65_536 * 8 / 60 * 1.13


def test_a_neighbour_is_not_touched_and_a_lifted_bound_ends_the_loss() -> None:
    call, bob, camera, _ = filmed(20_000)
    microphone = call.participants[0].publish_audio()
    voice = bob.subscribe(microphone)
    camera.start()
    call.network.run_for(40)
    dropped = call.counters["drop_over_bitrate"]
    assert dropped > 200
    assert voice.track.gaps == []
    call.plane.limit_producer(camera.producer_id, 0)
    call.network.run_for(5)
    assert call.counters["drop_over_bitrate"] == dropped
