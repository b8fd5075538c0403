"""Application data of DTLS goes up where data channels use it, within what a peer may send, and down on command."""

from __future__ import annotations

from scenarios.call import Call, Participant
from scenarios.negotiated import SENT_IDS, by_uri


def received(call: Call, person: Participant) -> list[bytes]:
    return [event[2] for event in call.events_of("dtls_data", person.transport_id)]


def test_data_goes_both_ways() -> None:
    call = Call()
    alice = call.join(data_channel=True)
    call.connect()
    alice.peer.send_message(b"up")
    call.plane.send_dtls(alice.transport_id, b"down")
    call.network.run_for(0.1)
    assert received(call, alice) == [b"up"]
    assert alice.peer.messages == [b"down"]
    assert call.counters["drop_dtls"] == 0


def test_it_is_dropped_where_nobody_wants_it_and_a_renegotiation_changes_that() -> None:
    call = Call()
    alice = call.join()
    call.connect()
    call.network.run_for(6)  # the handshake's memory is given back meanwhile
    for wanted, said in ((None, b"one"), (True, b"two"), (False, b"three")):
        if wanted is not None:
            call.plane.update_transport(alice.transport_id, extensions=by_uri(SENT_IDS), data_channel=wanted)
        alice.peer.send_message(said)
        call.network.run_for(0.1)
    assert received(call, alice) == [b"two"]
    assert call.counters["drop_dtls"] == 2


def test_a_flood_is_a_counted_drop_and_costs_nobody_else_an_event() -> None:
    call = Call(event_capacity=1024)
    alice, bob = call.join(data_channel=True), call.join(data_channel=True)
    call.connect()
    call.events.clear()
    for number in range(5_000):
        alice.peer.send_message(number.to_bytes(4, "big"))
    bob.peer.send_message(b"hello")
    call.network.run_for(0.1)
    told = received(call, alice)
    assert 256 <= len(told) <= 400
    assert call.counters["drop_data_flood"] == 5_000 - len(told)
    assert call.counters["events_lost"] == 0
    assert received(call, bob) == [b"hello"]
    call.network.run_for(2)
    alice.peer.send_message(b"calm again")
    call.network.run_for(0.1)
    assert received(call, alice)[-1] == b"calm again"


def test_five_hundred_a_second_is_no_flood() -> None:
    call = Call()
    alice = call.join(data_channel=True)
    call.connect()
    for _ in range(1000):
        alice.peer.send_message(b"x")
        call.network.run_for(0.0021)
    call.network.run_for(0.1)
    assert len(received(call, alice)) == 1000
    assert call.counters["drop_data_flood"] == 0
