"""A room on two workers: publishers on one, subscribers on the other, and everything as if they were on the same."""

from __future__ import annotations

from collections.abc import Sequence

from scenarios.call import Participant, Slot
from scenarios.joined import Worker, two_workers
from scenarios.negotiated import AUDIO_LEVEL
from scenarios.network import Conditions
from scenarios.publication import Publication
from scenarios.test_reports import capture_error_us, lip_sync_error_us
from scenarios.test_simulcast import RIDS, assert_seamless, shown


def piped_video(
    rids: Sequence[str] = ("",), seconds: float = 1.5, **options: object
) -> tuple[Worker, Worker, Participant, Participant, Publication, Slot]:
    """Alice publishes on the first worker, Bob on the second one sees it."""
    first, second = two_workers(**options)
    alice, bob = first.join(), second.join()
    first.connect()
    second.connect()
    camera = alice.publish_video(rids, start=False)
    slot = bob.subscribe(second.pipe(camera))
    camera.start()
    first.network.run_for(seconds)
    return first, second, alice, bob, camera, slot


def packets_sent(publication: Publication) -> int:
    return sum(len(encoding.sent) for encoding in publication.encodings)


# --- packets ---------------------------------------------------------------------------------------------------------


def test_packets_pass_through_a_pipe_as_they_are() -> None:
    first, second, _, _, camera, slot = piped_video()
    camera.stop()
    first.network.run_for(0.2)
    sent = [packet.content for packet in camera.encodings[0].sent.values()]
    assert slot.track.contents == sent
    slot.track.assert_steady()
    slot.track.assert_frames_whole()
    assert first.counters["pipe_packets_sent"] == second.counters["pipe_packets_received"] == len(sent)
    assert second.counters["rtp_received"] == 0
    assert first.counters["rtp_forwarded"] == 0
    first.check_nothing_broke()
    second.check_nothing_broke()


def test_header_extensions_arrive_under_the_subscribers_ids() -> None:
    first, second = two_workers()
    alice, bob = first.join(), second.join()
    first.connect()
    second.connect()
    microphone = alice.publish_audio(start=False)
    microphone.elements = [(AUDIO_LEVEL, b"\x85")]
    microphone.csrcs = [7, 8]
    slot = bob.subscribe(second.pipe(microphone))
    microphone.start()
    first.network.run_for(1)
    packets = slot.track.in_order
    assert len(packets) > 40
    assert all(packet.elements[AUDIO_LEVEL] == b"\x85" for packet in packets)
    assert all(packet.header["csrc_count"] == 2 for packet in packets)
    assert first.events_of("audio_level")
    assert second.events_of("audio_level") == [], "levels are told once"
    assert second.events_of("producer_active") == []


def test_a_packet_is_handed_over_once_however_many_take_it() -> None:
    first, second = two_workers()
    alice = first.join()
    everyone = [second.join() for _ in range(5)]
    first.connect()
    second.connect()
    microphone = alice.publish_audio(start=False)
    piped = second.pipe(microphone)
    slots = [someone.subscribe(piped) for someone in everyone]
    microphone.start()
    first.network.run_for(1)
    assert first.counters["pipe_packets_sent"] == packets_sent(microphone) - 1 > 40, "one is under way"
    assert len({tuple(slot.track.contents) for slot in slots}) == 1


def test_subscribers_on_both_workers_get_the_same() -> None:
    first, _, _, bob, camera, slot = piped_video()
    carol = first.join()
    first.connect(carol)
    other = carol.subscribe(camera)
    first.network.run_for(1)
    assert set(other.track.contents) <= set(slot.track.contents)
    for each in (slot, other):
        assert each.track.gaps == []
        each.track.assert_frames_whole()
    assert bob.peer.strangers == []


def test_a_source_that_begins_anew_is_followed_through_the_pipe() -> None:
    first, second = two_workers(batch_us=20_000)
    alice, bob = first.join(), second.join()
    first.connect()
    second.connect()
    camera = alice.publish_video(signaled=False)
    slot = bob.subscribe(second.pipe(camera))
    [encoding] = camera.encodings
    for turn in range(3):
        first.network.run_for(1)
        camera.stop()
        first.network.run_for(1)
        encoding.ssrc += 1
        encoding.rtx_ssrc += 1
        encoding.next_index = 7
        encoding.timestamp_base = 123 * turn
        encoding.keyframe_wanted = True
        encoding.sent.clear()
        seen = len(slot.track.packets)
        camera.start()
        first.network.run_for(1)
        assert len(slot.track.packets) - seen >= 35
    assert slot.track.gaps == []
    slot.track.assert_steady()
    slot.track.assert_frames_whole()
    second.check_nothing_broke()


