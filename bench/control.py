"""What the control plane costs: `python -m bench.control [SCENARIO …]`, without any all of them.

- `requests`: how many requests of control sessions a core answers, by method and carrier. The server and the peers have
  a CPU each.
- `events`: how long an event needs to the last of 1,000 subscribers: participants of a room over WebSockets, and
  control sessions over TCP.
- `idle`: what 10,000 participants without media take, in 2,000 rooms.
- `join`: what a join with a browser's offer and answer costs.

The server is a real one, with its journal, in a process of its own. CPU is that of its main thread, in which all Python
is; memory is what its process has more in RAM than before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import resource
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import uvloop
from rich.console import Console
from rich.table import Table

from bench.control_peers import Peer, connect
from mediasrv import tokens
from mediasrv.config import DEV_KEY, DEV_SECRET
from mediasrv.loadtest.server_process import READY, python_process, read_line

OFFERS = Path(__file__).parent.parent / "tests" / "control" / "offers"
SERVER_CPU, PEER_CPU = 0, 1
JOINS_MEASURED_TOGETHER = 30
GRANTS = dict.fromkeys(("join", "subscribe", "send_message", "publish_audio", "publish_video"), True)

Row = dict[str, Any]


@dataclass(frozen=True)
class Server:
    """`url` is that of HTTP, `tcp` and `unix` are control addresses."""

    pid: int
    url: str
    tcp: str
    unix: str

    def main_cpu_s(self) -> float:
        """CPU time of the main thread."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def resident_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def addresses(self) -> dict[str, str]:
        return {"unix": self.unix, "tcp": self.tcp, "websocket": self.url}


@asynccontextmanager
async def started(*options: str) -> AsyncIterator[Server]:
    socket_path = f"/tmp/mediasrv-bench-{os.getpid()}.sock"
    port = _free_port()
    arguments = [
        "-m", "mediasrv", "serve", "--dev", "--http", "127.0.0.1:0", "--rtc-port", "0", "--workers", "1",
        "--log-level", "error", "--control", f"tcp:127.0.0.1:{port}", "--control", f"unix:{socket_path}", *options,
    ]  # fmt: skip
    async with python_process(arguments, {SERVER_CPU}) as process:
        while not (ready := READY.search(await read_line(process))):
            pass
        yield Server(process.pid, ready[1].rstrip("/"), f"tcp:127.0.0.1:{port}", f"unix:{socket_path}")


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def admin_token() -> str:
    return tokens.mint(DEV_KEY, DEV_SECRET, identity="bench", room=None, grants={}, ttl_s=3600, admin=True)


def person_token(identity: str, room: str) -> str:
    return tokens.mint(DEV_KEY, DEV_SECRET, identity=identity, room=room, grants=GRANTS, ttl_s=3600)


async def admin(where: str) -> Peer:
    peer = await connect(where)
    await peer.call("authenticate", {"token": admin_token()})
    return peer


async def person(where: str, identity: str, room: str) -> tuple[Peer, dict[str, Any]]:
    peer = await connect(where)
    return peer, await peer.call("join", {"token": person_token(identity, room)})


async def at_a_time(count: int, make: Callable[[int], Awaitable[Any]], together: int = 50) -> list[Any]:
    """What `make` gives for each number, so many of them at a time."""
    made: list[Any] = []
    for first in range(0, count, together):
        made += await asyncio.gather(*(make(number) for number in range(first, min(first + together, count))))
    return made


# --- requests -------------------------------------------------------------------------------------------------------


async def requests(seconds: float) -> list[Row]:
    rows = []
    async with started() as server:
        setup = await admin(server.unix)
        await setup.call("create_room", {"room": "bench", "capacity": 100})
        people = [await person(server.url, f"person-{number}", "bench") for number in range(10)]
        one = people[0][1]["participant_id"]
        methods: dict[str, dict[str, Any]] = {
            "ping": {},
            "get_participant": {"room": "bench", "participant_id": one},
            "get_room": {"room": "bench"},
            "update_room": {"room": "bench", "metadata": "x"},
            "grant": {"room": "bench", "participant_id": one, "permissions": ["record"]},
        }
        for method, params in methods.items():
            for carrier, where in server.addresses().items():
                rows.append(await _request_rate(server, method, params, carrier, where, seconds))
    return rows


