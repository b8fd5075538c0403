"""Who looks on while a load test runs."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    def phase(self, name: str, total: float) -> None:
        """What is done from now on, and how much of it there is."""

    def advance(self, done: float, detail: str = "") -> None:
        """How much of the phase is done."""


class NobodyWatches:
    def phase(self, name: str, total: float) -> None: ...

    def advance(self, done: float, detail: str = "") -> None: ...
