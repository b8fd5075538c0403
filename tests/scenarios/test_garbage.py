"""Garbage never disturbs a call. `tests/fuzz` goes on where this stops."""

from __future__ import annotations

import pytest
from fuzz.garbage import Attack


@pytest.mark.parametrize("seed", range(6))
def test_garbage_from_strangers(seed: int) -> None:
    attack = Attack(seed)
    sent = 0
    attack.call.network.on_sent = None
    for _ in range(20):
        attack.throw(40, spoofed=False)
        sent += 40
        attack.call.network.run_for(0.02)
    attack.check()
    dropped = sum(count for name, count in attack.call.counters.items() if name.startswith("drop"))
    assert dropped > 0.5 * sent


@pytest.mark.parametrize("seed", range(6))
def test_garbage_from_the_addresses_of_the_peers(seed: int) -> None:
    attack = Attack(seed + 100)
    for _ in range(20):
        attack.throw(40, spoofed=True)
        attack.call.network.run_for(0.02)
    attack.check()


@pytest.mark.parametrize("seed", range(6))
def test_garbage_behind_the_seal_hurts_nobody_but_its_author(seed: int) -> None:
    attack = Attack(seed + 200)
    for _ in range(40):
        attack.sealed_garbage()
        attack.call.network.run_for(0.02)
    attack.check()


@pytest.mark.parametrize("seed", range(4))
def test_broken_media_of_a_publisher_does_not_stop_the_others(seed: int) -> None:
    attack = Attack(seed + 300)
    attack.people[1].peer.tracks.clear()
    attack.people[1].peer.strangers = []
    other = attack.people[2].publish_audio()
    slot = attack.people[1].subscribe(other)
    for _ in range(60):
        attack.sealed_media()
        attack.call.network.run_for(0.02)
    assert len(slot.track.packets) > 50
    assert slot.track.gaps == []
    assert attack.call.events_of("transport_closed") == []
