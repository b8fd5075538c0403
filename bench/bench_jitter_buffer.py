"""The jitter buffer: what a packet costs going in, and a tick of 20 ms coming out, without the codec and with it.
`pytest bench/bench_jitter_buffer.py`; `insert_ns` and `pull_ns` are the fastest round.
"""

from __future__ import annotations

import pytest
from mediaplane.testing.jitter_bench import JitterBench
from mediaplane.testing.opus import Encoder
from pytest_benchmark.fixture import BenchmarkFixture

from bench.speech import FRAME, speech

PACKETS = 2_000


@pytest.mark.parametrize("kind", ["in_order", "reordered", "decoded"])
def test_insert_and_pull(benchmark: BenchmarkFixture, kind: str) -> None:
    payload = Encoder(bitrate_bps=32_000).encode(speech(1)[9 * FRAME : 10 * FRAME].tobytes())
    bench = JitterBench(payload, reordered=kind == "reordered")
    rounds: list[tuple[float, float]] = []
    benchmark.pedantic(lambda: rounds.append(bench.run(PACKETS, decode=kind == "decoded")), rounds=30, warmup_rounds=2)
    statistics = bench.statistics
    assert statistics["packets"] == PACKETS * len(rounds)
    assert statistics["late"] + statistics["duplicates"] + statistics["malformed"] == 0
    if benchmark.stats is not None:  # None with --benchmark-disable
        benchmark.extra_info["insert_ns"] = round(min(insert for insert, _ in rounds), 1)
        benchmark.extra_info["pull_ns"] = round(min(pull for _, pull in rounds), 1)
