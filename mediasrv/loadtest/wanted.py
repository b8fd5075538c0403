"""What is asked for: which server shall be loaded, and which CPUs it and the load have."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class Running:
    """A server of ours at `url`, or any at `whip_url` and `whep_url`.

    Without `tokens` and `key`, ours is asked for tokens, and another gets none.
    """

    url: str = ""
    whip_url: str = ""
    whep_url: str = ""
    tokens: Sequence[str] = field(default=(), repr=False)
    key: tuple[str, str] | None = field(default=None, repr=False)
    """Id and secret."""
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Own:
    """A server that is started, with `workers`, on CPUs of its own if `cpus` says so."""

    workers: int = 1
    srtp_backend: str = "auto"
    max_linger_us: int | None = None
    """None: the server's default."""
    cpus: Collection[int] | None = None


Wanted = Running | Own


@dataclass(frozen=True, slots=True)
class CpuShares:
    """Which CPUs a server that is started here has, and which the load; None: they share all."""

    server: tuple[int, ...] | None
    load: tuple[int, ...] | None

    @classmethod
    def plan(cls, workers: int, *, pin: bool) -> Self:
        """One for each worker as far as one is left for the load, which has all others."""
        cpus = tuple(sorted(os.sched_getaffinity(0)))
        if not pin or len(cpus) < 2:
            return cls(None, None)
        taken = min(workers, len(cpus) - 1)
        return cls(cpus[:taken], cpus[taken:])

    @property
    def threads(self) -> int:
        """Load generators: two for each of the server's CPUs are more than enough."""
        return min(len(self.load), 2 * len(self.server)) if self.load and self.server else 1

    @contextmanager
    def of_load(self) -> Iterator[None]:
        """This process and its threads stay on the load's CPUs."""
        before = os.sched_getaffinity(0)
        if self.load:
            os.sched_setaffinity(0, self.load)
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)
