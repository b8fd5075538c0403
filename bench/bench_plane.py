"""The media plane without sockets: nanoseconds a forwarded packet, from a publisher's datagram to a sealed run for the
kernel. `pytest bench/bench_plane.py`. One publisher, bursts of six packets of 1,100 bytes, every consumer has a
transport of its own. `ns_per_packet` is the fastest round; the unsealing of the publisher's packet is shared by all.
"""

from __future__ import annotations

import pytest
from mediaplane.secure.srtp import SrtpProfile, available_backends
from mediaplane.testing.fan_out import FanOut
from pytest_benchmark.fixture import BenchmarkFixture

BURST = 6
PAYLOAD_SIZE = 1100
FORWARDED = 6000  # packets of one round, about
ROUNDS = 20


@pytest.mark.parametrize("consumers", [1, 9, 200])
@pytest.mark.parametrize(
    "profile",
    [SrtpProfile.SRTP_AEAD_AES_128_GCM, SrtpProfile.SRTP_AES128_CM_HMAC_SHA1_80],
    ids=lambda profile: profile.name.removeprefix("SRTP_"),
)
@pytest.mark.parametrize("backend", available_backends())
def test_fan_out(benchmark: BenchmarkFixture, backend: str, profile: SrtpProfile, consumers: int) -> None:
    plane = FanOut(consumers, profile=profile, burst=BURST, payload_size=PAYLOAD_SIZE, srtp_backend=backend)
    frames = min(FORWARDED // (BURST * consumers) + 1, 400)
    benchmark.pedantic(plane.run, setup=lambda: plane.prepare(frames), rounds=ROUNDS, warmup_rounds=2)
    assert plane.packets == frames * BURST * consumers
    # A frame to a consumer is one run, but for those that the end of the egress buffer cuts in two.
    assert frames * consumers <= plane.sends <= frames * consumers * 1.02
    if benchmark.stats is not None:  # None with --benchmark-disable
        benchmark.extra_info["ns_per_packet"] = round(benchmark.stats.stats.min * 1e9 / plane.packets, 1)
