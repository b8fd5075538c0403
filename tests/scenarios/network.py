"""A network in virtual time: a server in the middle, hosts around it, and links that lose, delay and repeat."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from mediaplane.testing.plane import VirtualPlane

Address = tuple[str, int]


class Host(Protocol):
    """What a datagram can be addressed to."""

    def datagram(self, data: bytes, to: Address) -> None: ...


@dataclass(frozen=True)
class Conditions:
    """Of one direction of a link. Rates are probabilities; each datagram has its own jitter, so they overtake."""

    delay_us: int = 10_000
    jitter_us: int = 0
    loss: float = 0.0
    duplication: float = 0.0

    def fates(self, chance: random.Random) -> list[int]:
        """After how many microseconds the copies of a datagram arrive; empty: it is lost."""
        if chance.random() < self.loss:
            return []
        copies = 2 if chance.random() < self.duplication else 1
        return [self.delay_us + chance.randint(0, self.jitter_us) for _ in range(copies)]


class Timer:
    """Something that will be called once, unless it is cancelled."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self._call = None

    def run(self) -> None:
        if self._call is not None:
            self._call()


class Network:
    """The clock, the plane, and what is under way between them and the hosts.

    Everything happens at the earliest moment that anybody asked for, and nothing else does. `batch_us`: the plane reads
    its socket that seldom, so that datagrams of different peers meet in one batch; 0: at the moment they arrive.
    """

    def __init__(self, plane: VirtualPlane, seed: int = 0, batch_us: int = 0) -> None:
        self.plane = plane
        self.now_us = 1_000_000
        self.chance = random.Random(seed)
        self.up: dict[Address, Conditions] = {}
        self.down: dict[Address, Conditions] = {}
        self.conditions = Conditions()
        self.batch_us = batch_us
        self.undeliverable = 0
        self.on_sent: Callable[[bytes, Address], None] | None = None
        """Sees every datagram of the plane as it leaves."""
        self._hosts: dict[Address, Host] = {}
        self._agenda: list[tuple[int, int, Timer]] = []
        self._number = itertools.count()
        self._inbox: list[tuple[bytes, Address, int]] = []  # with the time at which they came

    # --- hosts -------------------------------------------------------------------------------------------------------

    def attach(self, address: Address, host: Host) -> None:
        self._hosts[address] = host

    def detach(self, address: Address) -> None:
        self._hosts.pop(address, None)

    def send(self, data: bytes, source: Address) -> None:
        """From a host to the server."""
        for delay_us in self.up.get(source, self.conditions).fates(self.chance):
            moment = arrival_us = self.now_us + delay_us
            if self.batch_us:
                moment += -moment % self.batch_us
            self.at(moment, lambda arrival_us=arrival_us: self._inbox.append((data, source, arrival_us)))

    def at(self, moment_us: int, call: Callable[[], None]) -> Timer:
        timer = Timer(call)
        heapq.heappush(self._agenda, (max(moment_us, self.now_us), next(self._number), timer))
        return timer

    def after(self, delay_us: int, call: Callable[[], None]) -> Timer:
        return self.at(self.now_us + delay_us, call)

    # --- time --------------------------------------------------------------------------------------------------------

    def run_until(self, done: Callable[[], bool], *, limit_s: float = 10) -> bool:
        """Let time pass until done(), for at most `limit_s` seconds of it. Returns done()."""
        end_us = self.now_us + round(limit_s * 1e6)
        self.do_commands()
        while not done():
            if not self._step(end_us):
                return done()
        return True

    def run_for(self, seconds: float) -> None:
        self.run_until(lambda: False, limit_s=seconds)

    def do_commands(self) -> None:
        """Let the plane carry out its commands now."""
        self._deliver(self.plane.timeout(self.now_us))

    def _step(self, end_us: int) -> bool:
        """Go to the next moment at which something happens; False if there is none before `end_us`."""
        moments = [self._agenda[0][0]] if self._agenda else []
        deadline_us = self.plane.deadline()
        if deadline_us is not None:
            moments.append(deadline_us)
        if not moments or min(moments) > end_us:
            self.now_us = end_us
            return False
        self.now_us = max(self.now_us, min(moments))
        while self._agenda and self._agenda[0][0] <= self.now_us:
            heapq.heappop(self._agenda)[2].run()
        if self._inbox:
            batch, self._inbox = self._inbox, []
            datagrams = [(data, source) for data, source, _ in batch]
            arrivals = [arrival_us for *_, arrival_us in batch]
            self._deliver(self.plane.receive(datagrams, self.now_us, arrivals=arrivals))
        self._deliver(self.plane.timeout(self.now_us))
        return True

    def _deliver(self, datagrams: Iterable[tuple[bytes, Address]]) -> None:
        for data, destination in datagrams:
            if self.on_sent is not None:
                self.on_sent(data, destination)
            for delay_us in self.down.get(destination, self.conditions).fates(self.chance):
                self.after(delay_us, lambda data=data, destination=destination: self._arrive(data, destination))

    def _arrive(self, data: bytes, destination: Address) -> None:
        host = self._hosts.get(destination)
        if host is None:
            self.undeliverable += 1
        else:
            host.datagram(data, destination)
