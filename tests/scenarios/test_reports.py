"""Reports: what publishers are told of their packets, and what subscribers are told of time."""

from __future__ import annotations

import itertools

import pytest
from mediaplane.testing import wire

from scenarios.call import Call, Participant, Slot
from scenarios.negotiated import CLOCK_RATE, us_of_ntp
from scenarios.network import Conditions
from scenarios.publication import Publication


def capture_error_us(slot: Slot, clock_offset_us: int = 0) -> float:
    """How far off the capture time of the newest packet is that the last sender report tells."""
    packet = slot.track.in_order[-1]
    return us_of_ntp(slot.track.capture_ntp(packet)) - packet.content.capture_us - clock_offset_us


def lip_sync_error_us(audio: Slot, video: Slot) -> float:
    return capture_error_us(audio) - capture_error_us(video)


def talking(seed: int = 0) -> tuple[Call, Participant, Participant, tuple[Publication, Publication], tuple[Slot, Slot]]:
    call = Call(seed)
    alice, bob = call.join(), call.join()
    call.connect()
    sources = alice.publish_audio(), alice.publish_video()
    slots = bob.subscribe(sources[0]), bob.subscribe(sources[1])
    return call, alice, bob, sources, slots


def test_receiver_reports_tell_loss_jitter_and_the_last_sender_report() -> None:
    call, alice, _, (microphone, _), _ = talking(seed=4)
    call.network.run_for(1)
    call.network.up[alice.peer.address] = Conditions(loss=0.2, jitter_us=4_000)
    microphone.answers_nacks = False
    microphone.reports.clear()
    call.network.run_for(20)
    call.network.up.clear()
    call.network.run_for(0.1)
    microphone.stop()
    call.network.run_for(2)
    [encoding] = microphone.encodings
    last = microphone.reports[-1]
    assert last["highest_seq"] & 0xFFFF == max(encoding.sent) & 0xFFFF
    lost = last["cumulative_lost"]
    assert 0.15 < lost / 1000 < 0.25
    fractions = [block["fraction_lost"] / 256 for block in microphone.reports[2:-3]]
    assert 0.12 < sum(fractions) / len(fractions) < 0.28
    assert 0 < last["jitter"] < 0.01 * CLOCK_RATE["audio"]
    assert all(block["last_sr"] for block in microphone.reports[1:])
    assert 18 <= len(microphone.reports) <= 30, "about one a second"


def test_the_publisher_can_tell_its_round_trip_by_the_report() -> None:
    call, _, _, (microphone, _), _ = talking()
    trips = []

    def seen(packets: list[wire.RtcpPacket], compound: bytes) -> None:
        for packet in packets:
            for block in packet.get("report_blocks", []):
                if block["last_sr"]:
                    now = (1_700_000_000 + 2_208_988_800 << 16) + (call.network.now_us << 16) // 1_000_000
                    trips.append(((now - block["last_sr"] - block["delay_since_last_sr"]) & 0xFFFFFFFF) / 65536)

    microphone.peer.rtcp_listeners.append(seen)
    call.network.run_for(3)
    assert trips
    assert trips == pytest.approx([0.02] * len(trips), abs=0.001)


def test_the_server_knows_the_round_trip_of_its_subscribers() -> None:
    call, _, bob, _, (audio, _) = talking()
    call.network.down[bob.peer.address] = Conditions(delay_us=35_000)
    call.network.up[bob.peer.address] = Conditions(delay_us=25_000)
    audio.track.start_reports()
    call.network.run_for(8)
    call.plane.request_stats(bob.transport_id, 42)
    call.network.do_commands()
    [(_, token, stats)] = call.events_of("stats")
    assert token == 42
    assert stats["rtt_us"] == pytest.approx(60_000, rel=0.05)


def test_the_first_sender_report_reaches_subscribers_at_once() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    microphone = alice.publish_audio(start=False)
    microphone.sends_reports = False
    audio = bob.subscribe(microphone.start())
    call.network.run_for(3)
    assert audio.track.sender_reports == [], "nothing is known of the publisher's clock"
    microphone.send_reports()
    call.network.run_for(0.05)
    assert len(audio.track.sender_reports) == 1


