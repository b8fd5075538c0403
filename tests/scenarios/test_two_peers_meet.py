"""The first story: one publishes audio and video, the other gets every packet."""

from __future__ import annotations

from scenarios.call import Call


def test_everything_published_arrives_once_in_order_and_unchanged() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    microphone, camera = alice.publish_audio(start=False), alice.publish_video(start=False)
    slots = [bob.subscribe(microphone), bob.subscribe(camera)]
    microphone.start()
    camera.start()
    call.network.run_for(3)
    microphone.stop()
    camera.stop()
    call.network.run_for(0.2)
    for publication, slot in zip((microphone, camera), slots, strict=True):
        [encoding] = publication.encodings
        assert slot.track.contents == [packet.content for packet in encoding.sent.values()]
        assert [packet.arrived_us - packet.content.capture_us for packet in slot.track.in_order] == [20_000] * len(
            encoding.sent
        )
        assert slot.track.gaps == []
        assert slot.track.duplicates == 0
        slot.track.assert_steady()
        slot.track.assert_frames_whole()
    call.check_nothing_broke()
    dropped = {name: count for name, count in call.counters.items() if name.startswith("drop") and count}
    assert dropped == {}


def test_both_directions_at_once() -> None:
    call = Call()
    people = [call.join() for _ in range(3)]
    call.connect()
    publications = {person: (person.publish_audio(), person.publish_video()) for person in people}
    slots = {
        (subscriber, publication): subscriber.subscribe(publication)
        for publisher in people
        for publication in publications[publisher]
        for subscriber in people
        if subscriber is not publisher
    }
    call.network.run_for(2)
    for (_, publication), slot in slots.items():
        assert len(slot.track.packets) > (95 if publication.kind == "audio" else 60)
        assert slot.track.gaps == []
        slot.track.assert_steady()
        slot.track.assert_frames_whole()
    call.check_nothing_broke()
