"""What an idle participant costs in memory: `python -m bench.memory --participants 1000`.

Participants of rooms of ten join, each with a microphone and a camera that send nothing, and with slots for everybody
else's. The media plane alone (one process with one worker) is measured by parts, then a whole server. Resident bytes
are read before and after, ten seconds later, when the DTLS sessions have shrunk.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence

from mediaplane.loadgen.generator import LoadGenerator

from bench.plane_target import plane_target
from mediasrv.loadtest.answer import Negotiated
from mediasrv.loadtest.offer import sendings
from mediasrv.loadtest.scenario import Kind, Scenario
from mediasrv.loadtest.server_process import usage
from mediasrv.loadtest.signaling import Signaling
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
    for what, size in asyncio.run(_measure(arguments.participants)).items():
        print(f"{what:<40} {size / 1e3:6.1f} kB")


async def _measure(participants: int) -> dict[str, float]:
    """Bytes by what has them."""
    certificate = Certificate.generate()

    async def of_the_plane(join: Callable[[Signaling], Awaitable[Negotiated]]) -> float:
        async with plane_target(None, "auto", 0, certificate, None) as target:
            return await _growth(target, certificate, participants, lambda _: _alone(join(target.signaling)))

    bare = await of_the_plane(lambda signaling: signaling.subscribe("room", "", []))
    sending = await of_the_plane(lambda signaling: signaling.publish("room", "", sendings(SCENARIO)))
    receiving = await of_the_plane(lambda signaling: signaling.subscribe("room", "", SLOTS))
    opened = open_target(Own(), all_to_all=True, certificate=certificate, profile=None)
    async with opened as target:

        async def join(number: int) -> Sequence[Negotiated]:
            room, identity = f"room-{number // ROOM}", f"idle-{number}"
            return await target.signaling.join(room, identity, sendings(SCENARIO), SLOTS)

        server = await _growth(target, certificate, participants, join)
    plane = sending + receiving - bare
    return {
        "peer connection": bare,
        "its microphone and camera": sending - bare,
        f"its {len(SLOTS)} slots": receiving - bare,
        "participant, media plane": plane,
        "participant, Python": server - plane,
        "participant": server,
    }


async def _alone(joining: Awaitable[Negotiated]) -> Sequence[Negotiated]:
    return [await joining]


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
            while True:
                if generator.states().get("connected", 0) == peers:
                    break
                await asyncio.sleep(0.05)
        await asyncio.sleep(SHRUNK_AFTER_S)
        return usage(target.pid).rss_bytes

    try:
        await enter(0)  # what is loaded once
        before = await settled()
        await asyncio.gather(*(enter(number) for number in range(1, participants + 1)))
        after = await settled()
    finally:
        generator.stop()
    return (after - before) / participants


if __name__ == "__main__":
    main()
