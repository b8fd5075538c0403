"""RTP headers as browsers send them: parsing, and rewriting for a consumer with other extension ids.
`pytest bench/bench_rtp.py`; `ns_per_packet` is the fastest round.
"""

from __future__ import annotations

import pytest
from mediaplane.testing.rtp_bench import RtpRewriteBench
from mediaplane.wire.rtp_extensions import ExtensionKind
from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 10000
FIXED = bytes.fromhex("9060 1234 00010203 0A0B0C0D")
# What Chromium puts into a packet of video: mid, transport-cc, abs-send-time, playout delay.
ONE_BYTE = bytes.fromhex("BEDE 0004  1030  310007  52123456  62000010  0000")
KIND_BY_ID = {
    1: ExtensionKind.EXT_MID,
    3: ExtensionKind.EXT_TRANSPORT_CC,
    5: ExtensionKind.EXT_ABS_SEND_TIME,
    6: ExtensionKind.EXT_PLAYOUT_DELAY,
}
ID_BY_KIND = {ExtensionKind.EXT_MID: 4, ExtensionKind.EXT_PLAYOUT_DELAY: 2}
PAYLOAD = bytes(1100)


def _bench() -> RtpRewriteBench:
    return RtpRewriteBench(FIXED + ONE_BYTE + PAYLOAD, KIND_BY_ID, ID_BY_KIND)


@pytest.mark.parametrize("operation", ["parse", "rewrite"])
def test_header_with_four_extensions(benchmark: BenchmarkFixture, operation: str) -> None:
    bench = _bench()
    assert bench.parse(1) == len(KIND_BY_ID)
    assert bench.rewrite(1)[12:] == bytes.fromhex("BEDE 0002  4030  22000010  0000")
    benchmark.pedantic(getattr(bench, operation), args=(ROUNDS,), rounds=40, warmup_rounds=2)
    if benchmark.stats is not None:  # None with --benchmark-disable
        benchmark.extra_info["ns_per_packet"] = round(benchmark.stats.stats.min * 1e9 / ROUNDS, 1)
