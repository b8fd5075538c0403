"""What a control session is told of the server as a whole."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mediasrv.rooms.registry import RoomRegistry
from mediasrv.signaling.statistics_shapes import ServerStatistics

_STATM = Path("/proc/self/statm")


def server_statistics(
    rooms: RoomRegistry, started_at: float, connections: Mapping[str, int], counters: Mapping[str, int]
) -> ServerStatistics:
    """As it is now; `started_at` in seconds since the Unix epoch."""
    return ServerStatistics(
        version=_version(),
        started_at=started_at,
        rooms=len(rooms.rooms),
        participants=sum(len(room.participants) for room in rooms.rooms.values()),
        connections=dict(connections),
        memory_bytes=_resident_bytes(),
        cpu_s=time.process_time(),
        counters=dict(counters),
    )


def _version() -> str:
    try:
        return version("mediasrv")
    except PackageNotFoundError:  # run from a folder that was not installed
        return "unknown"


def _resident_bytes() -> int:
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
