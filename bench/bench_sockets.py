"""What the kernel takes for a packet, by the length of the runs it is given: `pytest bench/bench_sockets.py`.

Nothing is received, sealed or chosen: runs that are ready go to 200 sockets of the loopback, whose delivery Linux does
in the sender's time. So it is the least that a forwarder on this machine can need, and it tells machines apart.
"""

from __future__ import annotations

import socket

import pytest
from mediaplane.testing.socket_bench import SocketBench
from pytest_benchmark.fixture import BenchmarkFixture

DESTINATIONS = 200
SIZE = 1100
ROUNDS = 40
UDP_GRO = 104


def receiver(*, gro: bool) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    if gro:
        opened.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    opened.bind(("127.0.0.1", 0))
    return opened


def drain(receivers: list[socket.socket]) -> None:
    for each in receivers:
        try:
            while each.recv(65536):
                pass
        except BlockingIOError:
            pass


@pytest.mark.parametrize("gro", [True, False], ids=["gro", "no-gro"])
@pytest.mark.parametrize("run_length", [1, 2, 3, 6, 16])
def test_send(benchmark: BenchmarkFixture, run_length: int, gro: bool) -> None:
    receivers = [receiver(gro=gro) for _ in range(DESTINATIONS)]
    bench = SocketBench([each.getsockname()[1] for each in receivers], run_length, SIZE)
    measured: list[int] = []

    def run() -> None:
        bench.run(1)
        measured.append(bench.cpu_ns)

    try:
        benchmark.pedantic(run, setup=lambda: drain(receivers), rounds=ROUNDS, warmup_rounds=2)
        # What was sent last has arrived, all of it: the loopback delivers before the send returns.
        assert sum(len(each.recv(65536)) for each in receivers) == DESTINATIONS * SIZE * (run_length if gro else 1)
    finally:
        for each in receivers:
            each.close()
    if benchmark.stats is not None:  # None with --benchmark-disable
        benchmark.extra_info["ns_per_packet"] = round(min(measured) / (DESTINATIONS * run_length), 1)
