"""The machine as the checks see it: all that they look at goes through here, so that tests can be other machines."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import shutil
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import ifaddr

from mediasrv.addresses import advertised_addresses, bind_addresses

Transport = Literal["tcp", "udp"]

SOL_UDP = 17
UDP_OPTIONS = {"UDP_SEGMENT": 103, "UDP_GRO": 104}
CAP_NET_ADMIN = 12
STA_UNSYNC = 0x0040
_LISTENING = {"tcp": "0A", "udp": "07"}  # states in /proc/net


class Clock(ctypes.Structure):
    """`struct timex` of adjtimex(2), as far as it is read."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("_rest", ctypes.c_byte * 256),
    )


class Machine:
    """This machine."""

    def read(self, path: str) -> str | None:
        """The text of a small file; None if there is none to be read."""
        try:
            return Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def exists(self, path: str) -> bool:
        return Path(path).exists()

    def bind(self, transport: Transport, host: str, port: int) -> OSError | None:
        """What keeps a server from having this port; None: nothing."""
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        except OSError as error:
            return error
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        with socket.socket(family, kind) as probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if transport == "tcp":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                if transport == "tcp":
                    probe.listen(1)
            except OSError as error:
                return error
        return None

    def user_of(self, transport: Transport, port: int) -> tuple[str, int] | None:
        """Command line and process id of who has a port, as far as we may see."""
        tables = (f"/proc/net/{transport}{version}" for version in ("", "6"))
        inodes = {inode for table in tables for inode in self._sockets(table, transport, port)}
        if not inodes:
            return None
        for process in Path("/proc").glob("[0-9]*"):
            if any(inode in inodes for inode in _socket_inodes(process)):
                command = " ".join((self.read(f"{process}/cmdline") or "").replace("\0", " ").split())
                return command or (self.read(f"{process}/comm") or "?").strip(), int(process.name)
        return None

    def _sockets(self, table: str, transport: Transport, port: int) -> list[str]:
        found = []
        for line in (self.read(table) or "").splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == _LISTENING[transport]:
                found.append(fields[9])
        return found

    def interfaces(self) -> Mapping[str, Sequence[str]]:
        """IP addresses by interface."""
        return {
            adapter.name: [ip.ip if isinstance(ip.ip, str) else ip.ip[0] for ip in adapter.ips]
            for adapter in ifaddr.get_adapters()
        }

    def binds(self, configured: Sequence[str]) -> list[str]:
        return bind_addresses(configured)

    def advertised(self, configured: Sequence[str], binds: Sequence[str]) -> list[str]:
        return advertised_addresses(configured, binds)

    def udp_option(self, name: str) -> bool:
        """Whether the kernel has an option of UDP sockets."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.setsockopt(SOL_UDP, UDP_OPTIONS[name], 1200 if name == "UDP_SEGMENT" else 1)
            except OSError:
                return False
        return True

    def has_capability(self, number: int) -> bool:
        for line in (self.read("/proc/self/status") or "").splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> number & 1)
        return False

    def file_limits(self) -> tuple[int, int]:
        """How many files may be open: now, and as far as the process may raise that itself."""
        return resource.getrlimit(resource.RLIMIT_NOFILE)

    def clock_synchronised(self) -> tuple[bool, float] | None:
        """Whether somebody keeps the clock right, and by how many seconds it may be wrong; None: nobody can tell."""
        timex = Clock()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.adjtimex(ctypes.byref(timex)) < 0:
            return None
        return not timex.status & STA_UNSYNC, timex.maxerror / 1e6

    def now(self) -> datetime:
        return datetime.now(UTC)

    def clock_steps(self, over_s: float = 0.05) -> float:
        """By how many seconds the clock on the wall and the monotonic one drift apart in a moment."""
        wall, steady = time.time(), time.monotonic()
        time.sleep(over_s)
        return abs((time.time() - wall) - (time.monotonic() - steady))

    def free_bytes(self, folder: Path) -> int:
        """On the disk of a folder, or of the nearest one above that exists. Raises OSError."""
        return shutil.disk_usage(nearest(folder)).free

    def may_write(self, folder: Path) -> bool:
        return os.access(nearest(folder), os.W_OK | os.X_OK)

    def cpu_flags(self) -> frozenset[str]:
        for line in (self.read("/proc/cpuinfo") or "").splitlines():
            if line.startswith(("flags", "Features")):
                return frozenset(line.partition(":")[2].split())
        return frozenset()

    def cpus(self) -> int:
        return len(os.sched_getaffinity(0))

    def srtp_backends(self) -> Sequence[str]:
        """Those that are there. Raises ImportError if the native modules are not."""
        from mediaplane.secure.srtp import available_backends

        return list(available_backends())


def _socket_inodes(process: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):  # another user's, or gone by now
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                kind, _, inode = os.readlink(descriptor).partition(":")
                if kind == "socket":
                    yield inode.strip("[]")


def nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