async def _request_rate(
    server: Server, method: str, params: dict[str, Any], carrier: str, where: str, seconds: float
) -> Row:
    """Eight sessions, each with eight requests on their way. A response tells that there is room for another."""
    peers = [await admin(where) for _ in range(8)]
    request = msgpack.packb([0, 1, method, params])
    answered = refused = 0

    def heard_by(peer: Peer) -> Callable[[float, Any], None]:
        def heard(_now_s: float, message: Any) -> None:
            nonlocal answered, refused
            if message[0] == 1:
                answered += 1
                refused += message[2] is not None
                peer.send(request)

        return heard

    for peer in peers:
        peer.heard = heard_by(peer)
        for _ in range(8):
            peer.send(request)
    await asyncio.sleep(0.5)
    before = answered, server.main_cpu_s(), time.perf_counter()
    await asyncio.sleep(seconds)
    count = answered - before[0]
    cpu_s, wall_s = server.main_cpu_s() - before[1], time.perf_counter() - before[2]
    for peer in peers:
        peer.close()
    return {
        "scenario": "requests", "method": method, "carrier": carrier, "per_second": round(count / wall_s),
        "cpu_us": round(cpu_s / count * 1e6, 1), "per_cpu_second": round(count / cpu_s), "refused": refused,
    }  # fmt: skip


# --- events ---------------------------------------------------------------------------------------------------------


async def events(subscribers: int, times: int) -> list[Row]:
    async with started() as server:
        root = await admin(server.unix)
        await root.call("create_room", {"room": "bench", "capacity": subscribers + 10})
        talker, _ = await person(server.url, "talker", "bench")
        joined = await at_a_time(subscribers, lambda number: person(server.url, f"person-{number}", "bench"))
        people = [peer for peer, _ in joined]
        await asyncio.sleep(2)
        rows = [await _fan_out(server, "participants, WebSocket", people, talker, times)]
        for peer in people:
            peer.close()
    async with started() as server:
        root = await admin(server.unix)
        await root.call("create_room", {"room": "bench"})
        talker, _ = await person(server.url, "talker", "bench")
        watchers = await at_a_time(subscribers, lambda _number: admin(server.tcp))
        for peer in watchers:
            await peer.call("subscribe_events", {"rooms": ["bench"]})
        rows.append(await _fan_out(server, "control sessions, TCP", watchers, talker, times))
        for peer in watchers:
            peer.close()
    return rows


