"""What a forwarded packet costs: `python -m bench.forwarder --publishers 1 --subscribers 200 --video-kbps 1500`.

`mediasrv loadtest --self`, several times over with a new server each, with their medians; and what only those who work
on the server need: the media plane alone (`--plane`), and a profiler that runs during the window.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median

from rich.console import Console

from bench.plane_target import plane_target
from mediasrv.loadtest.errors import LoadTestError
from mediasrv.loadtest.report import ProgressBar, print_result
from mediasrv.loadtest.result import Result
from mediasrv.loadtest.run import measure
from mediasrv.loadtest.scenario import Profile, Scenario
from mediasrv.loadtest.settings import Settings
from mediasrv.loadtest.target import Target, open_target
from mediasrv.loadtest.wanted import CpuShares, Own, Running
from mediasrv.rtc.certificate import Certificate

PROFILES: dict[str, Profile] = {"gcm": "gcm-128", "gcm-256": "gcm-256", "cm": "cm-sha1"}


def main() -> None:
    arguments = _parser().parse_args()
    console = Console(soft_wrap=True)
    shares = CpuShares.plan(1, pin=not arguments.no_pin)
    results = []
    try:
        scenario = _scenario(arguments)
        with shares.of_load():
            for _ in range(arguments.runs):
                results.append(asyncio.run(_measure(arguments, scenario, shares)))
                print_result(results[-1], console)
                console.print()
    except LoadTestError as error:
        sys.exit(f"bench.forwarder: {error}")
    if arguments.runs > 1:
        print_medians(results)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")
    sys.exit(0 if all(result.complete for result in results) else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.forwarder", description=__doc__.split("\n\n")[0])
    parser.add_argument("--publishers", type=int, default=1)
    parser.add_argument("--subscribers", type=int, default=200, help="each gets every publisher")
    parser.add_argument("--participants", type=int, default=0, help="instead of those: all to all")
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
    parser.add_argument("--max-linger-us", type=int, default=2000, help="of the server or, with --plane, the worker")
    parser.add_argument("--url", help="of a running server with --dev and one worker, instead of starting one")
    parser.add_argument("--pid", type=int, help="its process")
    parser.add_argument("--no-pin", action="store_true", help="let server and load share CPUs")
    parser.add_argument("--profile-with", metavar="COMMAND", help="run during the window; {pid} is the server's")
    parser.add_argument("--json", type=Path)
    return parser


def _scenario(arguments: argparse.Namespace) -> Scenario:
    return Scenario(
        publishers=arguments.publishers,
        subscribers=arguments.subscribers,
        participants=arguments.participants,
        audio=not arguments.no_audio,
        video_kbps=arguments.video_kbps,
        fps=arguments.fps,
        pacing=arguments.pacing,
        packets=arguments.packets,
        srtp_profile=PROFILES[arguments.profile],
    )


@asynccontextmanager
async def _target(
    arguments: argparse.Namespace, scenario: Scenario, shares: CpuShares, certificate: Certificate
) -> AsyncIterator[Target]:
    profile = scenario.srtp_profile
    if arguments.plane:
        backend, linger_us = arguments.srtp_backend, arguments.max_linger_us
        async with plane_target(shares.server, backend, linger_us, certificate, profile) as target:
            yield target
        return
    own = Own(srtp_backend=arguments.srtp_backend, max_linger_us=arguments.max_linger_us, cpus=shares.server)
    wanted = Running(url=arguments.url, pid=arguments.pid) if arguments.url else own
    opened = open_target(wanted, all_to_all=scenario.all_to_all, certificate=certificate, profile=profile)
    async with opened as target:
        yield target


async def _measure(arguments: argparse.Namespace, scenario: Scenario, shares: CpuShares) -> Result:
    certificate = Certificate.generate()
    settings = Settings(
        seconds=arguments.seconds, threads=shares.threads, verify=arguments.verify, gro=not arguments.no_gro
    )
    async with _target(arguments, scenario, shares, certificate) as target:
        with ProgressBar() as bar, Profiler(bar, arguments.profile_with, target.pid) as watcher:
            return await measure(target, scenario, settings, certificate, watcher)


class Profiler:
    """A watcher that starts `command` when the window begins, and waits for its end on the way out."""

    def __init__(self, bar: ProgressBar, command: str | None, pid: int | None) -> None:
        self._bar = bar
        self._command = command.format(pid=pid) if command else ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Profiler:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(60)

    def phase(self, name: str, total: float) -> None:
        self._bar.phase(name, total)
        if name == "measuring" and self._command:
            self._process = subprocess.Popen(self._command, shell=True, stdout=2, cwd=os.getcwd())

    def advance(self, done: float, detail: str = "") -> None:
        self._bar.advance(done, detail)


def print_medians(results: list[Result]) -> None:
    def show(name: str, values: list[float]) -> None:
        if values:
            print(f"{name:<24} median {median(values):.2f}  ({min(values):.2f} to {max(values):.2f})")

    print(f"{len(results)} runs of {results[0].load}, {results[0].server}")
    show("CPU us per packet", [each.cpu_us_per_packet for each in results if each.cpu_us_per_packet is not None])
    show("packets per send", [each.packets_per_send for each in results if each.packets_per_send is not None])
    for kind in ("video", "audio"):
        for name in ("p50", "p99"):
            show(
                f"latency ms, {kind} {name}", [each.latency_ms[kind][name] for each in results if each.latency_ms[kind]]
            )
    show("join ms p50", [each.join_ms["p50"] for each in results])
    show("join ms max", [each.join_ms["max"] for each in results])
    print(f"{'every packet arrived':<24} {'yes' if all(each.complete for each in results) else 'NO'}")


if __name__ == "__main__":
    main()
