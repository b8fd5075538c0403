"""SRTP at 1,100 bytes of payload: nanoseconds a packet, per back end, profile and batch. `pytest bench/bench_srtp.py`.

Sealing is what a fan-out does: one payload, another session for each packet, out of place. Opening is in place; its
figures contain the copy that puts the sealed packet back (about 20 ns). `ns_per_packet` is the fastest round.
"""

from __future__ import annotations

import random

import pytest
from mediaplane.secure.srtp import SrtpProfile, available_backends
from mediaplane.testing.srtp import ProtectBench, SrtpEngine, SrtpSession, UnprotectBench
from pytest_benchmark.fixture import BenchmarkFixture

HEADER_SIZE = 20
PAYLOAD_SIZE = 1100
PACKETS = 4000  # of one round: about a millisecond
SIZES = {
    SrtpProfile.SRTP_AEAD_AES_128_GCM: (16, 12),
    SrtpProfile.SRTP_AEAD_AES_256_GCM: (32, 12),
    SrtpProfile.SRTP_AES128_CM_HMAC_SHA1_80: (16, 14),
}


@pytest.mark.parametrize("batch", [1, 10, 200])
@pytest.mark.parametrize("profile", list(SIZES), ids=lambda profile: profile.name.removeprefix("SRTP_"))
@pytest.mark.parametrize("backend", available_backends())
@pytest.mark.parametrize("direction", [ProtectBench, UnprotectBench], ids=["protect", "unprotect"])
def test_srtp(
    benchmark: BenchmarkFixture,
    direction: type[ProtectBench] | type[UnprotectBench],
    backend: str,
    profile: SrtpProfile,
    batch: int,
) -> None:
    key_size, salt_size = SIZES[profile]
    engine, rng = SrtpEngine(backend), random.Random(1)
    sessions = [SrtpSession(engine, profile, rng.randbytes(key_size), rng.randbytes(salt_size)) for _ in range(batch)]
    bench = direction(engine, sessions, HEADER_SIZE, PAYLOAD_SIZE)
    rounds = PACKETS // batch
    benchmark.pedantic(bench.run, args=(rounds,), rounds=40, warmup_rounds=2)
    if benchmark.stats is not None:  # None with --benchmark-disable
        benchmark.extra_info["ns_per_packet"] = round(benchmark.stats.stats.min * 1e9 / (rounds * batch), 1)