def test_sender_reports_count_what_was_sent_to_this_consumer() -> None:
    call, _, _, (microphone, _), (audio, _) = talking()
    call.network.run_for(5)
    arrived_us, info = audio.track.sender_reports[-1]
    sent = [packet for packet in audio.track.in_order if packet.arrived_us <= arrived_us]
    assert info["packets"] == len(sent)
    assert info["octets"] == sum(len(packet.payload) for packet in sent)
    assert len(microphone.encodings[0].sent) >= len(sent)


def test_audio_and_video_are_in_sync_by_the_publishers_own_clock() -> None:
    call, _, _, sources, (audio, video) = talking()
    for source in sources:
        source.clock_offset_us = 12_345_678
    call.network.run_for(3)
    for slot in (audio, video):
        assert abs(capture_error_us(slot, 12_345_678) - 10_000) < 11_000, "the way of one report at most"
    assert abs(lip_sync_error_us(audio, video)) < 5_000


def test_lip_sync_survives_simulcast_switches_and_pauses() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    microphone, camera = alice.publish_audio(), alice.publish_video(["q", "h", "f"])
    audio, video = bob.subscribe(microphone), bob.subscribe(camera)
    call.network.run_for(2)
    for wanted in (0, 2, 1, 2, 0):
        video.select(wanted)
        call.network.run_for(1.5)
        assert abs(lip_sync_error_us(audio, video)) < 5_000
        video.gate(False)
        call.network.run_for(0.7)
        video.gate(True)
        call.network.run_for(1.5)
        assert abs(lip_sync_error_us(audio, video)) < 5_000


def test_lip_sync_survives_the_switch_of_slots_to_another_publisher() -> None:
    call = Call()
    alice, bob, carol = call.join(), call.join(), call.join()
    call.connect()
    pairs = [(someone.publish_audio(), someone.publish_video()) for someone in (alice, carol)]
    for source in pairs[1]:
        source.clock_offset_us = -987_654_321
    audio, video = bob.receive("audio"), bob.receive("video")
    for turn in itertools.islice(itertools.cycle((0, 1)), 5):
        audio.connect(pairs[turn][0])
        video.connect(pairs[turn][1])
        call.network.run_for(2.5)
        assert abs(lip_sync_error_us(audio, video)) < 5_000
    for slot in (audio, video):
        assert slot.track.gaps == []
        slot.track.assert_steady()


def test_a_report_is_sent_soon_after_a_switch_of_the_source() -> None:
    """The old mapping of time is wrong for the new one."""
    call = Call()
    alice, bob, carol = call.join(), call.join(), call.join()
    call.connect()
    first, second = alice.publish_audio(), carol.publish_audio()
    slot = bob.subscribe(first)
    call.network.run_for(3)
    slot.connect(second)
    switched_us = call.network.now_us
    call.network.run_for(0.3)
    assert any(arrived_us > switched_us for arrived_us, _ in slot.track.sender_reports)


def test_a_stolen_clock_does_no_harm() -> None:
    """Sender reports with times that jump, on SSRCs of somebody else, without a clock: all of them."""
    call, alice, bob, (microphone, _), (audio, _) = talking()
    call.network.run_for(1)
    for ntp in (0, 1, 2**64 - 1, 2**63):
        for ssrc in (microphone.encodings[0].ssrc, audio.track.ssrc, 0):
            info = {"ssrc": ssrc, "ntp": ntp, "rtp_timestamp": 2**32 - 1, "packets": 0, "octets": 0}
            for peer in (alice.peer, bob.peer):
                peer.send_rtcp(wire.rtcp_write_sr(info))
    call.network.run_for(3)
    assert audio.track.gaps == []
    audio.track.assert_steady()
    assert abs(capture_error_us(audio) - 10_000) < 11_000
