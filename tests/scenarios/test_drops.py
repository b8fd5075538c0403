"""What is not forwarded, and the reason it is counted under."""

from __future__ import annotations

from mediaplane.testing import wire

from scenarios.call import Call, Participant, Slot
from scenarios.negotiated import OPUS, VP8
from scenarios.publication import Publication


def talking() -> tuple[Call, Participant, Participant, Publication, Slot]:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    microphone = alice.publish_audio()
    slot = bob.subscribe(microphone)
    call.network.run_for(0.3)
    return call, alice, bob, microphone, slot


def test_an_ssrc_nobody_announced_is_dropped() -> None:
    call, alice, bob, microphone, _ = talking()
    alice.publish_audio(start=False)
    packet = microphone.encodings[0].sent[max(microphone.encodings[0].sent)]
    microphone.write(packet, 0xABCDEF, 5, OPUS, packet.payload, [])
    microphone.write(packet, 0xABCDEF, 6, VP8, packet.payload, [])
    call.network.run_for(0.1)
    assert call.counters["drop_unknown_ssrc"] == 2
    assert bob.peer.strangers == []


def test_media_before_the_handshake_is_dropped() -> None:
    call, alice, *_ = talking()
    carol = call.join(start=False)
    carol.peer.association.start = lambda now_us: None  # type: ignore[method-assign]
    carol.peer.start()
    call.network.run_for(0.1)
    header = wire.rtp_write_fixed_header(payload_type=OPUS, marker=False, seq16=1, timestamp=1, ssrc=1)
    call.network.send(header + bytes(60), carol.peer.address)
    call.network.send(wire.rtcp_write_bye(1) + bytes(20), carol.peer.address)
    call.network.run_for(0.1)
    assert call.counters["drop_not_connected"] == 2
    assert alice.peer.refused == []


def test_a_muted_producer_is_not_forwarded_and_goes_on_without_a_gap() -> None:
    call, _, bob, microphone, slot = talking()
    call.plane.gate_producer(microphone.producer_id, False)
    call.network.do_commands()
    call.network.run_for(0.05)
    seen = len(slot.track.packets)
    call.network.run_for(2)
    assert len(slot.track.packets) == seen
    assert call.counters["drop_gated"] >= 100
    call.plane.gate_producer(microphone.producer_id, True)
    call.network.run_for(1)
    assert len(slot.track.packets) >= seen + 49
    assert slot.track.gaps == []
    assert call.counters["nack_sent"] == 0, "what was withheld is not missing"
    slot.track.assert_steady()
    call.check_nothing_broke()
    assert not bob.peer.strangers


def test_muting_takes_effect_on_the_next_batch() -> None:
    call, alice, _, microphone, slot = talking()
    microphone.stop()
    call.network.run_for(0.1)
    seen = len(slot.track.packets)
    microphone.send_frame()
    call.plane.gate_producer(microphone.producer_id, False)
    call.network.run_for(0.1)
    assert len(slot.track.packets) == seen
    assert call.counters["drop_gated"] == 1
    assert alice.peer.refused == []


def test_a_muted_video_comes_back_with_a_keyframe() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video()
    slot = bob.subscribe(camera)
    call.network.run_for(1)
    call.plane.gate_producer(camera.producer_id, False)
    call.network.run_for(1)
    muted_us = call.network.now_us
    requests = camera.encodings[0].keyframe_requests
    call.plane.gate_producer(camera.producer_id, True)
    call.network.run_for(1)
    assert camera.encodings[0].keyframe_requests == requests + 1
    first = next(packet for packet in slot.track.in_order if packet.arrived_us > muted_us)
    assert first.vp8["keyframe"]
    assert slot.track.gaps == []
    slot.track.assert_steady()


def test_a_paused_consumer_gets_nothing_and_its_neighbour_everything() -> None:
    call, alice, _, microphone, slot = talking()
    carol = call.join()
    call.connect(carol)
    other = carol.subscribe(microphone)
    slot.gate(False)
    call.network.run_for(0.05)
    seen = len(slot.track.packets)
    call.network.run_for(1)
    assert len(slot.track.packets) == seen
    assert len(other.track.packets) >= 50
    slot.gate(True)
    call.network.run_for(1)
    assert len(slot.track.packets) >= seen + 48
    assert slot.track.gaps == [] == other.track.gaps
    slot.track.assert_steady()
    assert alice.peer.refused == []


def test_a_paused_video_resumes_with_a_keyframe() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video()
    slot = bob.subscribe(camera)
    call.network.run_for(0.5)
    slot.gate(False)
    call.network.run_for(1)
    seen, resumed_us = len(slot.track.packets), call.network.now_us
    slot.track.send_nack([slot.track.highest])
    call.network.run_for(0.1)
    assert call.counters["rtx_sent"] == 0, "a paused consumer is not resent to"
    slot.gate(True)
    call.network.run_for(1)
    assert len(slot.track.packets) > seen
    first = next(packet for packet in slot.track.in_order if packet.arrived_us > resumed_us)
    assert first.vp8["keyframe"]
    assert slot.track.gaps == []
    slot.track.assert_steady()


def test_a_replayed_packet_is_dropped() -> None:
    call, alice, _, microphone, slot = talking()
    sent: list[bytes] = []
    send = call.network.send
    call.network.send = lambda data, source: (sent.append(data), send(data, source))  # type: ignore[method-assign]
    call.network.run_for(0.1)
    call.network.send = send  # type: ignore[method-assign]
    microphone.stop()
    call.network.run_for(0.1)
    seen = len(slot.track.packets)
    media = [data for data in sent if wire.classify_datagram(data) == "rtp"]
    for data in media:
        send(data, alice.peer.address)
    call.network.run_for(0.1)
    assert call.counters["drop_srtp_replayed"] == len(media) >= 5
    assert len(slot.track.packets) == seen


def test_a_packet_with_a_changed_bit_is_dropped() -> None:
    call, alice, _, microphone, slot = talking()
    microphone.stop()
    call.network.run_for(0.1)
    seen = len(slot.track.packets)
    send = call.network.send

    def flip(data: bytes, source: tuple[str, int]) -> None:
        send(data[:30] + bytes([data[30] ^ 1]) + data[31:], source)

    call.network.send = flip  # type: ignore[method-assign]
    microphone.send_frame()
    microphone.send_reports()
    call.network.send = send  # type: ignore[method-assign]
    call.network.run_for(0.1)
    assert call.counters["drop_srtp_auth"] == 2
    assert len(slot.track.packets) == seen
    assert alice.peer.refused == []
