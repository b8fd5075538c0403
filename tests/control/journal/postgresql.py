"""A PostgreSQL of the tests' own: a cluster in a temporary folder, reached by a Unix socket alone."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path | None:
    """Where initdb and postgres are; None if they are not installed. Debian keeps them out of the way of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


class Cluster:
    """`socket` is the folder of its socket."""

    def __init__(self, socket: Path, control: Callable[..., None]) -> None:
        self.socket = socket
        self._control = control

    def start(self) -> None:
        self._control("start")

    def stop(self) -> None:
        """At once: connections are cut."""
        self._control("-m", "immediate", "stop")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running one."""
    folder = Path(tempfile.mkdtemp(prefix="mediasrv-pg-"))
    bin_ = programs()
    assert bin_ is not None
    # PostgreSQL refuses to run as root.
    user = next(name for name in ("postgres", "nobody") if _exists(name)) if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)
    run = {"user": user, "cwd": folder, "check": True, "capture_output": True}
    data = folder / "data"
    try:
        subprocess.run([bin_ / "initdb", "-D", data, "-A", "trust", "-U", "mediasrv", "-E", "UTF8", "-N"], **run)
        # -N and fsync=off: nobody needs this data after a crash.
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        base = [bin_ / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options]

        def control(*arguments: str) -> None:
            # Not captured: the server would keep the pipe open.
            quiet = {"capture_output": False, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.run([*base, *arguments], **(run | quiet))

        running = Cluster(folder, control)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
