"""What a running worker tells of itself: how long packets take through it, and what it holds."""

from __future__ import annotations

from loopback import LoopbackCall
from mediaplane.worker import Worker


def count_of(worker: Worker, name: str) -> int:
    return sum(worker.distributions()[name][2])


def test_every_forwarded_packet_is_timed_and_none_twice() -> None:
    with LoopbackCall() as call:
        alice, bob = call.join(), call.join()
        call.connect(alice, bob)
        source = alice.publish_video()
        slot = bob.subscribe(source)
        assert call.network.run_until(lambda: len(slot.track.in_order) > 100)
        source.stop()
        # The counter and the distribution are of one thread: when that is idle they agree.
        assert call.network.run_until(
            lambda: count_of(call.plane, "forwarding") == call.plane.counters()["rtp_forwarded"] > 100
        )
        unit, bounds, counts, total = call.plane.distributions()["forwarding"]
        mean_s = total * unit / sum(counts)
        assert 0 < mean_s < 0.05
        assert len(counts) == len(bounds) + 1
        assert bounds == sorted(bounds)


def test_gauges_are_what_is_there() -> None:
    with LoopbackCall() as call:
        assert call.plane.gauges()["transports"] == 0
        alice, bob = call.join(), call.join()
        call.connect(alice, bob)
        bob.subscribe(alice.publish_video())
        assert call.network.run_until(lambda: call.plane.gauges()["consumers"] == 1)
        assert call.network.run_until(lambda: call.plane.gauges()["command_ring"] == 0)
        gauges = call.plane.gauges()
        assert (gauges["transports"], gauges["producers"], gauges["consumers"]) == (2, 1, 1)
        assert gauges["pipe_bytes"] == 0
        assert 0 < gauges["cpu_us"] < 60e6
    assert call.plane.gauges()["cpu_us"] == 0
