"""What a forwarded packet costs: `python -m bench.forwarder --publishers 1 --subscribers 200 --video-kbps 1500`.

Starts a server on one CPU and synthetic WHIP publishers and WHEP subscribers on another, waits until all are
connected, and measures over a steady window: CPU time of the server (user and system, the kernel's network stack
included) for each packet that arrived at a subscriber, loss, and one-way latency from the publisher's send to the
subscriber's receive. At the end the publishers stop, and every subscriber must have got every packet.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import Process
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from mediaplane.loadgen.generator import LoadGenerator
from mediaplane.loadgen.media import AudioSource, Source, VideoSource

from bench.report import Load, Result, Sample, evaluate, print_medians, print_table, received_packets
from bench.server_process import PlaneSignaling, cpu_seconds, start_mediasrv, start_plane, stop
from bench.signaling import HttpSignaling, Kind, Negotiated, Profile, Signaling
from mediasrv.rtc.certificate import Certificate

PROFILES: dict[str, Profile] = {"gcm": "gcm-128", "gcm-256": "gcm-256", "cm": "cm-sha1"}
JOINS_AT_ONCE = 8
CONNECT_TIMEOUT_S = 60
SETTLE_S = 1.5  # keyframes of the last joins, first reports
QUIET_S = 0.5  # without a datagram: nothing is under way any more
DRAIN_LIMIT_S = 30


def main() -> None:
    arguments = _parser().parse_args()
    results = []
    for _ in range(arguments.runs):
        results.append(asyncio.run(measure(arguments)))
        print_table(results[-1])
        print()
    if arguments.runs > 1:
        print_medians(results)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")
    sys.exit(0 if all(result.complete for result in results) else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.forwarder", description=__doc__.split("\n\n")[0])
    parser.add_argument("--publishers", type=int, default=1)
    parser.add_argument("--subscribers", type=int, default=200, help="each gets every publisher")
    parser.add_argument("--video-kbps", type=int, default=1500, help="of each publisher; 0: audio only")
    parser.add_argument("--fps", type=float, default=30)
    parser.add_argument("--pacing", choices=["burst", "spread"], default="burst", help="of a frame's packets")
    parser.add_argument("--packets", choices=["equal", "full"], default="equal", help="how frames are cut")
    parser.add_argument("--no-audio", action="store_true")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--runs", type=int, default=1, help="each with a new server; then their medians are shown")
    parser.add_argument("--profile", choices=list(PROFILES), default="gcm")
    parser.add_argument("--srtp-backend", default="auto", help="of the server")
    parser.add_argument("--no-gro", action="store_true", help="the receivers take datagrams one by one")
    parser.add_argument("--verify", choices=["all", "sample"], default="all")
    parser.add_argument("--plane", action="store_true", help="the media plane alone, without HTTP and rooms")
    parser.add_argument("--max-linger-us", type=int, default=0, help="of the worker, with --plane")
    parser.add_argument("--url", help="of a running server with --dev and one worker, instead of starting one")
    parser.add_argument("--pid", type=int, help="its process")
    parser.add_argument("--no-pin", action="store_true", help="let server and load share CPUs")
    parser.add_argument("--profile-with", metavar="COMMAND", help="run during the window; {pid} is the server's")
    parser.add_argument("--json", type=Path)
    return parser


@dataclass
class Target:
    """The server under load."""

    name: str
    signaling: Signaling
    pid: int
    process: Process | None

    async def counters(self) -> dict[str, int]:
        """The worker's, where they can be had."""
        return await self.signaling.ask({"op": "counters"}) if isinstance(self.signaling, PlaneSignaling) else {}


async def _open_target(arguments: argparse.Namespace, certificate: Certificate) -> Target:
    cpus = sorted(os.sched_getaffinity(0))
    pin = len(cpus) > 1 and not arguments.no_pin
    if pin:
        os.sched_setaffinity(0, {cpus[-1]})
    cpu = cpus[0] if pin else None
    if arguments.plane:
        process, signaling, name = await start_plane(cpu, arguments.srtp_backend, arguments.max_linger_us, certificate)
        return Target(name, signaling, process.pid, process)
    if arguments.url:
        if not arguments.pid:
            raise SystemExit("--url needs --pid: the CPU time of that process is what is measured")
        return Target(arguments.url, HttpSignaling(arguments.url, certificate), arguments.pid, None)
    process, url, name = await start_mediasrv(cpu, arguments.srtp_backend)
    return Target(f"mediasrv, {name}", HttpSignaling(url, certificate), process.pid, process)


