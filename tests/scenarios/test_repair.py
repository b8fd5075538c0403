"""Retransmission both ways: what either side loses is asked for and arrives; nothing arrives twice or is endless."""

from __future__ import annotations

import pytest
from mediaplane.testing import wire

from scenarios.call import Call, Participant, Slot
from scenarios.network import Conditions
from scenarios.publication import Publication


def forwarding(
    seed: int = 0, *, rtx: bool = True, repairs: bool = True, publisher_rtx: bool = True
) -> tuple[Call, Participant, Participant, Publication, Slot]:
    """A video from alice to bob, half a second old."""
    call = Call(seed)
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video(rtx=publisher_rtx)
    slot = bob.subscribe(camera, rtx=rtx, repairs=repairs)
    call.network.run_for(0.5)
    return call, alice, bob, camera, slot


def finish(call: Call, camera: Publication, slot: Slot) -> None:
    """No more loss; what is missing has a second to come."""
    call.network.up.clear()
    call.network.down.clear()
    call.network.run_for(0.2)
    camera.stop()
    call.network.run_for(1)


def arrived(slot: Slot) -> list[tuple[int, int]]:
    return [(content.frame, content.index) for content in slot.track.contents]


def sent(camera: Publication) -> list[tuple[int, int]]:
    return [(packet.content.frame, packet.content.index) for packet in camera.encodings[0].sent.values()]


@pytest.mark.parametrize("loss", [0.05, 0.1])
@pytest.mark.parametrize("side", ["up", "down", "both"])
def test_everything_arrives_under_loss_on_either_side(side: str, loss: float) -> None:
    call, alice, bob, camera, slot = forwarding(seed=5)
    bad = Conditions(delay_us=20_000, jitter_us=5_000, loss=loss)
    if side != "down":
        call.network.up[alice.peer.address] = bad
    if side != "up":
        call.network.down[bob.peer.address] = bad
    call.network.run_for(6)
    finish(call, camera, slot)
    assert slot.track.gaps == []
    assert arrived(slot) == sent(camera)
    slot.track.assert_steady()
    slot.track.assert_frames_whole()
    call.check_nothing_broke()
    counters = call.counters
    if side != "down":
        assert counters["nack_sent"] > 0
        assert counters["rtx_received"] > 0
    if side != "up":
        assert counters["rtx_sent"] > 0
        assert slot.track.rtx_packets > 0


def test_a_consumer_without_rtx_gets_the_same_packet_again() -> None:
    call, _, bob, camera, slot = forwarding(seed=6, rtx=False)
    call.network.down[bob.peer.address] = Conditions(loss=0.1)
    call.network.run_for(4)
    finish(call, camera, slot)
    assert arrived(slot) == sent(camera)
    assert call.counters["rtx_sent"] > 0
    assert slot.track.rtx_packets == 0
    call.check_nothing_broke()


def test_a_publisher_without_rtx_is_asked_too() -> None:
    call, alice, _, camera, slot = forwarding(seed=7, publisher_rtx=False)
    call.network.up[alice.peer.address] = Conditions(loss=0.1)
    call.network.run_for(4)
    finish(call, camera, slot)
    assert arrived(slot) == sent(camera)
    assert call.counters["rtx_received"] == 0
    call.check_nothing_broke()


def test_audio_is_repaired_where_it_negotiated_nack() -> None:
    call = Call(seed=8)
    alice, bob = call.join(), call.join()
    call.connect()
    microphone = alice.publish_audio()
    slot = bob.subscribe(microphone)
    call.network.up[alice.peer.address] = Conditions(loss=0.1)
    call.network.down[bob.peer.address] = Conditions(loss=0.1)
    call.network.run_for(4)
    finish(call, microphone, slot)
    # RTX was not negotiated, so that the packets themselves came again, both times.
    sent_indices = sorted(microphone.encodings[0].sent)
    first = slot.track.contents[0].frame
    assert [content.frame for content in slot.track.contents] == list(range(first, len(sent_indices)))


def test_without_nack_nobody_is_asked() -> None:
    call = Call(seed=9)
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video(nack=False)
    slot = bob.subscribe(camera)
    call.network.up[alice.peer.address] = Conditions(loss=0.1)
    call.network.run_for(2)
    assert call.counters["nack_sent"] == 0
    assert slot.track.gaps != []


