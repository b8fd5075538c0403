"""ICE restarts: the old credentials hold until the first valid check with the new ones; keys and media go on."""

from __future__ import annotations

from scenarios.call import Call, Participant
from scenarios.peer import Credentials


def restart(call: Call, someone: Participant, name: str) -> Credentials:
    fresh = Credentials(name.ljust(8, "r").encode(), name.ljust(24, "q").encode())
    call.plane.restart_ice(someone.transport_id, ice_ufrag=fresh.ufrag, ice_pwd=fresh.pwd)
    call.network.do_commands()
    return fresh


def test_old_credentials_hold_until_the_first_check_with_the_new() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    slot = bob.subscribe(alice.publish_audio())
    old = bob.peer.credentials
    fresh = restart(call, bob, "second")
    call.network.run_for(35)
    assert call.events_of("transport_closed") == [], "checks with the old ones count"

    bob.peer.credentials = fresh
    bob.peer.check(nominate=True)
    call.network.run_for(0.1)
    unauthenticated = call.counters["drop_stun_unauthenticated"]
    bob.peer.credentials = old
    bob.peer.check()
    call.network.run_for(0.1)
    assert call.counters["drop_stun_unauthenticated"] == unauthenticated + 1
    bob.peer.credentials = fresh
    call.network.run_for(35)
    assert call.events_of("transport_closed") == []
    assert len(call.events_of("transport_connected")) == 2, "the DTLS association is kept"
    assert slot.track.gaps == []
    call.check_nothing_broke()


def test_two_restarts_in_a_row_forget_the_first_credentials() -> None:
    call = Call()
    alice = call.join()
    call.connect()
    first = alice.peer.credentials
    second = restart(call, alice, "second")
    third = restart(call, alice, "third")
    alice.peer.checking = False
    answered = call.counters["stun_requests"]
    for credentials, expected in ((first, 0), (second, 1), (third, 1), (second, 0)):
        alice.peer.credentials = credentials
        alice.peer.check()
        call.network.run_for(0.05)
        answered, before = call.counters["stun_requests"], answered
        assert answered - before == expected


def test_a_restart_with_a_new_address_moves_the_media() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    slot = bob.subscribe(alice.publish_audio())
    call.network.run_for(0.5)
    bob.peer.credentials = restart(call, bob, "second")
    bob.peer.move(("203.0.113.20", 7000))
    bob.peer.valid.clear()
    bob.peer.check(nominate=True)
    call.network.run_for(0.1)
    seen = len(slot.track.packets)
    call.network.run_for(1)
    assert len(slot.track.packets) - seen >= 50
    call.check_nothing_broke()


def test_credentials_that_are_taken_are_refused_and_hurt_nobody() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    call.plane.restart_ice(bob.transport_id, ice_ufrag=alice.credentials.ufrag, ice_pwd=bob.credentials.pwd)
    call.network.do_commands()
    assert call.counters["commands_refused"] == 1
    call.network.run_for(35)
    assert call.events_of("transport_closed") == []
