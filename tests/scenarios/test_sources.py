"""Publishers that change under our feet: a new SSRC, a goodbye, another clock."""

from __future__ import annotations

from scenarios.call import Call
from scenarios.negotiated import OPUS_RECEIVED


def test_a_publisher_that_begins_anew_under_another_ssrc_is_followed() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video(signaled=False)
    slot = bob.subscribe(camera)
    call.network.run_for(1)
    camera.stop()
    call.network.run_for(1)
    [encoding] = camera.encodings
    encoding.ssrc += 1
    encoding.rtx_ssrc += 1
    encoding.next_index = 7
    encoding.timestamp_base = 123
    encoding.picture_id = 9
    encoding.keyframe_wanted = True
    encoding.sent.clear()
    seen = len(slot.track.packets)
    camera.start()
    call.network.run_for(1)
    assert len(slot.track.packets) - seen >= 35
    assert slot.track.gaps == []
    slot.track.assert_steady()
    slot.track.assert_frames_whole()
    call.check_nothing_broke()


def test_two_ssrcs_that_fight_for_one_encoding_do_not_take_turns() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video(signaled=False)
    slot = bob.subscribe(camera)
    call.network.run_for(0.5)
    [encoding] = camera.encodings
    for number in range(20):
        packet = encoding.sent[max(encoding.sent)]
        camera.write(packet, 0x777, number, packet.payload_type, packet.payload, [])
        call.network.run_for(0.05)
    assert call.counters["drop_unknown_ssrc"] == 20
    assert slot.track.gaps == []
    assert len(slot.track.packets) >= 60


def test_goodbye_is_told_once_and_a_return_is_told_too() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    microphone = alice.publish_audio()
    slot = bob.subscribe(microphone)
    call.network.run_for(0.5)
    microphone.stop()
    call.network.run_for(0.1)
    for _ in range(5):
        microphone.say_bye()
    call.network.run_for(0.1)
    assert call.events_of("producer_bye") == [("producer_bye", microphone.producer_id)]
    microphone.start()
    call.network.run_for(0.5)
    assert len(call.events_of("producer_active", microphone.producer_id)) == 2
    assert slot.track.gaps == []


def test_goodbye_of_one_encoding_is_not_that_of_the_producer() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video(["q", "h"])
    slot = bob.subscribe(camera)
    call.network.run_for(1)
    camera.encodings[1].paused = True
    call.network.run_for(0.05)
    low, high = camera.encodings
    camera.encodings = [high]
    camera.say_bye()
    camera.encodings = [low]
    call.network.run_for(0.3)
    assert call.events_of("producer_bye") == []
    assert slot.track.in_order[-1].content.stream == low.stream, "it gives way at once"
    camera.stop()
    camera.say_bye()
    call.network.run_for(0.1)
    assert len(call.events_of("producer_bye")) == 1


def test_goodbye_for_somebody_else_is_ignored() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    microphone = alice.publish_audio()
    bob.subscribe(microphone)
    call.network.run_for(0.3)
    theirs = bob.publish_audio(start=False)
    theirs.encodings[0].ssrc = microphone.encodings[0].ssrc
    theirs.say_bye()
    call.network.run_for(0.1)
    assert call.events_of("producer_bye") == []


def test_the_clock_of_each_codec_is_its_own() -> None:
    """Opus at 48 kHz gives way to PCMU at 8 kHz on the same SSRC."""
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    source = alice.publish_audio(start=False)
    call.plane.close_producer(source.producer_id)
    call.plane.create_producer(
        alice.transport_id,
        900,
        kind="audio",
        mid="x",
        codecs=[(111, "opus", 48_000, 0), (0, "PCMU", 8_000, 0)],
        encodings=[("", source.encodings[0].ssrc, 0)],
        nack=False,
        pli=False,
        fir=False,
        transport_cc=False,
    )
    slot = bob.receive("audio")
    call.plane.connect_consumer(slot.consumer_id, 900, [(111, OPUS_RECEIVED, 0), (0, 0, 0)])
    source.start()
    call.network.run_for(1)
    source.stop()
    [encoding] = source.encodings
    last = encoding.sent[max(encoding.sent)]
    for number in range(100):
        packet = type(last)(
            last.content, last.payload, 0, False, last.timestamp + 160 * (number + 1), encoding.next_index, 0, False
        )
        source.write(packet, encoding.ssrc, encoding.next_index, 0, last.payload, [])
        encoding.next_index += 1
        call.network.run_for(0.02)
    blocks = [block for block in source.reports if block["ssrc"] == encoding.ssrc]
    assert blocks[-1]["jitter"] < 40
    assert slot.track.gaps == []
