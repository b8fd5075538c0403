"""What an idle participant costs in memory: `python -m bench.memory --participants 1000`.

Participants of rooms of ten join, each with a microphone and a camera that send nothing, and with slots for everybody
else's. Two figures: the media plane alone (one process with one worker), and a whole server, of which the difference is
Python's. Resident bytes are read before and after, ten seconds later, when the DTLS sessions have shrunk.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from mediaplane.loadgen.generator import LoadGenerator

from bench.plane_target import plane_target
from mediasrv.loadtest.answer import Negotiated
from mediasrv.loadtest.offer import sendings
from mediasrv.loadtest.scenario import Kind, Scenario
from mediasrv.loadtest.server_process import usage
from mediasrv.loadtest.target import Target, open_target
from mediasrv.loadtest.wanted import Own
from mediasrv.rtc.certificate import Certificate

ROOM = 10
SHRUNK_AFTER_S = 10.0
CONNECT_TIMEOUT_S = 120.0
JOINS_AT_ONCE = 8
SCENARIO = Scenario(participants=ROOM, video_kbps=500)
SLOTS: list[Kind] = list(SCENARIO.kinds) * (ROOM - 1)

Join = Callable[[int], Awaitable[Sequence[Negotiated]]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__.split("\n\n")[0])
    parser.add_argument("--participants", type=int, default=1000)
    arguments = parser.parse_args()
    plane, server = asyncio.run(_measure(arguments.participants))
    print(f"{'participants':<28} {arguments.participants}, in rooms of {ROOM}, {len(SLOTS)} slots each")
    print(f"{'media plane':<28} {plane / 1e3:.1f} kB for each")
    print(f"{'whole server':<28} {server / 1e3:.1f} kB for each, of which Python {(server - plane) / 1e3:.1f} kB")


async def _measure(participants: int) -> tuple[float, float]:
    certificate = Certificate.generate()
    async with plane_target(None, "auto", 0, certificate, None) as target:

        async def to_the_plane(_: int) -> Sequence[Negotiated]:
            # There, who publishes and who subscribes are two transports: more than a participant needs.
            published = await target.signaling.publish("room", "", sendings(SCENARIO))
            return published, await target.signaling.subscribe("room", "", SLOTS)

        plane = await _growth(target, certificate, participants, to_the_plane)
    opened = open_target(Own(), all_to_all=True, certificate=certificate, profile=None)
    async with opened as target:

        async def to_the_server(number: int) -> Sequence[Negotiated]:
            room, identity = f"room-{number // ROOM}", f"idle-{number}"
            return await target.signaling.join(room, identity, sendings(SCENARIO), SLOTS)

        server = await _growth(target, certificate, participants, to_the_server)
    return plane, server


async def _growth(target: Target, certificate: Certificate, participants: int, join: Join) -> float:
    """Resident bytes for each participant."""
    generator = LoadGenerator(
        certificate=certificate.certificate, private_key=certificate.private_key, max_peers=2 * participants + 2
    )
    generator.start()
    places = asyncio.Semaphore(JOINS_AT_ONCE)
    peers = 0

    async def enter(number: int) -> None:
        nonlocal peers
        async with places:
            for negotiated in await join(number):
                generator.add_peer(negotiated.connection, streams=negotiated.streams)
                peers += 1

    async def settled() -> int:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            while generator.states().get("connected", 0) < peers:
                await asyncio.sleep(0.05)
        await asyncio.sleep(SHRUNK_AFTER_S)
        return usage(target.pid).rss_bytes

    try:
        await enter(0)  # what is loaded once
        before = await settled()
        await asyncio.gather(*(enter(number) for number in range(1, participants + 1)))
        after = await settled()
        if sys.flags.dev_mode:
            print(Path(f"/proc/{target.pid}/smaps_rollup").read_text())
    finally:
        generator.stop()
    return (after - before) / participants


if __name__ == "__main__":
    main()
