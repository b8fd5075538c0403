"""Servers under load as child processes, and what CPU they use."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mediaplane.loadgen.media import Connection

from bench.signaling import (
    AUDIO_PAYLOAD_TYPE,
    EXTENSIONS,
    VIDEO_PAYLOAD_TYPE,
    Credentials,
    Kind,
    MediaLine,
    Negotiated,
    Profile,
)
from mediasrv.rtc.certificate import Certificate

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
READY = re.compile(r"mediasrv is ready: (\S+) \((.*)\)")
START_TIMEOUT_S = 60


class StartError(Exception):
    """The server did not start; the text has what it said."""


def cpu_seconds(pid: int) -> dict[str, float]:
    """User and system time of each thread of a process by its name, to 10 ms; "total" is the whole process."""
    used = {"total": _cpu_seconds(Path(f"/proc/{pid}/stat"))[1]}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name, seconds = _cpu_seconds(task / "stat")
        except FileNotFoundError:  # it has just ended
            continue
        used[name] = used.get(name, 0.0) + seconds
    return used


def _cpu_seconds(stat: Path) -> tuple[str, float]:
    text = stat.read_text()
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    return name, (int(fields[11]) + int(fields[12])) / TICKS_PER_S


async def start(arguments: Sequence[str], cpu: int | None, *, talks: bool) -> Process:
    """A Python child on one CPU. `talks`: its standard input is ours."""
    command = [sys.executable, *arguments]
    if cpu is not None:
        command = ["taskset", "-c", str(cpu), *command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE if talks else None,
        stdout=PIPE,
        stderr=None,
        env=environment,
    )


async def read_line(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(START_TIMEOUT_S):
        line = await process.stdout.readline()
    if not line:
        raise StartError(f"the server ended with status {await process.wait()}")
    return line.decode()


async def stop(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def start_mediasrv(cpu: int | None, srtp_backend: str) -> tuple[Process, str, str]:
    """`mediasrv serve --dev` with one worker on free ports. Returns the process, its URL and what it says of itself."""
    process = await start(
        ["-m", "mediasrv", "serve", "--dev", "--http", "127.0.0.1:0", "--rtc-port", "0", "--workers", "1",
         "--log-level", "warning", "--srtp-backend", srtp_backend],
        cpu,
        talks=False,
    )  # fmt: skip
    try:
        while not (ready := READY.search(line := await read_line(process))):
            print(line, end="", file=sys.stderr)
    except BaseException:
        await stop(process)
        raise
    return process, ready[1], ready[2]


class PlaneSignaling:
    """The counterpart of `bench.plane_server`."""

    def __init__(self, process: Process, certificate: Certificate) -> None:
        self._process = process
        self._certificate = certificate
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        async with self._one_at_a_time:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
            answer: dict[str, Any] = json.loads(await read_line(self._process))
        return answer

    async def publish(self, kinds: Sequence[Kind], profile: Profile | None) -> Negotiated:
        return await self._negotiate("publish", kinds, [secrets.randbits(31) | 1 for _ in kinds], profile)

    async def subscribe(self, kinds: Sequence[Kind], profile: Profile | None) -> Negotiated:
        return await self._negotiate("subscribe", kinds, [], profile)

    async def close(self) -> None:
        pass

    async def _negotiate(
        self, operation: str, kinds: Sequence[Kind], ssrcs: Sequence[int], profile: Profile | None
    ) -> Negotiated:
        credentials = Credentials()
        digest = self._certificate.fingerprint.digest.hex()
        answer = await self.ask({"op": operation, "kinds": kinds, "ssrcs": ssrcs, "fingerprint": digest})
        connection = Connection(
            address="127.0.0.1",
            port=answer["port"],
            local_ufrag=credentials.ufrag,
            local_pwd=credentials.pwd,
            remote_ufrag=answer["ufrag"],
            remote_pwd=answer["pwd"],
            fingerprints=[("sha-256", bytes.fromhex(answer["fingerprint"]))],
            srtp_profile=profile,
        )
        types = {"audio": AUDIO_PAYLOAD_TYPE, "video": VIDEO_PAYLOAD_TYPE}
        return Negotiated(
            connection,
            [
                MediaLine(str(mid), kind, types[kind], ssrc, dict(EXTENSIONS[kind]))
                for mid, (kind, ssrc) in enumerate(zip(kinds, answer["ssrcs"], strict=True))
            ],
        )


async def start_plane(
    cpu: int | None, srtp_backend: str, max_linger_us: int, certificate: Certificate
) -> tuple[Process, PlaneSignaling, str]:
    """A worker without HTTP and rooms."""
    process = await start(["-m", "bench.plane_server", srtp_backend, str(max_linger_us)], cpu, talks=True)
    ready = json.loads(await read_line(process))
    name = f"media plane alone, srtp: {ready['ready']}, linger up to {max_linger_us} us"
    return process, PlaneSignaling(process, certificate), name