# --- repair ----------------------------------------------------------------------------------------------------------


def test_the_subscribers_own_worker_answers_nacks() -> None:
    first, second, _, bob, camera, slot = piped_video(seconds=0.5)
    first.network.down[bob.peer.address] = Conditions(loss=0.2)
    first.network.run_for(3)
    first.network.down.clear()
    camera.stop()
    first.network.run_for(1)
    assert slot.track.gaps == []
    slot.track.assert_frames_whole()
    assert second.counters["rtx_sent"] > 20
    assert first.counters["nack_received"] == first.counters["rtx_sent"] == 0
    second.check_nothing_broke()


def test_what_the_publisher_sends_again_passes_through_the_pipe() -> None:
    first, second, alice, _, camera, slot = piped_video(seconds=0.5)
    first.network.up[alice.peer.address] = Conditions(loss=0.1)
    first.network.run_for(3)
    first.network.up.clear()
    camera.stop()
    first.network.run_for(1)
    assert first.counters["rtx_received"] > 10
    assert slot.track.gaps == []
    slot.track.assert_frames_whole()
    second.check_nothing_broke()


def test_a_full_pipe_drops_and_counts_and_goes_on_when_it_is_read() -> None:
    first, second, _, _, _camera, slot = piped_video(pipe_bytes=1 << 15, seconds=1)
    server = second.server
    server.stalled.add(second.plane)
    first.network.run_for(3)
    dropped = first.counters["drop_pipe_full"]
    assert dropped > 20
    assert second.counters["drop_pipe_full"] == 0
    server.stalled.clear()
    first.network.run_for(1)
    slot.track.ask_keyframe()
    first.network.run_for(1)
    assert first.counters["drop_pipe_full"] == dropped
    assert len(slot.track.gaps) == dropped, "nobody has them"
    assert slot.track.in_order[-1].arrived_us > first.network.now_us - 100_000
    first.check_nothing_broke()
    second.check_nothing_broke()


# --- keyframes and encodings -----------------------------------------------------------------------------------------


def test_keyframe_requests_of_both_workers_reach_the_publisher_as_one() -> None:
    first, second = two_workers()
    alice, carol = first.join(), first.join()
    others = [second.join() for _ in range(3)]
    first.connect()
    second.connect()
    camera = alice.publish_video(start=False)
    piped = second.pipe(camera)
    slots = [carol.subscribe(camera), *(someone.subscribe(piped) for someone in others)]
    camera.start()
    first.network.run_for(1)
    before = camera.encodings[0].keyframe_requests
    for slot in slots:
        slot.track.ask_keyframe()
    first.network.run_for(0.25)
    assert camera.encodings[0].keyframe_requests == before + 1
    assert second.counters["pli_received"] == 3
    assert second.counters["pli_sent"] == 0


def test_a_lost_request_is_made_again() -> None:
    first, _, _, _, camera, slot = piped_video()
    camera.answers_keyframe_requests = False
    slot.track.ask_keyframe()
    first.network.run_for(3.5)
    assert 3 <= camera.encodings[0].keyframe_requests <= 5


def test_who_joins_late_asks_for_one_keyframe_and_begins_with_it() -> None:
    first, second = two_workers()
    alice, bob = first.join(), second.join()
    first.connect()
    second.connect()
    camera = alice.publish_video()
    first.network.run_for(2)
    assert first.counters["pipe_packets_sent"] == 0
    slot = bob.subscribe(second.pipe(camera))
    first.network.run_for(1)
    assert camera.encodings[0].keyframe_requests == 1
    assert slot.track.in_order[0].vp8["keyframe"]
    assert slot.track.gaps == []
    assert slot.track.in_order[0].arrived_us < 3_500_000


def test_only_encodings_that_somebody_shows_are_handed_over() -> None:
    first, second, _, _, camera, slot = piped_video(RIDS)
    assert shown(camera, slot) == 2
    slot.select(0)
    first.network.run_for(0.5)
    assert shown(camera, slot) == 0
    before = first.counters["pipe_packets_sent"]
    sent = [len(encoding.sent) for encoding in camera.encodings]
    first.network.run_for(2)
    handed = first.counters["pipe_packets_sent"] - before
    assert abs(handed - (len(camera.encodings[0].sent) - sent[0])) <= 1
    slot.gate(False)
    first.network.run_for(0.1)
    before = first.counters["pipe_packets_sent"]
    first.network.run_for(1)
    assert first.counters["pipe_packets_sent"] == before, "nobody shows any"
    slot.gate(True)
    first.network.run_for(0.5)
    assert slot.track.in_order[-1].arrived_us > first.network.now_us - 100_000
    assert slot.track.gaps == []
    second.check_nothing_broke()


