"""Simulcast: encodings found by RID, chosen per consumer, switched at keyframes without a seam."""

from __future__ import annotations

import itertools

from mediaplane.testing import wire

from scenarios import negotiated
from scenarios.call import Call, Participant, Slot
from scenarios.negotiated import CLOCK_RATE, MID, REPAIRED_RID, VP8_RTX
from scenarios.payloads import Content
from scenarios.publication import Encoding, Publication, SentPacket

RIDS = ["q", "h", "f"]


def simulcast(seconds: float = 1.0, **options: object) -> tuple[Call, Participant, Participant, Publication, Slot]:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video(RIDS, start=False, **options)
    slot = bob.subscribe(camera)
    camera.start()
    call.network.run_for(seconds)
    return call, alice, bob, camera, slot


def encoding_index(camera: Publication, stream: int) -> int:
    return next(index for index, encoding in enumerate(camera.encodings) if encoding.stream == stream)


def shown(camera: Publication, slot: Slot) -> int:
    """The encoding of the packet that came last."""
    return encoding_index(camera, slot.track.in_order[-1].content.stream)


def assert_seamless(camera: Publication, slot: Slot) -> None:
    """Numbers without gaps, timestamps forward, picture ids and TL0PICIDX one by one, keyframes at every switch."""
    assert slot.track.gaps == []
    slot.track.assert_steady()
    slot.track.assert_frames_whole()
    packets = slot.track.in_order
    for before, after in itertools.pairwise(packets):
        frames = (before.content.stream, before.content.frame), (after.content.stream, after.content.frame)
        step = int(frames[0] != frames[1])
        if frames[0][0] != frames[1][0]:
            assert after.vp8["keyframe"], "a switch waits for a keyframe"
        elif step:
            step = frames[1][1] - frames[0][1]
        assert (after.vp8["picture_id"] - before.vp8["picture_id"]) & 0x7FFF == step
        assert (after.vp8["tl0picidx"] - before.vp8["tl0picidx"]) & 0xFF == step


def test_encodings_are_found_by_rid_and_the_highest_is_shown() -> None:
    call, _, _, camera, slot = simulcast()
    assert shown(camera, slot) == 2
    assert {event[2] for event in call.events_of("producer_active")} == {0, 1, 2}
    assert call.events_of("encoding_changed", slot.consumer_id)[-1][2] == 2
    assert_seamless(camera, slot)
    call.check_nothing_broke()


def test_a_padding_probe_on_rtx_before_anything_else_changes_nothing() -> None:
    call, alice, bob, camera, _ = simulcast(seconds=0)
    camera.stop()
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video(RIDS, start=False)
    slot = bob.subscribe(camera)
    probe = SentPacket(Content(0, 0, 0, 0, 0), b"", VP8_RTX, False, 0, 0, 0, False)
    for encoding in reversed(camera.encodings):
        names = [(MID, camera.mid.encode()), (REPAIRED_RID, encoding.rid.encode())]
        for _ in range(3):
            camera.write(probe, encoding.rtx_ssrc, encoding.next_rtx_index, VP8_RTX, b"", names, padding=224)
            encoding.next_rtx_index += 1
    call.network.run_for(0.1)
    assert call.counters["drop_padding"] == 9
    assert call.counters["drop_unknown_ssrc"] == 0
    assert call.events_of("producer_active") == []
    camera.start()
    call.network.run_for(1)
    assert shown(camera, slot) == 2
    assert_seamless(camera, slot)


def test_packets_before_the_rid_is_known_are_dropped() -> None:
    call, _, _, camera, _ = simulcast(seconds=0.5)
    stray = Encoding(stream=9, ssrc=0x5555, rtx_ssrc=0x5556)
    packet = next(iter(camera.encodings[0].sent.values()))
    camera.write(packet, stray.ssrc, 1, negotiated.VP8, packet.payload, [(MID, camera.mid.encode())])
    camera.write(packet, stray.ssrc, 2, negotiated.VP8, packet.payload, [])
    call.network.run_for(0.1)
    assert call.counters["drop_unknown_ssrc"] == 2


