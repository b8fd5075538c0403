"""How fast peers join, and what those feel who are there: `python -m bench.joins --peers 1000`.

One publisher's audio and video go to a few subscribers of a media plane alone; then many peers join, while the latency
of what is forwarded is taken. The load's CPU shakes hands too: at full speed latencies are the load's as well.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from typing import Any

from mediaplane.loadgen.generator import LoadGenerator

from bench.plane_target import plane_target
from mediasrv.loadtest.offer import sendings
from mediasrv.loadtest.scenario import Scenario
from mediasrv.loadtest.server_process import usage
from mediasrv.loadtest.target import Target
from mediasrv.loadtest.wanted import CpuShares
from mediasrv.rtc.certificate import Certificate

SCENARIO = Scenario(publishers=1, subscribers=20, video_kbps=1500)
SETTLE_S = 2.0
ALONE_S = 5.0
JOINS_AT_ONCE = 32
CONNECT_TIMEOUT_S = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.joins", description=__doc__.split("\n\n")[0])
    parser.add_argument("--peers", type=int, default=1000)
    parser.add_argument("--per-second", type=float, default=0, help="at most; 0: as fast as they are made")
    parser.add_argument("--max-linger-us", type=int, default=2000)
    arguments = parser.parse_args()
    asyncio.run(_measure(arguments.peers, arguments.per_second, arguments.max_linger_us))


async def _measure(peers: int, per_second: float, max_linger_us: int) -> None:
    certificate = Certificate.generate()
    shares = CpuShares.plan(1, pin=True)
    if shares.load:
        os.sched_setaffinity(0, shares.load)
    media, joining = _generator(certificate, 64), _generator(certificate, peers)
    async with plane_target(shares.server, "auto", max_linger_us, certificate, None) as target:
        media.start()
        joining.start()
        try:
            await _start_media(target, media)
            before = media.statistics()
            await asyncio.sleep(ALONE_S)
            alone = media.statistics()
            used, began = usage(target.pid).cpu_s["total"], time.monotonic()
            await _join(target, joining, peers, per_second)
            seconds, used = time.monotonic() - began, usage(target.pid).cpu_s["total"] - used
            after = media.statistics()
        finally:
            media.stop()
            joining.stop()
    print(f"{peers} peers in {seconds:.1f} s: {peers / seconds:.0f} a second, {used / peers * 1e3:.2f} ms of CPU each")
    for name, first, last in (("before", before, alone), ("meanwhile", alone, after)):
        p50, p99 = _quantile(first, last, 0.5), _quantile(first, last, 0.99)
        print(f"latency of video {name:<10} p50 {p50:.2f}  p99 {p99:.2f} ms")


def _generator(certificate: Certificate, peers: int) -> LoadGenerator:
    return LoadGenerator(certificate=certificate.certificate, private_key=certificate.private_key, max_peers=peers)


async def _start_media(target: Target, media: LoadGenerator) -> None:
    published = await target.signaling.publish("room", "publisher", sendings(SCENARIO))
    media.add_peer(published.connection, sources=published.sources(SCENARIO))
    for number in range(SCENARIO.subscribers):
        negotiated = await target.signaling.subscribe("room", f"subscriber-{number}", SCENARIO.kinds)
        media.add_peer(negotiated.connection, streams=negotiated.streams)
    await _connected(media, 1 + SCENARIO.subscribers)
    await asyncio.sleep(SETTLE_S)


async def _join(target: Target, joining: LoadGenerator, peers: int, per_second: float) -> None:
    places = asyncio.Semaphore(JOINS_AT_ONCE)
    began = time.monotonic()

    async def enter(number: int) -> None:
        if per_second:
            await asyncio.sleep(began + number / per_second - time.monotonic())
        async with places:
            negotiated = await target.signaling.subscribe("room", f"joining-{number}", [])
            joining.add_peer(negotiated.connection)

    await asyncio.gather(*(enter(number) for number in range(peers)))
    await _connected(joining, peers)


async def _connected(generator: LoadGenerator, count: int) -> None:
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        while True:
            if generator.states().get("connected", 0) == count:
                return
            await asyncio.sleep(0.05)


def _quantile(before: dict[str, Any], after: dict[str, Any], wanted: float) -> float:
    """Milliseconds, of the packets of video between two statistics."""
    counts = {
        upper_us: count - before["video_latency"].get(upper_us, 0) for upper_us, count in after["video_latency"].items()
    }
    total, seen = sum(counts.values()), 0
    for upper_us in sorted(counts):
        seen += counts[upper_us]
        if seen >= wanted * total:
            return upper_us / 1e3
    return 0.0


if __name__ == "__main__":
    main()
