"""The server under load as a process: started here if wanted, and what CPU and memory it uses."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mediasrv.config import ENVIRONMENT_PREFIX
from mediasrv.loadtest.errors import LoadTestError
from mediasrv.loadtest.wanted import Own

CPUCLOCK_SCHED = 2  # of the kernel's clock ids: what a process was given in nanoseconds
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
READY = re.compile(r"mediasrv is ready: (\S+) \((.*)\)")
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds (user and system) of each thread by its name, "total" of the process; resident bytes."""

    cpu_s: dict[str, float] = field(default_factory=dict)
    rss_bytes: int = 0

    @property
    def known(self) -> bool:
        return "total" in self.cpu_s


UNKNOWN = Usage()


def usage(pid: int | None) -> Usage:
    """Of a process of this machine; `UNKNOWN` if there is none. Raises `LoadTestError` when it has ended."""
    if pid is None:
        return UNKNOWN
    process = Path(f"/proc/{pid}")
    try:
        used = {"total": time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)}  # as clock_getcpuclockid(3) makes it
        for task in (process / "task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                name = (task / "comm").read_text().strip()
                used[name] = used.get(name, 0.0) + int((task / "schedstat").read_text().split()[0]) / 1e9
        resident = int((process / "statm").read_text().split()[1]) * PAGE_BYTES
    except OSError:
        raise LoadTestError(f"there is no process {pid}: the server has ended, or --pid names another one") from None
    return Usage(used, resident)


# --- children -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def python_process(
    arguments: Sequence[str], cpus: Collection[int] | None, *, talks: bool = False
) -> AsyncIterator[Process]:
    """A Python child on `cpus`, ended on the way out. `talks`: its standard input is ours.

    It runs in an empty folder and sees no setting of ours, so that what is measured is what was asked for.
    """
    environment = _environment()
    with tempfile.TemporaryDirectory(prefix="mediasrv-loadtest-") as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=PIPE if talks else None, stdout=PIPE, env=environment, cwd=folder
        )
        try:
            if cpus is not None:
                os.sched_setaffinity(process.pid, cpus)  # of its one thread; those it starts inherit it
            yield process
        finally:
            await _end(process)


def _environment() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}
    environment["PYTHONPATH"] = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
    return environment


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def read_line(process: Process) -> str:
    """The next one of its standard output. Raises `LoadTestError`."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            line = await process.stdout.readline()
    except TimeoutError:
        raise LoadTestError(f"the server said nothing for {START_TIMEOUT_S} s") from None
    if not line:
        raise LoadTestError(f"the server ended with status {await process.wait()}; what it said stands above")
    return line.decode()


@dataclass(frozen=True, slots=True)
class OwnServer:
    """`url` has no slash at its end; `description`: what it says of itself."""

    url: str
    pid: int
    description: str


@asynccontextmanager
async def own_server(wanted: Own) -> AsyncIterator[OwnServer]:
    """`mediasrv serve --dev` on free ports of loopback."""
    command = ["-m", "mediasrv", "serve", "--dev", "--log-level", "warning", "--http", "127.0.0.1:0", "--rtc-port", "0"]
    command += ["--workers", str(wanted.workers), "--srtp-backend", wanted.srtp_backend]
    if wanted.max_linger_us is not None:
        command += ["--max-linger-us", str(wanted.max_linger_us)]
    async with python_process(command, wanted.cpus) as process:
        while not (ready := READY.search(line := await read_line(process))):
            print(line, end="", file=sys.stderr)
        yield OwnServer(ready[1].rstrip("/"), process.pid, ready[2])