def test_encodings_are_switched_seamlessly() -> None:
    first, second, _, _, camera, slot = piped_video(RIDS)
    for wanted in (0, 1, 2, 0, 2, 1, -1):
        slot.select(wanted)
        first.network.run_for(0.7)
        assert shown(camera, slot) == (2 if wanted < 0 else wanted)
    assert_seamless(camera, slot)
    second.check_nothing_broke()


def test_encodings_of_one_batch_keep_their_order() -> None:
    """Else a switch would cut a frame in two: its end comes in the next batch."""
    first, _, _, _, camera, slot = piped_video(RIDS, batch_us=0)
    camera.stop()
    first.network.run_for(0.2)
    slot.select(0)
    first.network.run_for(0.1)
    low, _, high = camera.encodings
    low.keyframe_wanted = True
    network = first.network
    network.batch_us = 50_000
    camera.send_frame()  # all of it in one batch
    before = len(slot.track.packets)
    network.run_for(0.2)
    assert {packet.content.stream for packet in slot.track.in_order[before:]} == {low.stream}
    assert high.sent
    assert_seamless(camera, slot)


def test_an_encoding_that_falls_silent_gives_way_and_comes_back() -> None:
    first, _, _, _, camera, slot = piped_video(RIDS)
    for silent, instead in ((2, 1), (1, 0)):
        camera.encodings[silent].paused = True
        assert first.network.run_until(lambda instead=instead: shown(camera, slot) == instead, limit_s=5)
    for encoding in camera.encodings:
        encoding.paused = False
        encoding.keyframe_wanted = True
    assert first.network.run_until(lambda: shown(camera, slot) == 2, limit_s=1)
    assert_seamless(camera, slot)


def test_a_beginning_with_a_keyframe_is_not_asked_for() -> None:
    _, _, _, _, camera, slot = piped_video(RIDS)
    assert [encoding.keyframe_requests for encoding in camera.encodings] == [0, 0, 0]
    assert slot.track.in_order[0].content.frame == 0


# --- mute and time ---------------------------------------------------------------------------------------------------


def test_mute_holds_on_both_workers() -> None:
    first, second, _, _, camera, slot = piped_video()
    first.plane.gate_producer(camera.producer_id, False)
    first.network.run_for(0.05)
    before, highest = len(slot.track.packets), slot.track.highest
    first.network.run_for(0.5)
    slot.track.send_nack([highest])
    first.network.run_for(0.5)
    assert len(slot.track.packets) == before
    assert slot.track.duplicates == 0, "what is muted is not sent again either"
    requests = camera.encodings[0].keyframe_requests
    first.plane.gate_producer(camera.producer_id, True)
    first.network.run_for(0.5)
    assert camera.encodings[0].keyframe_requests == requests + 1
    assert slot.track.gaps == []
    slot.track.assert_frames_whole()
    second.check_nothing_broke()


def test_audio_and_video_are_in_sync_by_the_publishers_clock() -> None:
    first, second = two_workers()
    alice, bob = first.join(), second.join()
    first.connect()
    second.connect()
    sources = alice.publish_audio(), alice.publish_video(RIDS)
    for source in sources:
        source.clock_offset_us = 12_345_678
    audio, video = (bob.subscribe(second.pipe(source)) for source in sources)
    first.network.run_for(3)
    for slot in (audio, video):
        assert abs(capture_error_us(slot, 12_345_678) - 10_000) < 11_000, "the way of one report at most"
    for wanted in (0, 2, 1):
        video.select(wanted)
        first.network.run_for(1.5)
        assert abs(lip_sync_error_us(audio, video)) < 5_000


def test_the_first_clock_is_passed_on_at_once() -> None:
    first, second = two_workers()
    alice, bob = first.join(), second.join()
    first.connect()
    second.connect()
    microphone = alice.publish_audio(start=False)
    microphone.sends_reports = False
    slot = bob.subscribe(second.pipe(microphone.start()))
    first.network.run_for(3)
    assert slot.track.sender_reports == []
    microphone.send_reports()
    first.network.run_for(0.05)
    assert len(slot.track.sender_reports) == 1
