"""What the load generators have counted at one moment, and whose counters are whose."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from mediasrv.loadtest.scenario import Kind


@dataclass(frozen=True, slots=True)
class Member:
    """One peer connection of a participant. `generator` and `index` say where its counters are."""

    participant: int
    room: int
    generator: int
    index: int
    receives: bool
    gets_own_tracks: bool
    signaling_ms: float
    """From the first request to the answer."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`LoadGenerator.statistics()` and CPU time of each generator; everything only grows."""

    generators: list[dict[str, Any]]
    cpu_us: list[int]

    def peer(self, member: Member) -> dict[str, Any]:
        peer: dict[str, Any] = self.generators[member.generator]["peers"][member.index]
        return peer

    def total(self, name: str) -> int:
        return sum(int(statistics[name]) for statistics in self.generators)

    def latency(self, kind: Kind) -> Counter[int]:
        """{the largest microseconds of a bucket: packets}."""
        counts: Counter[int] = Counter()
        for statistics in self.generators:
            counts.update(statistics[f"{kind}_latency"])
        return counts