def test_a_retransmission_nobody_needed_is_dropped_as_a_duplicate() -> None:
    call, _, _, camera, slot = forwarding(repairs=False)
    [encoding] = camera.encodings
    for index in list(encoding.sent)[-10:]:
        camera.resend(encoding, index)
    call.network.run_for(0.1)
    assert call.counters["drop_duplicate"] == 10
    assert slot.track.duplicates == 0
    assert slot.track.gaps == []


def test_a_retransmission_of_a_packet_that_left_the_cache_is_a_duplicate_still() -> None:
    """Forwarded again it would be sealed under a nonce that was used before."""
    call, _alice, bob, camera, _slot = forwarding(repairs=False)
    [encoding] = camera.encodings
    old = list(encoding.sent)[-10:]
    call.network.run_for(3)
    forwarded = call.counters["rtp_forwarded"]
    camera.stop()
    for index in old:
        camera.resend(encoding, index)
    call.network.run_for(0.1)
    assert call.counters["drop_duplicate"] == 10
    assert call.counters["rtp_forwarded"] - forwarded <= 4
    assert bob.peer.replayed == 0


def test_a_packet_that_comes_after_its_retransmission_is_dropped() -> None:
    call, _, _, camera, slot = forwarding(repairs=False)
    [encoding] = camera.encodings
    network = call.network
    held: list[bytes] = []
    send, network.send = network.send, lambda data, source: held.append(data)  # type: ignore[method-assign]
    camera.send_frame()
    network.send = send  # type: ignore[method-assign]
    for index in list(encoding.sent)[-len(held) :]:
        camera.resend(encoding, index)
    network.run_for(0.02)
    for datagram in held:
        network.send(datagram, camera.peer.address)
    network.run_for(0.1)
    assert call.counters["drop_srtp_replayed"] == len(held)
    assert slot.track.gaps == []
    assert slot.track.duplicates == 0
    slot.track.assert_frames_whole()


def test_a_number_that_is_asked_for_again_and_again_is_answered_once_a_round_trip() -> None:
    call, _, _, camera, slot = forwarding(repairs=False)
    camera.stop()
    call.network.run_for(0.05)
    answered = call.counters["rtx_sent"]
    for _ in range(50):
        slot.track.send_nack([slot.track.highest])
    call.network.run_for(0.1)
    assert call.counters["rtx_sent"] == answered + 1
    assert call.counters["nack_unanswered"] == 49


def test_what_was_never_sent_or_is_too_old_is_not_answered() -> None:
    call, _, _, _, slot = forwarding(repairs=False)
    oldest = min(slot.track.packets)
    call.network.run_for(2)
    before = call.counters["rtx_sent"]
    slot.track.send_nack([oldest, slot.track.highest + 100, slot.track.highest - 30_000])
    call.network.run_for(0.1)
    assert call.counters["rtx_sent"] == before
    assert call.counters["nack_unanswered"] == 3


def test_the_largest_nack_possible_is_answered_within_bounds() -> None:
    call, _, bob, _, slot = forwarding(repairs=False)
    entries = b"".join(((slot.track.highest - 17 * n) & 0xFFFF).to_bytes(2, "big") + b"\xff\xff" for n in range(200))
    head = bytes([0x81, 205]) + (2 + 200).to_bytes(2, "big") + bytes(4) + slot.track.ssrc.to_bytes(4, "big")
    before = call.counters["rtx_sent"]
    bob.peer.send_rtcp(head + entries)
    call.network.run_for(0.1)
    assert 0 < call.counters["rtx_sent"] - before <= len(slot.track.packets)
    assert call.counters["nack_received"] <= 256


def test_a_nack_for_the_ssrc_of_retransmissions_is_not_taken_for_one_of_media() -> None:
    call, _, bob, _, slot = forwarding(repairs=False)
    before = call.counters["rtx_sent"]
    bob.peer.send_rtcp(wire.rtcp_write_nack(1, slot.track.rtx_ssrc, [slot.track.highest & 0xFFFF]))
    call.network.run_for(0.1)
    assert call.counters["rtx_sent"] == before


def test_a_burst_that_is_too_long_to_ask_for_gets_a_keyframe() -> None:
    call, alice, _, camera, _slot = forwarding()
    [encoding] = camera.encodings
    before = encoding.keyframe_requests
    call.network.up[alice.peer.address] = Conditions(loss=1.0)
    call.network.run_for(8)
    call.network.up.clear()
    call.network.run_for(1)
    assert encoding.keyframe_requests > before
    assert len(encoding.nacked) < 3_000
