"""The stages of the packet path, without sockets: `pytest bench/bench_stages.py`. `ns_per_packet` is the fastest round,
in CPU time, for each packet that goes out (for `receive`: for each that comes in).

`receive` is demultiplexing, opening and what is noted of a packet; `forward` the fan-out with its header rewriting;
`seal` the cipher over the whole fan-out with the joining to runs; `coalesce` that joining alone.
"""

from __future__ import annotations

from typing import Literal

import pytest
from mediaplane.secure.srtp import SrtpProfile
from mediaplane.testing.coalesce_bench import CoalesceBench
from mediaplane.testing.fan_out import FanOut
from pytest_benchmark.fixture import BenchmarkFixture

PAYLOAD_SIZE = 1100
PACKETS = 6000  # that go out in a round, about
COALESCED = 100_000  # likewise: about a millisecond
ROUNDS = 30
MOST_RECEIVED = 1900  # in a round: all of them together are fewer than 65,536

# Packets of a batch by the number of consumers: so that reading the clock is a small part of it.
BATCHES = {1: 64, 9: 32, 200: 6}


@pytest.mark.parametrize("consumers", list(BATCHES))
@pytest.mark.parametrize("stage", ["receive", "forward", "seal"])
def test_stage(benchmark: BenchmarkFixture, stage: Literal["receive", "forward", "seal"], consumers: int) -> None:
    batch = BATCHES[consumers]
    plane = FanOut(consumers, profile=SrtpProfile.SRTP_AEAD_AES_128_GCM, burst=batch, payload_size=PAYLOAD_SIZE)
    frames = max(min(PACKETS // consumers, MOST_RECEIVED) // batch, 5)
    measured: list[int] = []

    def run() -> None:
        plane.run_stages()
        measured.append(getattr(plane, f"{stage}_ns"))

    benchmark.pedantic(run, setup=lambda: plane.prepare(frames), rounds=ROUNDS, warmup_rounds=2)
    assert plane.packets == frames * batch * consumers
    if benchmark.stats is not None:  # None with --benchmark-disable
        count = frames * batch * (1 if stage == "receive" else consumers)
        benchmark.extra_info["ns_per_packet"] = round(min(measured) / count, 1)


@pytest.mark.parametrize("run_length", [1, 6])
def test_coalesce(benchmark: BenchmarkFixture, run_length: int) -> None:
    destinations = 72
    bench = CoalesceBench(destinations, run_length, PAYLOAD_SIZE)
    rounds = COALESCED // (destinations * run_length)
    benchmark.pedantic(bench.run, args=(rounds,), rounds=ROUNDS, warmup_rounds=2)
    assert bench.sends == destinations
    if benchmark.stats is not None:  # None with --benchmark-disable
        count = rounds * destinations * run_length
        benchmark.extra_info["ns_per_packet"] = round(benchmark.stats.stats.min * 1e9 / count, 1)