async def measure(arguments: argparse.Namespace) -> Result:
    certificate = Certificate.generate()
    generator = LoadGenerator(
        certificate=certificate.certificate,
        private_key=certificate.private_key,
        verify=arguments.verify,
        gro=not arguments.no_gro,
    )
    target = await _open_target(arguments, certificate)
    try:
        generator.start()
        await _join_all(arguments, target, generator)
        return await _run(arguments, target, generator)
    finally:
        generator.stop()
        await target.signaling.close()
        if target.process:
            await stop(target.process)


# --- joining ----------------------------------------------------------------------------------------------------------


def _sources(arguments: argparse.Namespace, negotiated: Negotiated) -> list[Source]:
    sources: list[Source] = []
    for line in negotiated.media:
        if line.kind == "audio":
            sources.append(AudioSource(line.ssrc, line.payload_type, line.mid, line.extensions))
        else:
            sources.append(
                VideoSource(
                    line.ssrc,
                    line.payload_type,
                    line.mid,
                    arguments.video_kbps * 1000,
                    line.extensions,
                    fps=arguments.fps,
                    pacing=arguments.pacing,
                    packets=arguments.packets,
                )
            )
    return sources


async def _join_all(arguments: argparse.Namespace, target: Target, generator: LoadGenerator) -> None:
    profile = PROFILES[arguments.profile]
    kinds: list[Kind] = [] if arguments.no_audio else ["audio"]
    if arguments.video_kbps:
        kinds.append("video")
    for _ in range(arguments.publishers):
        negotiated = await target.signaling.publish(kinds, profile)
        generator.add_publisher(negotiated.connection, _sources(arguments, negotiated))
    await _connected(generator, arguments.publishers)
    places = asyncio.Semaphore(JOINS_AT_ONCE)

    async def join() -> None:
        async with places:
            negotiated = await target.signaling.subscribe(kinds * arguments.publishers, profile)
            generator.add_subscriber(negotiated.connection, negotiated.streams())

    await asyncio.gather(*(join() for _ in range(arguments.subscribers)))
    await _connected(generator, arguments.publishers + arguments.subscribers)


async def _connected(generator: LoadGenerator, count: int) -> None:
    deadline = time.monotonic() + CONNECT_TIMEOUT_S
    while (states := generator.states()).get("connected", 0) < count:
        if "failed" in states or "closed" in states or time.monotonic() > deadline:
            failures = Counter(peer["failure"] for peer in generator.statistics()["peers"] if peer["failure"])
            raise SystemExit(f"{count} peers should be connected, but there are {states} {dict(failures) or ''}")
        await asyncio.sleep(0.02)


# --- measuring --------------------------------------------------------------------------------------------------------


async def _sample(target: Target, generator: LoadGenerator) -> Sample:
    counters = await target.counters()
    return Sample(time.monotonic(), cpu_seconds(target.pid), generator.cpu_us, generator.statistics(), counters)


async def _drain(generator: LoadGenerator) -> None:
    """Wait for what is under way; reports and consent checks go on, so it is packets of streams that count."""
    deadline = time.monotonic() + DRAIN_LIMIT_S
    before = -1
    while (arrived := received_packets(generator.statistics())) != before and time.monotonic() < deadline:
        before = arrived
        await asyncio.sleep(QUIET_S)


async def _run(arguments: argparse.Namespace, target: Target, generator: LoadGenerator) -> Result:
    await asyncio.sleep(SETTLE_S)
    profiler = None
    before = await _sample(target, generator)
    if arguments.profile_with:
        profiler = await asyncio.create_subprocess_shell(arguments.profile_with.format(pid=target.pid))
    await asyncio.sleep(arguments.seconds)
    after = await _sample(target, generator)
    if profiler:
        await profiler.wait()
    generator.stop_media()
    await _drain(generator)
    load = Load(
        target.name, arguments.publishers, arguments.subscribers, not arguments.no_gro, arguments.verify == "all"
    )
    return evaluate(load, before, after, generator.statistics())


if __name__ == "__main__":
    main()
