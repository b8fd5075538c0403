"""What a worker tells of times and losses: each value once, in the bucket that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from mediaplane.testing.plane import VirtualPlane

from scenarios.call import Call
from scenarios.network import Conditions


def spread(plane: VirtualPlane, name: str) -> tuple[list[tuple[float, float, int]], float, int]:
    """(above, up to, count) of the buckets that have something; the mean; how many there are."""
    unit, bounds, counts, total = plane.distributions()[name]
    edges = [float("-inf"), *(bound * unit for bound in bounds), float("inf")]
    filled = [(edges[i], edges[i + 1], count) for i, count in enumerate(counts) if count]
    number = sum(counts)
    return filled, total * unit / number if number else 0.0, number


def within(buckets: Sequence[tuple[float, float, int]], value: float) -> bool:
    return any(above < value <= up_to for above, up_to, _ in buckets)


def test_round_trips_and_losses_are_those_of_the_network() -> None:
    call = Call(seed=5)
    alice, bob = call.join(), call.join()
    call.connect()
    source = alice.publish_video()
    slot = bob.subscribe(source)
    call.network.run_for(1)
    call.network.down[bob.peer.address] = Conditions(delay_us=35_000)
    call.network.up[bob.peer.address] = Conditions(delay_us=25_000)
    call.network.up[alice.peer.address] = Conditions(loss=0.15)
    source.answers_nacks = False
    slot.track.start_reports()
    call.network.run_for(20)
    trips, mean, number = spread(call.plane, "round_trip")
    assert number >= 8
    assert mean == pytest.approx(0.060, rel=0.1)
    assert within(trips, mean)
    _, loss, reports = spread(call.plane, "loss_in")
    assert reports >= 15
    assert loss == pytest.approx(0.15, abs=0.05)
    assert spread(call.plane, "jitter")[2] == reports


def test_connecting_is_timed_from_creation_and_the_handshake_from_the_first_check() -> None:
    call = Call()
    one = call.join()
    call.network.run_for(0.0)
    call.connect()
    assert one.peer.connected
    _, connecting, connections = spread(call.plane, "connecting")
    _, handshake, handshakes = spread(call.plane, "handshake")
    assert connections == handshakes == 1
    assert 0 < handshake <= connecting < 1


def test_a_silent_encoding_says_nothing_of_loss() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    source = alice.publish_video()
    bob.subscribe(source)
    call.network.run_for(3)
    source.stop()
    call.network.run_for(5)
    before = spread(call.plane, "loss_in")[2]
    assert before
    call.network.run_for(10)
    assert spread(call.plane, "loss_in")[2] == before
