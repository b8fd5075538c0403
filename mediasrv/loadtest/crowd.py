"""The synthetic participants: they join a few at a time, and it is known who is in which room."""

from __future__ import annotations

import asyncio
import errno
import resource
import time
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import Literal, Self

from mediaplane.loadgen.generator import LoadGenerator

from mediasrv.loadtest.answer import Negotiated
from mediasrv.loadtest.errors import LoadTestError, NotConnectedError
from mediasrv.loadtest.offer import sendings
from mediasrv.loadtest.scenario import Scenario
from mediasrv.loadtest.signaling import Signaling
from mediasrv.loadtest.snapshot import Member, Snapshot
from mediasrv.loadtest.watcher import Watcher
from mediasrv.rtc.certificate import Certificate

JOINS_AT_ONCE = 8
CONNECT_TIMEOUT_S = 60.0
POLL_S = 0.02
MAX_PEERS = 16384  # of a generator: each is a socket


class Role(Enum):
    PUBLISHER = "publisher"
    SUBSCRIBER = "subscriber"
    PARTICIPANT = "participant"


class Crowd:
    """Participants of the rooms `room`-0, `room`-1, …, or of `room` if there is one. `threads`: load generators, among
    which they take turns. A context, which ends the threads.
    """

    def __init__(
        self,
        signaling: Signaling,
        certificate: Certificate,
        *,
        room: str,
        single_room: bool,
        threads: int = 1,
        verify: Literal["all", "sample"] = "all",
        gro: bool = True,
    ) -> None:
        self._signaling = signaling
        self._room = room
        self._single_room = single_room
        self._generators = [
            LoadGenerator(
                certificate=certificate.certificate,
                private_key=certificate.private_key,
                verify=verify,
                gro=gro,
                max_peers=MAX_PEERS,
            )
            for _ in range(threads)
        ]
        self._peers = [0] * threads
        self._joined: Counter[tuple[int, Role]] = Counter()
        self._participants = 0
        self.members: list[Member] = []

    def __enter__(self) -> Self:
        _raise_descriptor_limit()
        for generator in self._generators:
            generator.start()
        return self

    def __exit__(self, *_: object) -> None:
        for generator in self._generators:
            generator.stop()

    # --- joining ---------------------------------------------------------------------------------------------------

    async def grow(self, scenario: Scenario, watcher: Watcher) -> None:
        """Let those join whom the scenario has and the rooms lack, and wait until all are connected.

        Publishers come first, so that subscribers find all they shall get. Raises `LoadTestError`.
        """
        publishers, others = self._lacking(scenario)
        watcher.phase("joining", len(publishers) + len(others))
        done = 0
        places = asyncio.Semaphore(JOINS_AT_ONCE)

        async def join(room: int, role: Role) -> None:
            nonlocal done
            async with places:
                await self._join(room, role, scenario)
            done += 1
            watcher.advance(done)

        for joining in (publishers, others):
            tasks = [asyncio.create_task(join(room, role)) for room, role in joining]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
            await self._connected()

    def _lacking(self, scenario: Scenario) -> tuple[list[tuple[int, Role]], list[tuple[int, Role]]]:
        wanted = (
            {Role.PARTICIPANT: scenario.participants}
            if scenario.all_to_all
            else {Role.PUBLISHER: scenario.publishers, Role.SUBSCRIBER: scenario.subscribers}
        )
        lacking = [
            (room, role)
            for room in range(scenario.rooms)
            for role, count in wanted.items()
            for _ in range(count - self._joined[room, role])
        ]
        return (
            [each for each in lacking if each[1] is Role.PUBLISHER],
            [each for each in lacking if each[1] is not Role.PUBLISHER],
        )

    async def _join(self, room: int, role: Role, scenario: Scenario) -> None:
        self._joined[room, role] += 1
        self._participants += 1
        number = self._participants
        identity = f"load-{number}"
        name = self._room if self._single_room else f"{self._room}-{room}"
        kinds = scenario.kinds
        started = time.monotonic()
        connections: Sequence[Negotiated]
        if role is Role.PUBLISHER:
            connections = [await self._signaling.publish(name, identity, sendings(scenario))]
        elif role is Role.SUBSCRIBER:
            connections = [await self._signaling.subscribe(name, identity, kinds * scenario.publishers)]
        else:
            # Who gets what it sends itself has slots for that, too.
            others = scenario.participants - (not self._signaling.own_tracks_return)
            connections = await self._signaling.join(name, identity, sendings(scenario), kinds * others)
        signaling_ms = (time.monotonic() - started) * 1e3
        for negotiated in connections:
            self._add(number, room, negotiated, scenario, role, signaling_ms)

    def _add(
        self, participant: int, room: int, negotiated: Negotiated, scenario: Scenario, role: Role, signaling_ms: float
    ) -> None:
        turn = min(range(len(self._generators)), key=self._peers.__getitem__)
        try:
            self._generators[turn].add_peer(
                negotiated.connection, sources=negotiated.sources(scenario), streams=negotiated.streams
            )
        except OSError as error:
            if error.errno == errno.EMFILE:
                raise LoadTestError(
                    f"no socket is left after {sum(self._peers)} peers: raise the limit of open files (ulimit -n)"
                ) from None
            raise LoadTestError(f"a synthetic peer has no way to {negotiated.connection.address}: {error}") from None
        except BufferError as error:
            raise LoadTestError(f"{error}; use more --threads") from None
        returns = role is Role.PARTICIPANT and self._signaling.own_tracks_return
        self.members.append(
            Member(participant, room, turn, self._peers[turn], bool(negotiated.streams), returns, signaling_ms)
        )
        self._peers[turn] += 1

    async def _connected(self) -> None:
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while (states := self._states())["connected"] < len(self.members):
            if states["failed"] or states["closed"] or time.monotonic() > deadline:
                raise self._not_connected(states)
            await asyncio.sleep(POLL_S)

    def check_connected(self) -> None:
        """Raises `NotConnectedError` if somebody is no more."""
        states = self._states()
        if states["connected"] < len(self.members):
            raise self._not_connected(states)

    def _states(self) -> Counter[str]:
        states: Counter[str] = Counter()
        for generator in self._generators:
            states.update(generator.states())
        return states

    def _not_connected(self, states: Counter[str]) -> NotConnectedError:
        reasons: Counter[str] = Counter()
        for generator in self._generators:
            reasons.update(peer["failure"] for peer in generator.statistics()["peers"] if peer["failure"])
        why = "; ".join(f"{reason} ({count} times)" for reason, count in reasons.most_common(3))
        counted = ", ".join(f"{count} {state}" for state, count in states.items() if count)
        hint = ""
        if not states["connected"]:
            hint = ". Is the address in the server's candidates (rtc_ip) one that this machine reaches by UDP?"
        return NotConnectedError(
            f"{len(self.members)} peers should be connected, but there are {counted}{': ' if why else ''}{why}{hint}"
        )

    # --- counting --------------------------------------------------------------------------------------------------

    def totals(self) -> Counter[str]:
        """`packets` that arrived, `lost`, and `sent`."""
        totals: Counter[str] = Counter()
        for generator in self._generators:
            totals.update(generator.totals())
        return totals

    def snapshot(self) -> Snapshot:
        return Snapshot(
            [generator.statistics() for generator in self._generators],
            [generator.cpu_us for generator in self._generators],
        )

    def stop_media(self) -> None:
        for generator in self._generators:
            generator.stop_media()


def _raise_descriptor_limit() -> None:
    """Each peer is a socket, and the soft limit is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
