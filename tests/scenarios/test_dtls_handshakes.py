"""Handshakes through the plane: as server and client, under loss, with the wrong certificate, and in time."""

from __future__ import annotations

import pytest

from scenarios.call import Call
from scenarios.identity import PEER, STRANGER
from scenarios.network import Conditions


@pytest.mark.parametrize("role", ["server", "client"])
@pytest.mark.parametrize("seed", range(4))
def test_a_handshake_survives_loss_reordering_and_duplicates(role: str, seed: int) -> None:
    call = Call(seed)
    call.network.conditions = Conditions(delay_us=20_000, jitter_us=30_000, loss=0.2, duplication=0.1)
    alice, bob = call.join(role=role), call.join(role=role)
    call.connect(limit_s=25)
    slot = bob.subscribe(alice.publish_audio())
    call.network.run_for(1)
    assert len(slot.track.packets) > 20
    call.check_nothing_broke()


@pytest.mark.parametrize("role", ["server", "client"])
def test_a_handshake_without_loss_takes_two_round_trips_after_the_check(role: str) -> None:
    call = Call()
    call.join(role=role)
    started_us = call.network.now_us
    call.connect()
    assert call.network.now_us - started_us <= 80_000


@pytest.mark.parametrize("role", ["server", "client"])
def test_a_certificate_that_was_not_announced_closes_and_says_why(role: str) -> None:
    call = Call()
    alice = call.join(role=role)
    mallory = call.join(role=role, identity=STRANGER, announced=PEER)
    assert call.network.run_until(lambda: bool(call.events_of("transport_closed")))
    assert call.events_of("transport_closed") == [("transport_closed", mallory.transport_id, "fingerprint_mismatch")]
    assert not call.events_of("transport_connected", mallory.transport_id)
    call.connect(alice)


def test_no_handshake_in_30_seconds_closes_and_says_why() -> None:
    call = Call()
    silent = call.join(start=False)
    started_us = call.network.now_us
    call.network.do_commands()
    assert call.network.run_until(lambda: bool(call.events_of("transport_closed")), limit_s=40)
    assert call.events == [("transport_closed", silent.transport_id, "connect_timeout")]
    assert call.network.now_us - started_us == 30_000_000


def test_checks_without_a_handshake_time_out_too() -> None:
    call = Call()
    alice = call.join(start=False)
    alice.peer.association.start = lambda now_us: None  # type: ignore[method-assign]
    alice.peer.start()
    call.network.run_for(31)
    assert call.events_of("transport_closed") == [("transport_closed", alice.transport_id, "connect_timeout")]


def test_a_client_that_nobody_answers_times_out() -> None:
    call = Call()
    alice = call.join(role="client", start=False)
    alice.peer.association.receive = lambda data, now_us: None  # type: ignore[method-assign]
    alice.peer.start()
    call.network.run_for(31)
    [event] = call.events_of("transport_closed")
    assert event[2] in ("connect_timeout", "dtls_failed")


def test_close_notify_of_the_peer_closes_and_says_so() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    slot = bob.subscribe(alice.publish_audio())
    call.network.run_for(0.3)
    alice.peer.close()
    call.network.run_for(0.1)
    assert call.events_of("transport_closed") == [("transport_closed", alice.transport_id, "peer_closed")]
    seen = len(slot.track.packets)
    call.network.run_for(0.3)
    assert len(slot.track.packets) == seen


def test_our_close_says_close_notify() -> None:
    call = Call()
    alice = call.join()
    call.connect()
    call.network.run_for(0.2)
    alice.close()
    call.network.run_for(0.1)
    assert alice.peer.association.closed()
    assert call.events_of("transport_closed") == [("transport_closed", alice.transport_id, "closed")]
    alice.close()
    call.network.run_for(0.1)
    assert len(call.events_of("transport_closed")) == 1
    assert call.counters["commands_stale"] == 1


def test_messages_of_a_data_channel_go_both_ways() -> None:
    call = Call()
    alice = call.join(data_channel=True)
    call.connect()
    call.network.run_for(6)
    alice.peer.send_message(b"to the server")
    call.plane.send_dtls(alice.transport_id, b"to the peer")
    call.network.run_for(0.1)
    assert call.events_of("dtls_data") == [("dtls_data", alice.transport_id, b"to the server")]
    assert alice.peer.messages == [b"to the peer"]


def test_messages_nobody_wants_are_dropped_and_counted() -> None:
    call = Call()
    alice = call.join()
    call.connect()
    alice.peer.send_message(b"to nobody")
    call.network.run_for(0.1)
    assert call.events_of("dtls_data") == []
    assert call.counters["drop_dtls"] == 1


def test_media_and_the_close_go_on_after_the_handshakes_memory_was_given_back() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    slot = bob.subscribe(alice.publish_audio())
    call.network.run_for(7)
    assert slot.track.gaps == []
    bob.peer.close()
    call.network.run_for(0.1)
    assert call.events_of("transport_closed") == [("transport_closed", bob.transport_id, "peer_closed")]
