"""A real worker over loopback sockets, with the peers of the scenarios at the other end: real time, no sleeps."""

from __future__ import annotations

import heapq
import itertools
import selectors
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from mediaplane.worker import Worker
from scenarios.call import Participant
from scenarios.identity import SERVER
from scenarios.network import Address, Host, Timer


def worker(*binds: Address, **options: Any) -> Worker:
    return Worker(
        0,
        binds or [("127.0.0.1", 0)],
        certificate=SERVER.certificate,
        private_key=SERVER.private_key,
        **options,
    )


class LoopbackNetwork:
    """What a peer needs of a network, by sockets of this machine and the clock on the wall."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.selector = selectors.DefaultSelector()
        self.sockets: dict[Address, socket.socket] = {}
        self._hosts: dict[Address, Host] = {}
        self._agenda: list[tuple[int, int, Timer]] = []
        self._number = itertools.count()

    @property
    def now_us(self) -> int:
        return time.monotonic_ns() // 1000

    def open(self, host: str) -> Address:
        """A new socket of a peer. Returns its address."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.bind((host, 0))
        address = opened.getsockname()[:2]
        self.sockets[address] = opened
        self.selector.register(opened, selectors.EVENT_READ, address)
        return address

    def attach(self, address: Address, host: Host) -> None:
        self._hosts[address] = host

    def detach(self, address: Address) -> None:
        self._hosts.pop(address, None)

    def send(self, data: bytes, source: Address) -> None:
        self.sockets[source].sendto(data, (source[0], self.port))

    def at(self, moment_us: int, call: Callable[[], None]) -> Timer:
        timer = Timer(call)
        heapq.heappush(self._agenda, (moment_us, next(self._number), timer))
        return timer

    def after(self, delay_us: int, call: Callable[[], None]) -> Timer:
        return self.at(self.now_us + delay_us, call)

    def do_commands(self) -> None:
        """The worker does them by itself."""

    def run_until(self, done: Callable[[], bool], limit_s: float = 10) -> bool:
        """Until done(), which is asked after every event, and now and then: counters have none."""
        end_us = self.now_us + round(limit_s * 1e6)
        while not done():
            wait_us = min(end_us, self._agenda[0][0] if self._agenda else end_us) - self.now_us
            wait_us = min(wait_us, 20_000)
            if self.now_us >= end_us:
                return False
            for key, _ in self.selector.select(max(wait_us, 0) / 1e6):
                if isinstance(key.fileobj, socket.socket):
                    self._drain(key.fileobj, key.data)
                else:
                    key.data()
            while self._agenda and self._agenda[0][0] <= self.now_us:
                heapq.heappop(self._agenda)[2].run()
        return True

    def run_for(self, seconds: float) -> None:
        self.run_until(lambda: False, limit_s=seconds)

    def _drain(self, readable: socket.socket, address: Address) -> None:
        while True:
            try:
                data = readable.recv(4096)
            except BlockingIOError:
                return
            host = self._hosts.get(address)
            if host is not None:
                host.datagram(data, address)

    def close(self) -> None:
        self.selector.close()
        for opened in self.sockets.values():
            opened.close()


class LoopbackCall:
    """A running worker and its participants; events come by its event_fd."""

    def __init__(self, *binds: Address, **options: Any) -> None:
        self.plane = worker(*binds, **options)
        self.network = LoopbackNetwork(self.plane.port)
        self.network.selector.register(self.plane.event_fd, selectors.EVENT_READ, self.take_events)
        self.ids = itertools.count(1)
        self.events: list[tuple[Any, ...]] = []

    def __enter__(self) -> LoopbackCall:
        self.plane.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.plane.stop()
        self.network.close()

    def take_events(self) -> None:
        self.events += self.plane.poll_events()

    def events_of(self, kind: str) -> list[tuple[Any, ...]]:
        return [event for event in self.events if event[0] == kind]

    def join(self, host: str = "127.0.0.1", **options: Any) -> Participant:
        participant = Participant(self, address=self.network.open(host), **options)  # type: ignore[arg-type]
        participant.peer.start()
        return participant

    def connect(self, *participants: Participant) -> None:
        def connected() -> bool:
            told = {event[1] for event in self.events_of("transport_connected")}
            return all(someone.peer.connected and someone.transport_id in told for someone in participants)

        assert self.network.run_until(connected), "no connection"
