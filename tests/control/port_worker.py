"""A native worker's place taken: a real UDP port, and nothing behind it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from mediasrv.metrics.media import DISTRIBUTIONS, GAUGES


class PortWorker:
    """Takes a real UDP port, and otherwise only reports that closed transports are closed."""

    made: list[PortWorker] = []  # noqa: RUF012  all of them, for tests to look at

    def __init__(self, index: int, binds: list[tuple[str, int]], **_: Any) -> None:
        self.sockets = []
        port = binds[0][1]
        for address, _port in binds:
            self.sockets.append(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM))
            self.sockets[-1].bind((address, port))
            port = self.sockets[-1].getsockname()[1]
        self.port = port
        self.srtp_backend = "libcrypto"
        self.event_fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.events: list[tuple[Any, ...]] = []
        self.running = False
        self.counted = {"rtp_received": 0, "drop_gated": 0, "loops": 0}
        self.spread = {name: (1e-6, [10, 20], [0, 0, 0], 0) for name in DISTRIBUTIONS}
        type(self).made.append(self)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_arguments, **_keywords: None

    def report(self, *event: Any) -> None:
        self.events.append(event)
        os.eventfd_write(self.event_fd, 1)

    def close_transport(self, transport_id: int) -> None:
        self.report("transport_closed", transport_id, "closed")

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False
        for bound in self.sockets:
            bound.close()

    def poll_events(self, _limit: int = 256) -> list[tuple[Any, ...]]:
        taken, self.events = self.events, []
        if taken:
            os.eventfd_read(self.event_fd)
        return taken

    def counters(self) -> dict[str, int]:
        return self.counted

    def gauges(self) -> dict[str, int]:
        return dict.fromkeys((*GAUGES, "cpu_us"), 0)

    def distributions(self) -> dict[str, tuple[float, list[int], list[int], int]]:
        return self.spread
