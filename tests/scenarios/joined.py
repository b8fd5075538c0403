"""Two workers of one server: a plane each, joined by pipes, in one network and one virtual time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mediaplane.command_port import CommandPort
from mediaplane.testing.plane import VirtualPlane

from scenarios import negotiated
from scenarios.call import Call, Participant
from scenarios.identity import SERVER
from scenarios.network import Address, Network
from scenarios.publication import Publication

Datagrams = list[tuple[bytes, Address]]


class JoinedPlanes:
    """To the network one server. What a plane hands over, the other takes at the same moment, unless it is stalled."""

    def __init__(self, pipe_bytes: int) -> None:
        self.planes = [
            VirtualPlane(certificate=SERVER.certificate, private_key=SERVER.private_key, max_transports=32)
            for _ in range(2)
        ]
        self.planes[0].join(self.planes[1], 0, 1, pipe_bytes=pipe_bytes)
        self.home: dict[Address, VirtualPlane] = {}
        """Which plane's port a peer sends to."""
        self.stalled: set[VirtualPlane] = set()
        """Those whose thread gets no time to read its pipes."""

    def receive(self, datagrams: Iterable[tuple[bytes, Address]], now_us: int, *, arrivals: Sequence[int]) -> Datagrams:
        came = list(zip(datagrams, arrivals, strict=True))
        sent: Datagrams = []
        for plane in self.planes:
            mine = [each for each in came if self.home[each[0][1]] is plane]
            sent += plane.receive([datagram for datagram, _ in mine], now_us, arrivals=[at_us for _, at_us in mine])
        return sent + self._exchange(now_us)

    def timeout(self, now_us: int) -> Datagrams:
        sent: Datagrams = []
        for plane in self.planes:
            sent += plane.timeout(now_us)
        return sent + self._exchange(now_us)

    def deadline(self) -> int | None:
        moments = [moment for moment in (plane.deadline() for plane in self.planes) if moment is not None]
        return min(moments, default=None)

    def _exchange(self, now_us: int) -> Datagrams:
        sent: Datagrams = []
        while waiting := [plane for plane in self.planes if plane.pipes_waiting and plane not in self.stalled]:
            for plane in waiting:
                sent += plane.receive_pipes(now_us)
        return sent


@dataclass(frozen=True)
class PipedProducer:
    """Stands for a publication on another worker; slots there connect to it."""

    kind: str
    producer_id: int
    source_id: int
    encodings: int = 1

    def stand_on(self, plane: CommandPort, *, from_worker: int) -> None:
        codecs = {"audio": (negotiated.OPUS, "opus", 48_000, 0), "video": (negotiated.VP8, "VP8", 90_000, 0)}
        plane.create_piped_producer(
            self.producer_id,
            source_id=self.source_id,
            from_worker=from_worker,
            kind=self.kind,
            codecs=[codecs[self.kind]],
            encodings=self.encodings,
        )


class Worker(Call):
    """One of the two, with the participants whose transports it has."""

    def __init__(self, server: JoinedPlanes, index: int, network: Network, ids: itertools.count[int]) -> None:
        self.server = server
        self.index = index
        self.plane = server.planes[index]
        self.network = network
        self.ids = ids
        self.participants = []
        self._events = []

    def join(self, *, start: bool = True, **options: Any) -> Participant:
        participant = super().join(start=False, **options)
        self.server.home[participant.peer.address] = self.plane
        if start:
            participant.peer.start()
        return participant

    def pipe(self, publication: Publication) -> PipedProducer:
        """Have the publication of the other worker stand here too."""
        piped = PipedProducer(publication.kind, next(self.ids), publication.producer_id, len(publication.encodings))
        piped.stand_on(self.plane, from_worker=1 - self.index)
        return piped


def two_workers(*, seed: int = 0, batch_us: int = 0, pipe_bytes: int = 1 << 21) -> tuple[Worker, Worker]:
    server = JoinedPlanes(pipe_bytes)
    network = Network(server, seed, batch_us)  # type: ignore[arg-type]
    ids = itertools.count(1)
    return Worker(server, 0, network, ids), Worker(server, 1, network, ids)
