"""Connectivity checks: what gets DTLS going, who is answered, and where media goes after a move."""

from __future__ import annotations

from mediaplane.testing import wire

from scenarios.call import Call


def sent_to(call: Call) -> list[tuple[str, tuple[str, int]]]:
    """Fills as the plane sends: (protocol, destination)."""
    found: list[tuple[str, tuple[str, int]]] = []
    call.network.on_sent = lambda data, destination: found.append((wire.classify_datagram(data), destination))
    return found


def test_the_first_check_without_a_nomination_gets_dtls_going() -> None:
    call = Call()
    alice = call.join(start=False)
    alice.peer.nominates = False
    alice.peer.start()
    call.connect()
    assert call.events_of("transport_tuple") == [("transport_tuple", alice.transport_id, *alice.peer.address)]
    assert call.events_of("transport_connected") == [("transport_connected", alice.transport_id, 7)]
    assert call.counters["dtls_handshakes"] == 1


def test_a_check_with_a_wrong_password_gets_no_answer_and_changes_nothing() -> None:
    call = Call()
    alice = call.join(start=False)
    sent = sent_to(call)
    alice.peer.check(pwd=b"x" * 24)
    call.network.run_for(0.1)
    assert sent == []
    assert call.events == []
    assert call.counters["drop_stun_unauthenticated"] == 1
    alice.peer.start()
    call.connect()


def test_an_unknown_ufrag_gets_no_answer() -> None:
    call = Call()
    call.join(start=False)
    stranger = call.join(start=False)
    stranger.close()
    sent = sent_to(call)
    stranger.peer.check()
    call.network.run_for(0.1)
    assert sent == []
    assert call.counters["drop_stun_unauthenticated"] == 1


def test_a_forged_check_does_not_steal_a_connected_transport() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    slot = bob.subscribe(alice.publish_audio())
    call.network.run_for(0.5)
    thief = ("203.0.113.66", 6666)
    genuine = bob.peer.address
    call.network.attach(thief, bob.peer)
    bob.peer.address = thief
    bob.peer.check(nominate=True, pwd=b"x" * 24)
    bob.peer.address = genuine
    sent = sent_to(call)
    call.network.run_for(0.5)
    assert thief not in {destination for _, destination in sent}
    assert slot.track.gaps == []


def test_a_peer_that_is_controlled_too_is_told_so_and_not_taken() -> None:
    call = Call()
    alice = call.join(start=False)
    alice.peer.check(controlling=False)
    call.network.run_for(0.1)
    assert alice.peer.errors == [487]
    assert call.events == []
    assert call.counters["drop_stun_refused"] == 1


def test_dtls_and_media_of_a_source_without_a_valid_check_are_dropped() -> None:
    call = Call()
    alice = call.join(start=False)
    alice.peer.association.start(call.network.now_us)
    for datagram in alice.peer.association.datagrams():
        call.network.send(datagram, alice.peer.address)
    call.network.send(bytes([0x80, 96]) + bytes(30), alice.peer.address)
    sent = sent_to(call)
    call.network.run_for(0.1)
    assert sent == []
    assert call.counters["drop_unknown_tuple"] == call.counters["datagrams_received"] > 1


def test_media_follows_the_peer_to_a_new_address_when_it_nominates_it() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    slot = bob.subscribe(alice.publish_audio())
    call.network.run_for(0.5)
    old, new = bob.peer.address, ("203.0.113.9", 9999)
    call.network.attach(new, bob.peer)
    sent = sent_to(call)

    bob.peer.address = new
    bob.peer.check()
    bob.peer.address = old
    call.network.run_for(0.2)
    assert {destination for kind, destination in sent if kind == "rtp"} == {old}, "a mere check moves nothing"

    bob.peer.address = new
    bob.peer.check(nominate=True)
    call.network.run_for(0.1)
    sent.clear()
    call.network.run_for(0.5)
    assert {destination for kind, destination in sent if kind == "rtp"} == {new}
    assert [event[2:] for event in call.events_of("transport_tuple", bob.transport_id)] == [old, new]
    assert call.counters["tuple_switches"] == 1
    assert slot.track.gaps == []
    call.check_nothing_broke()


def test_a_publisher_may_send_from_any_address_it_has_checked() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    slot = bob.subscribe(alice.publish_audio())
    call.network.run_for(0.3)
    call.network.attach(("203.0.113.10", 1), alice.peer)
    alice.peer.address = ("203.0.113.10", 1)
    alice.peer.check()
    call.network.run_for(0.3)
    assert slot.track.gaps == []
    assert call.counters["drop_unknown_tuple"] <= 1


def test_only_the_four_last_addresses_stay_valid() -> None:
    call = Call()
    alice = call.join()
    call.connect()
    alice.peer.checking = False
    first = alice.peer.address
    for port in range(6000, 6010):
        call.network.attach(("203.0.113.11", port), alice.peer)
        alice.peer.address = ("203.0.113.11", port)
        alice.peer.check()
        call.network.run_for(0.05)
    dropped = call.counters["drop_unknown_tuple"]
    for port in range(6000, 6010):
        call.network.send(bytes([0x80, 96]) + bytes(30), ("203.0.113.11", port))
    call.network.send(bytes([0x80, 96]) + bytes(30), first)
    call.network.run_for(0.05)
    assert call.counters["drop_unknown_tuple"] - dropped == 7
