"""A room that is mixed, through a whole server: `python -m bench.mixed_room --participants 300 --seconds 60`.

All participants send Opus at 50 packets a second, of whom some talk, and hear the mix; further listeners only hear it,
by WHEP. The server has one CPU if there is another one for the load. Every packet is opened; counted is how many each
gets, the longest time without one, and the CPU time of the server's threads.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
from mediaplane.loadgen.generator import LoadGenerator
from mediaplane.loadgen.media import RecordedSource
from mediaplane.testing.opus import Encoder

from bench.speech import FRAME, speech
from mediasrv.client import Client
from mediasrv.config import DEV_KEY, DEV_SECRET
from mediasrv.loadtest.answer import Negotiated
from mediasrv.loadtest.evaluation import histogram_quantiles
from mediasrv.loadtest.offer import AUDIO_PAYLOAD_TYPE, Sending
from mediasrv.loadtest.rpc import Rpc
from mediasrv.loadtest.server_process import Usage, own_server, usage
from mediasrv.loadtest.tokens import SignedTokens
from mediasrv.loadtest.wanted import CpuShares, Own
from mediasrv.loadtest.whip_whep import WhipWhep
from mediasrv.rtc.certificate import Certificate
from mediasrv.signaling.schema import MixChange
from mediasrv.tokens import mint

ROOM = "room"
RECORDED_S = 4.0
SETTLE_S = 3.0
JOINS_AT_ONCE = 8
CONNECT_TIMEOUT_S = 120.0
SPEAKING, SILENT = 25, 127  # -dBov
Recording = Sequence[tuple[bytes, int]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.mixed_room", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rooms", type=int, default=1, help="the people are spread over so many")
    parser.add_argument("--participants", type=int, default=300)
    parser.add_argument("--talkers", type=int, default=3, help="of the participants of each room")
    parser.add_argument("--listeners", type=int, default=0, help="besides the participants")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--max-linger-us", type=int, default=None)
    parser.add_argument("--heard", type=int, default=3, help="talkers at once, of the mix")
    parser.add_argument("--complexity", type=int, default=5, help="of its encoders")
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument(
        "--fec", action="store_true", help="it is encoded in the voice modes, which cost four times as much"
    )
    given = vars(parser.parse_args())
    mix = MixChange(
        talkers=given.pop("heard"),
        complexity=given.pop("complexity"),
        channels=given.pop("channels"),
        fec=given.pop("fec"),
    )
    asyncio.run(_measure(mix, **given))


async def _measure(
    mix: MixChange,
    rooms: int,
    participants: int,
    talkers: int,
    listeners: int,
    seconds: float,
    max_linger_us: int | None,
) -> None:
    certificate = Certificate.generate()
    shares = CpuShares.plan(1, pin=True)
    if shares.load:
        os.sched_setaffinity(0, shares.load)
    generator = LoadGenerator(
        certificate=certificate.certificate,
        private_key=certificate.private_key,
        max_peers=participants + listeners,
    )
    recordings = [recorded(seed, SPEAKING) for seed in range(talkers)] + [recorded(0, SILENT)]
    wanted = Own(cpus=shares.server, max_linger_us=max_linger_us)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        async with own_server(wanted) as server:
            url, tokens = server.url, SignedTokens(DEV_KEY, DEV_SECRET)
            rpc = Rpc(f"{url.replace('http', 'ws', 1)}/rpc", tokens, http, certificate, None, hears_mix=True)
            # Players are not told who else comes and goes.
            whep = WhipWhep("", f"{url}/whep/{{room}}?audio=mix", tokens, http, certificate, None)
            admin = mint(DEV_KEY, DEV_SECRET, identity="bench", room=None, grants={}, ttl_s=3600, admin=True)
            async with Client(f"{url.replace('http', 'ws', 1)}/rpc", token=admin) as control:
                for number in range(rooms):
                    await control.create_room(room=_room(number, rooms), mix=mix)
            generator.start()
            watching = asyncio.create_task(_watch_shedding(http, server.url))
            try:
                await _join(rpc, whep, generator, rooms, participants, listeners, recordings)
                await asyncio.sleep(SETTLE_S)
                before, used, began = generator.statistics(), usage(server.pid), time.monotonic()
                await asyncio.sleep(seconds)
                after, used_then, seconds = generator.statistics(), usage(server.pid), time.monotonic() - began
                mixing = await _mixing(http, server.url)
            finally:
                watching.cancel()
                generator.stop()
        # With the server, so that nobody is told of all the others who leave.
        await rpc.close()
    ended = [stream for peer in generator.statistics()["peers"] for stream in peer["streams"]]
    bad = sum(stream[name] for stream in ended for name in ("lost", "unauthentic", "wrong_payload_type"))
    print(f"{bad} packets lost or bad since the start")
    _report(before, after, used, used_then, seconds, participants)
    print("mixing thread since its start: " + ", ".join(f"{name} {count:g}" for name, count in mixing.items()))


def recorded(seed: int, level: int) -> Recording:
    """Speech of a talker, or the noise of a room in which nobody speaks."""
    encoder = Encoder(bitrate_bps=32_000, complexity=5)
    pcm = speech(RECORDED_S, seed)
    if level == SILENT:
        pcm = pcm // 500
    return [(encoder.encode(pcm[at : at + FRAME].tobytes()), level) for at in range(0, len(pcm), FRAME)]


# --- joining --------------------------------------------------------------------------------------------------------


async def _join(
    rpc: Rpc,
    whep: WhipWhep,
    generator: LoadGenerator,
    rooms: int,
    participants: int,
    listeners: int,
    recordings: Sequence[Recording],
) -> None:
    places = asyncio.Semaphore(JOINS_AT_ONCE)

    async def join(number: int) -> None:
        async with places:
            if number < participants:
                sending = Sending("audio", (("", secrets.randbits(31) | 1, 0),))
                (negotiated,) = await rpc.join(_room(number, rooms), f"participant-{number}", [sending], ["audio"])
            else:
                negotiated = await whep.subscribe(_room(number, rooms), f"listener-{number}", ["audio"])
            generator.add_peer(
                negotiated.connection,
                sources=_sources(negotiated, recordings[min(number // rooms, len(recordings) - 1)]),
                streams=[replace(stream, mixed=True) for stream in negotiated.streams],
            )

    await asyncio.gather(*map(join, range(participants + listeners)))
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        while True:
            if generator.states().get("connected", 0) == participants + listeners:
                return
            await asyncio.sleep(0.05)


def _room(number: int, rooms: int) -> str:
    """That of the person with this number."""
    return f"{ROOM}-{number % rooms}"


def _sources(negotiated: Negotiated, recording: Recording) -> list[RecordedSource]:
    return [
        RecordedSource(line.sending.encodings[0][1], AUDIO_PAYLOAD_TYPE, line.mid, recording, line.extensions)
        for line in negotiated.sent
    ]


async def _mixing(http: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """What went wrong there, or was given up for want of time."""
    async with http.get(f"{url}/metrics") as response:
        lines = dict(line.rsplit(" ", 1) for line in (await response.text()).splitlines() if line[0] != "#")
    wanted = ("late_ticks_total", "skipped_ticks_total", "refused_packets_total", "longest_round_seconds", "shed")
    return {name: float(lines[f"mediasrv_mixer_{name}"]) for name in wanted}


async def _watch_shedding(http: aiohttp.ClientSession, url: str) -> None:
    """Says when more is given up, or something comes back."""
    began, shed = time.monotonic(), 0.0
    while True:
        now = (await _mixing(http, url))["shed"]
        if now != shed:
            print(f"after {time.monotonic() - began:.1f} s: shed {now:g}", flush=True)
            shed = now
        await asyncio.sleep(0.05)


# --- figures --------------------------------------------------------------------------------------------------------


def _report(
    before: Mapping[str, Any], after: Mapping[str, Any], used: Usage, used_then: Usage, seconds: float, people: int
) -> None:
    streams = [
        (old, new)
        for then, now in zip(before["peers"], after["peers"], strict=True)
        for old, new in zip(then["streams"], now["streams"], strict=True)
    ]
    rates = sorted((new["packets"] - old["packets"]) / seconds for old, new in streams)
    gaps = Counter(after["audio_gap"])
    gaps.subtract(before["audio_gap"])
    opened = sum(new["verified"] - old["verified"] for old, new in streams)
    print(f"{len(streams)} hear the mix of {people}, {seconds:.2f} s, {opened} packets opened")
    print(f"packets/s each: least {rates[0]:.2f}, median {rates[len(rates) // 2]:.2f}, most {rates[-1]:.2f}")
    print("time between packets, ms: " + "  ".join(f"{k} {v:.1f}" for k, v in histogram_quantiles(gaps).items()))
    total = 0.0
    for name in sorted(used_then.cpu_s, key=lambda name: -used_then.cpu_s[name]):
        cores = (used_then.cpu_s[name] - used.cpu_s.get(name, 0.0)) / seconds
        total = cores if name == "total" else total
        if cores > 0.002:
            print(f"{name:<16} {cores:.3f} cores, {cores * 1e3 / len(streams):.3f} ms for each and second")
    late = after["late_frames"] - before["late_frames"]
    print(f"load generator: {late} packets sent late")


if __name__ == "__main__":
    main()
