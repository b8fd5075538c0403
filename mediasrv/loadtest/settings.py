"""How a load is measured, and how it grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mediasrv.loadtest.scenario import Growth


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is measured. `threads`: load generators."""

    room: str = "loadtest"
    seconds: float = 10.0
    threads: int = 1
    verify: Literal["all", "sample"] = "all"
    gro: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """What a clean step of a ramp stays within."""

    loss_percent: float = 0.1
    p99_ms: float = 50.0


@dataclass(frozen=True, slots=True)
class Ramp:
    """`step` more subscribers in each room, or rooms, at a time, up to `last`."""

    growth: Growth
    step: int
    last: int
    limits: Limits = Limits()
