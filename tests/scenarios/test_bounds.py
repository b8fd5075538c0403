"""Every table and ring is bounded; what is refused is counted, and nobody else notices."""

from __future__ import annotations

import pytest
from mediaplane.testing import wire

from scenarios.call import Call
from scenarios.negotiated import CLOCK_RATE, OPUS, VP8, VP8_RTX


def create_video(call: Call, transport_id: int, producer_id: int, encodings: list[tuple[str, int, int]]) -> None:
    call.plane.create_producer(
        transport_id,
        producer_id,
        kind="video",
        mid=str(producer_id),
        codecs=[(VP8, "VP8", CLOCK_RATE["video"], VP8_RTX)],
        encodings=encodings,
        nack=True,
        pli=True,
        fir=True,
        transport_cc=False,
    )


def test_more_transports_than_there_is_room_for_are_closed_at_once() -> None:
    call = Call(max_transports=2)
    alice, bob = call.join(), call.join()
    third = call.join(start=False)
    call.connect(alice, bob)
    assert call.events_of("transport_closed") == [("transport_closed", third.transport_id, "no_memory")]
    assert call.counters["commands_refused"] == 1
    alice.close()
    fourth = call.join()
    call.connect(fourth)


def test_a_transport_id_that_is_taken_does_not_touch_its_owner() -> None:
    call = Call()
    alice = call.join()
    call.connect()
    call.ids = iter([alice.transport_id])
    call.join(start=False, address=("203.0.113.1", 1))
    call.network.run_for(1)
    assert call.counters["commands_refused"] == 1
    call.plane.request_stats(alice.transport_id, 7)
    call.network.run_for(31)
    assert len(call.events_of("stats")) == 1


def test_a_producer_with_more_ssrcs_than_allowed_leaves_nothing_behind() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    for number in range(8):
        encodings = [(f"r{index}", 0x1000 + 16 * number + index, 0x2000 + 16 * number + index) for index in range(2)]
        create_video(call, alice.transport_id, 100 + number, encodings)
    call.network.do_commands()
    assert call.counters["commands_refused"] == 0
    create_video(call, alice.transport_id, 200, [("", 0x9000, 0x9001)])
    call.network.do_commands()
    assert call.counters["commands_refused"] == 1
    for ssrc in (0x9000, 0x9001):
        header = wire.rtp_write_fixed_header(payload_type=VP8, marker=True, seq16=1, timestamp=0, ssrc=ssrc)
        alice.peer.send_rtp(header, bytes(50), 1)
    call.network.run_for(0.1)
    call.plane.close_producer(200)
    call.network.do_commands()
    assert call.counters["commands_stale"] == 1
    call.plane.close_producer(100)
    camera = alice.publish_video()
    slot = bob.subscribe(camera)
    call.network.run_for(0.5)
    assert len(slot.track.packets) > 10
    alice.close()
    call.network.run_for(0.1)


def test_a_producer_id_or_consumer_ssrc_that_is_taken_is_refused() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video()
    slot = bob.subscribe(camera)
    create_video(call, alice.transport_id, camera.producer_id, [("", 0x9000, 0x9001)])
    options = {"kind": "video", "mid": "x", "cname": "c", "extensions": {}, "two_byte": False}
    call.plane.create_consumer(bob.transport_id, slot.consumer_id, ssrc=5, rtx_ssrc=6, **options)
    call.plane.create_consumer(bob.transport_id, 900, ssrc=slot.track.ssrc, rtx_ssrc=6, **options)
    call.plane.create_consumer(bob.transport_id, 901, ssrc=7, rtx_ssrc=slot.track.rtx_ssrc, **options)
    call.plane.create_consumer(bob.transport_id, 902, ssrc=7, rtx_ssrc=8, **options)
    call.network.run_for(1)
    assert call.counters["commands_refused"] == 4
    assert slot.track.gaps == []
    assert len(slot.track.packets) > 40


def test_a_publisher_that_changes_its_ssrcs_all_the_time_uses_nothing_up() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video(["q", "h"], signaled=False)
    slot = bob.subscribe(camera)
    call.network.run_for(0.3)
    low = camera.encodings[0]
    for number in range(100):
        low.rtx_ssrc = 0x8000 + number
        camera.resend(low, max(low.sent) - 4)
        call.network.run_for(0.01)
    call.network.run_for(1)
    assert call.counters["drop_ssrc_limit"] == 0
    assert call.counters["drop_duplicate"] == 100
    assert slot.track.gaps == []
    assert len(slot.track.packets) > 40


def test_a_full_command_ring_raises_and_recovers() -> None:
    call = Call()
    alice = call.join()
    call.connect()
    with pytest.raises(BufferError, match="command ring is full"):  # noqa: PT012 (one of them is too many)
        for _ in range(100_000):
            call.plane.request_keyframe(1)
    with pytest.raises(BufferError):
        create_video(call, alice.transport_id, 500, [("", 1, 2)])
    with pytest.raises(BufferError):
        call.plane.connect_consumer(1, 2, [(OPUS, OPUS, 0)])
    call.network.do_commands()
    bob = call.join()
    call.connect(bob)


def test_lost_events_are_told_and_every_close_still_comes() -> None:
    call = Call(event_capacity=8, max_transports=64)
    people = [call.join() for _ in range(20)]
    call.network.run_for(1)
    assert call.counters["events_lost"] > 0
    for someone in people:
        call.plane.close_transport(someone.transport_id)
    call.network.do_commands()
    closed: list[int] = []
    lost = 0
    for _ in range(40):
        for event in call.plane.events():
            if event[0] == "transport_closed":
                closed.append(event[1])
            elif event[0] == "events_lost":
                lost += event[1]
        call.network.do_commands()
    assert sorted(closed) == [someone.transport_id for someone in people]
    assert lost == call.counters["events_lost"]


def test_transports_that_were_refused_while_the_event_ring_was_full_are_told_too() -> None:
    call = Call(event_capacity=2, max_transports=1)
    people = [call.join(start=False) for _ in range(10)]
    call.network.do_commands()
    closed: list[int] = []
    for _ in range(20):
        closed += [event[1] for event in call.plane.events() if event[0] == "transport_closed"]
        call.network.do_commands()
    assert sorted(closed) == [someone.transport_id for someone in people[1:]]
