"""Frames from packets: what the assembler costs a packet. `pytest bench/bench_video.py`."""

from __future__ import annotations

import pytest
from mediaplane.testing.video import FrameAssembler
from pytest_benchmark.fixture import BenchmarkFixture

PACKETS = 12_000


@pytest.mark.parametrize("packets_per_frame", [1, 6, 60])
def test_assemble(benchmark: BenchmarkFixture, packets_per_frame: int) -> None:
    frames = benchmark.pedantic(
        lambda assembler: assembler.run(PACKETS, packets_per_frame),
        setup=lambda: ((FrameAssembler(),), {}),
        rounds=30,
        warmup_rounds=2,
    )
    assert frames == PACKETS // packets_per_frame
    if benchmark.stats is not None:  # None with --benchmark-disable
        benchmark.extra_info["ns_per_packet"] = round(benchmark.stats.stats.min * 1e9 / PACKETS, 1)
