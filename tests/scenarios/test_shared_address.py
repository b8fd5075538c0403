"""Two transports that come from one address: the one that checked last has it."""

from __future__ import annotations

from scenarios.call import Call


def test_a_peer_that_comes_again_from_its_old_port_works_at_once() -> None:
    call = Call()
    bob = call.join()
    before = call.join()
    call.connect()
    first = before.publish_audio()
    call.network.run_for(0.5)
    first.stop()
    before.peer.leave()

    after = call.join(address=before.peer.address)
    call.connect(after)
    slot = bob.subscribe(after.publish_audio())
    call.network.run_for(1)
    assert len(slot.track.packets) >= 45
    assert slot.track.gaps == []
    call.network.run_for(31)
    assert call.events_of("transport_closed") == [("transport_closed", before.transport_id, "consent_expired")]
    seen = len(slot.track.packets)
    call.network.run_for(1)
    assert len(slot.track.packets) - seen >= 50, "the end of the first transport takes nothing from the second"


def test_whoever_lost_the_address_gets_it_back_with_its_next_check() -> None:
    call = Call()
    alice, bob, mallory = call.join(), call.join(), call.join(start=False)
    call.connect(alice, bob)
    slot = bob.subscribe(alice.publish_audio())
    call.network.run_for(0.5)
    mallory.peer.checking = False
    mallory.peer.address = alice.peer.address
    mallory.peer.check()
    call.network.attach(alice.peer.address, alice.peer)
    alice.peer._asked.update(mallory.peer._asked)
    call.network.run_for(0.1)
    assert call.counters["drop_not_connected"] > 0
    call.network.run_for(3)
    seen = len(slot.track.packets)
    call.network.run_for(1)
    assert len(slot.track.packets) - seen >= 49
