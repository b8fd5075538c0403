"""Everything may be closed in any order, also in the middle of a batch, and what is left goes on."""

from __future__ import annotations

import itertools

import pytest

from scenarios.call import Call


@pytest.mark.parametrize("order", list(itertools.permutations(["transport", "producer", "consumer", "subscriber"])))
def test_any_order_of_closing(order: tuple[str, ...]) -> None:
    call = Call(batch_us=20_000)
    alice, bob, carol = call.join(), call.join(), call.join()
    call.connect()
    source = alice.publish_video()
    slot, other = bob.subscribe(source), carol.subscribe(source)
    call.network.run_for(0.4)
    for what in order:
        if what == "transport":
            call.plane.close_transport(alice.transport_id)
        elif what == "producer":
            call.plane.close_producer(source.producer_id)
        elif what == "consumer":
            call.plane.close_consumer(slot.consumer_id)
        else:
            call.plane.close_transport(bob.transport_id)
        call.network.run_for(0.1)
    source.stop()
    call.network.run_for(0.1)
    assert sorted(event[1:] for event in call.events_of("transport_closed")) == [
        (alice.transport_id, "closed"),
        (bob.transport_id, "closed"),
    ]
    again = carol.publish_audio()
    third = call.join()
    call.connect(third)
    slot = third.subscribe(again)
    call.network.run_for(0.5)
    assert len(slot.track.packets) > 15
    assert other.track.gaps == []


def test_commands_for_what_is_gone_are_counted_and_nothing_else() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    source = alice.publish_audio()
    slot = bob.subscribe(source)
    call.network.run_for(0.2)
    call.plane.close_transport(alice.transport_id)
    call.plane.close_transport(bob.transport_id)
    call.network.do_commands()
    call.plane.update_transport(alice.transport_id, extensions={})
    call.plane.restart_ice(alice.transport_id, ice_ufrag=b"x" * 8, ice_pwd=b"y" * 24)
    call.plane.send_dtls(alice.transport_id, b"late")
    call.plane.request_stats(alice.transport_id, 1)
    call.plane.close_producer(source.producer_id)
    call.plane.gate_producer(source.producer_id, True)
    call.plane.request_keyframe(source.producer_id)
    call.plane.gate_consumer(slot.consumer_id, True)
    call.plane.select_encoding(slot.consumer_id, 0)
    call.plane.connect_consumer(slot.consumer_id, source.producer_id, [])
    call.plane.close_consumer(slot.consumer_id)
    alice.publish_audio(start=False)
    bob.receive("audio")
    call.network.do_commands()
    assert call.counters["commands_stale"] == 13


def test_a_goodbye_in_the_middle_of_a_batch_of_media() -> None:
    """Media before it in the batch, of a peer that is gone when the batch is opened."""
    call = Call(batch_us=50_000)
    alice, bob = call.join(), call.join()
    call.connect()
    source = alice.publish_video(start=False)
    slot = bob.subscribe(source)
    source.send_frame()
    call.network.run_for(0.1)
    source.send_frame()
    alice.peer.close()
    source.send_frame()
    bob.peer.close()
    call.network.run_for(0.1)
    assert sorted(event[2] for event in call.events_of("transport_closed")) == ["peer_closed", "peer_closed"]
    assert len(slot.track.packets) >= 4


def test_closing_with_media_in_both_directions_under_way() -> None:
    call = Call(batch_us=5_000)
    people = [call.join() for _ in range(6)]
    call.connect()
    sources = [person.publish_video(["q", "h"]) for person in people]
    for person, source in itertools.product(people, sources):
        if source.peer is not person.peer:
            person.subscribe(source)
    call.network.run_for(0.5)
    for number, person in enumerate(people):
        if number % 2:
            person.peer.close()
        else:
            call.plane.close_transport(person.transport_id)
        call.network.run_for(0.033)
    call.network.run_for(0.3)
    assert len(call.events_of("transport_closed")) == 6
    assert call.plane.deadline() is None


def test_many_rounds_of_coming_and_going_leave_nothing() -> None:
    call = Call(max_transports=4)
    bob = call.join()
    call.connect()
    for _ in range(25):
        alice = call.join()
        call.connect(alice)
        slot = bob.subscribe(alice.publish_audio())
        call.network.run_for(0.1)
        assert slot.track.packets
        slot.close()
        alice.close()
        alice.peer.leave()
    call.network.run_for(0.1)
    assert len(call.events_of("transport_closed")) == 25
    assert call.counters["commands_refused"] == 0
    assert len(call.plane.deadlines()) == 1


def test_a_plane_is_dropped_with_everything_open() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    bob.subscribe(alice.publish_video())
    call.network.run_for(0.3)
    call.plane.create_transport(
        999,
        ice_ufrag=b"z" * 8,
        ice_pwd=b"z" * 24,
        dtls_role="server",
        fingerprints=[("sha-256", bytes(32))],
        extensions={},
    )
    del call