def test_a_lower_encoding_is_shown_on_request_and_the_highest_again() -> None:
    call, _, _, camera, slot = simulcast()
    for wanted in (0, 1, 2, 0, 2, 1, -1):
        slot.select(wanted)
        call.network.run_for(0.7)
        assert shown(camera, slot) == (2 if wanted < 0 else wanted)
        assert call.events_of("encoding_changed", slot.consumer_id)[-1][2] == shown(camera, slot)
    assert_seamless(camera, slot)
    call.check_nothing_broke()


def test_a_switch_waits_for_the_keyframe_and_asks_for_it() -> None:
    call, _, _, camera, slot = simulcast()
    camera.answers_keyframe_requests = False
    requests = camera.encodings[0].keyframe_requests
    slot.select(0)
    call.network.run_for(0.5)
    assert camera.encodings[0].keyframe_requests == requests + 1
    assert shown(camera, slot) == 2, "until then the old one goes on"
    call.network.run_for(1)
    assert camera.encodings[0].keyframe_requests >= requests + 2, "a request may be lost"
    camera.encodings[0].keyframe_wanted = True
    call.network.run_for(0.2)
    assert shown(camera, slot) == 0
    assert_seamless(camera, slot)


def test_each_consumer_has_its_own_encoding() -> None:
    call, _, bob, camera, slot = simulcast()
    carol = call.join()
    call.connect(carol)
    others = [carol.subscribe(camera), bob.subscribe(camera)]
    others[0].select(0)
    others[1].select(1)
    call.network.run_for(1)
    assert [shown(camera, each) for each in (slot, *others)] == [2, 0, 1]
    for each in (slot, *others):
        assert_seamless(camera, each)
    call.check_nothing_broke()


def test_an_encoding_that_falls_silent_gives_way_and_comes_back() -> None:
    call, _, _, camera, slot = simulcast()
    camera.encodings[2].paused = True
    silent_us = call.network.now_us
    assert call.network.run_until(lambda: shown(camera, slot) == 1, limit_s=5)
    assert (call.network.now_us - silent_us) / 1e6 < 3.2
    camera.encodings[1].paused = True
    assert call.network.run_until(lambda: shown(camera, slot) == 0, limit_s=5)
    for encoding in camera.encodings:
        encoding.paused = False
        encoding.keyframe_wanted = True
    assert call.network.run_until(lambda: shown(camera, slot) == 2, limit_s=1)
    assert_seamless(camera, slot)


def test_a_silent_encoding_is_not_asked_for_keyframes_for_ever() -> None:
    call, _, _, camera, _ = simulcast()
    camera.encodings[2].paused = True
    call.network.run_for(4)
    requests = camera.encodings[2].keyframe_requests
    call.network.run_for(5)
    assert camera.encodings[2].keyframe_requests == requests


def test_an_encoding_that_begins_with_a_keyframe_is_not_asked_for_one() -> None:
    _, _, _, camera, _ = simulcast()
    assert [encoding.keyframe_requests for encoding in camera.encodings] == [0, 0, 0]


def test_timestamps_stay_true_to_the_capture_time_over_switches() -> None:
    """By the sender reports of both encodings: the time between two frames is what their capture times say."""
    call, _, _, _camera, slot = simulcast(seconds=1.5)
    for wanted in (0, 2, 1, 0, 2):
        slot.select(wanted)
        call.network.run_for(0.6)
    packets = [packet for packet in slot.track.in_order if packet.arrived_us > 2_600_000]
    assert len({packet.content.stream for packet in packets}) == 3
    first = packets[0]
    for packet in packets:
        ahead = wire.timestamp32_difference(packet.header["timestamp"], first.header["timestamp"])
        captured = (packet.content.capture_us - first.content.capture_us) * CLOCK_RATE["video"] / 1e6
        assert abs(ahead - captured) < 0.005 * CLOCK_RATE["video"]


def test_losses_before_a_switch_are_repaired_after_it() -> None:
    call, _, bob, camera, slot = simulcast()
    call.network.down[bob.peer.address] = type(call.network.conditions)(loss=0.2)
    for wanted in (0, 2, 0, 1):
        slot.select(wanted)
        call.network.run_for(0.4)
    call.network.down.clear()
    call.network.run_for(0.5)
    camera.stop()
    call.network.run_for(0.5)
    assert_seamless(camera, slot)
    call.check_nothing_broke()