async def _fan_out(server: Server, who: str, peers: list[Peer], talker: Peer, times: int) -> Row:
    """`times` events, one when everybody has the one before: latencies of all, from the request to the bytes."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    slowest: list[float] = []
    sent_at = 0.0
    missing = 0
    value: bytes | None = None
    done = asyncio.Event()

    def heard(now_s: float, data: bytes) -> None:
        nonlocal missing
        if value is None or value not in data:
            return  # what joining still had to tell, or a ping
        latencies.append(now_s - sent_at)
        missing -= 1
        if not missing:
            done.set()

    for peer in peers:
        peer.decodes = False
        peer.heard = heard
    cpu_before = server.main_cpu_s()
    for number in range(times):
        done.clear()
        request = msgpack.packb([0, 1, "update_self", {"attributes": {"count": f"event-{number:06}"}}])
        await asyncio.sleep(0.05)
        missing, first = len(peers), len(latencies)
        value, sent_at = f"event-{number:06}".encode(), loop.time()
        talker.send(request)
        async with asyncio.timeout(30):
            await done.wait()
        slowest.append(max(latencies[first:]))
    cpu_s = server.main_cpu_s() - cpu_before
    latencies.sort()
    return {
        "scenario": "events", "subscribers": who, "count": len(peers), "events": times,
        "p50_ms": _ms(latencies[len(latencies) // 2]), "p99_ms": _ms(latencies[int(len(latencies) * 0.99)]),
        "last_of_all_median_ms": _ms(statistics.median(slowest)), "last_of_all_max_ms": _ms(max(slowest)),
        "cpu_us_each": round(cpu_s / times / len(peers) * 1e6, 1),
    }  # fmt: skip


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


# --- idle participants ----------------------------------------------------------------------------------------------


async def idle(participants: int, rooms: int) -> list[Row]:
    rows = []
    for carrier in ("tcp", "websocket"):
        async with started() as server:
            where = server.addresses()[carrier]
            root = await admin(server.unix)
            people = await at_a_time(50, lambda number, to=where: person(to, f"warm-{number}", "warm"))
            for peer, _ in people:
                peer.close()
            await asyncio.sleep(1)
            before, cpu_before, began = server.resident_bytes(), server.main_cpu_s(), time.perf_counter()
            people = await at_a_time(
                participants, lambda number, to=where: person(to, f"person-{number}", f"room-{number % rooms}")
            )
            joined_s, cpu_s = time.perf_counter() - began, server.main_cpu_s() - cpu_before
            await asyncio.sleep(3)
            found = (await root.call("get_statistics", {}))["server"]
            assert found["participants"] >= participants, found
            quiet_before = server.main_cpu_s()
            await asyncio.sleep(5)
            rows.append({
                "scenario": "idle", "carrier": carrier, "participants": participants, "rooms": rooms,
                "kb_each": round((server.resident_bytes() - before) / participants / 1000, 1),
                "join_cpu_us": round(cpu_s / participants * 1e6), "joins_per_second": round(participants / joined_s),
                "idle_cpu_percent": round((server.main_cpu_s() - quiet_before) / 5 * 100, 1),
                "still_there": sum(not peer.closed for peer, _ in people),
            })  # fmt: skip
            for peer, _ in people:
                peer.close()
    return rows


# --- joins with media -----------------------------------------------------------------------------------------------


async def join(count: int) -> list[Row]:
    rows = []
    for name in ("chromium-send-simulcast", "chromium-recvonly"):
        offer = (OFFERS / f"{name}.sdp").read_text()
        async with started() as server:
            await _join_all(server, offer, "warm", 0, 50)
            began, cpu_ms = time.perf_counter(), []
            for first in range(0, count, JOINS_MEASURED_TOGETHER):
                before = server.main_cpu_s()
                parts = await _join_all(server, offer, "room", first, JOINS_MEASURED_TOGETHER)
                cpu_ms.append((server.main_cpu_s() - before) / JOINS_MEASURED_TOGETHER * 1000)
            rows.append({
                "scenario": "join", "offer": name, "offer_bytes": len(offer), "joins": count,
                "cpu_ms": round(statistics.median(cpu_ms), 2), "least": round(min(cpu_ms), 2),
                "per_second": round(count / (time.perf_counter() - began)),
                "answer_bytes": round(statistics.mean(parts)),
            })  # fmt: skip
    return rows


async def _join_all(server: Server, offer: str, room: str, first: int, count: int) -> list[int]:
    """Five in each room, one after the other, so that none is told of by many. Returns the sizes of the answers."""

    async def join_one(number: int) -> int:
        number += first
        peer, _ = await person(server.url, f"person-{number}", f"{room}-{number // 5}")
        answer = await peer.call("offer", {"sdp": _of_another_client(offer, number), "tracks": {}})
        return len(answer["sdp"])

    return await at_a_time(count, join_one, together=4)


def _of_another_client(offer: str, number: int) -> str:
    """As another browser of the same kind writes it, with names, keys and addresses of its own."""
    own = random.Random(number)
    for ssrc in set(re.findall("a=ssrc:([0-9]+)", offer)):
        offer = offer.replace(ssrc, str(own.getrandbits(31)))
    offer = re.sub("(?<=a=ice-ufrag:).*", f"{own.getrandbits(16):04x}", offer)
    offer = re.sub("(?<=a=ice-pwd:).*", f"{own.getrandbits(96):024x}", offer)
    offer = re.sub("(?<=a=fingerprint:sha-256 ).*", own.randbytes(32).hex(":").upper(), offer)
    return re.sub("(?<=a=msid:)[^ ]+", f"{own.getrandbits(128):032x}", offer)


# --- the command ----------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.control", description=__doc__.split("\n\n")[0])
    parser.add_argument("scenario", nargs="*", choices=["requests", "events", "idle", "join", []])
    parser.add_argument("--seconds", type=float, default=3, help="of each kind of request (3)")
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--participants", type=int, default=10_000)
    parser.add_argument("--rooms", type=int, default=2_000)
    parser.add_argument("--joins", type=int, default=300)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the server inherits it
    os.sched_setaffinity(0, {PEER_CPU})
    work: dict[str, Callable[[], Awaitable[list[Row]]]] = {
        "requests": lambda: requests(arguments.seconds),
        "events": lambda: events(arguments.subscribers, arguments.events),
        "idle": lambda: idle(arguments.participants, arguments.rooms),
        "join": lambda: join(arguments.joins),
    }
    rows: list[Row] = []
    for scenario in arguments.scenario or work:
        found = uvloop.run(_awaited(work[scenario]()))
        _show(found)
        rows += found
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


async def _awaited(work: Awaitable[list[Row]]) -> list[Row]:
    return await work


def _show(rows: list[Row]) -> None:
    table = Table(*rows[0], box=None, header_style="bold")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(width=180).print(table)


if __name__ == "__main__":
    main()
