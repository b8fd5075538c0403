"""The figures of one window of load, as they are written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mediasrv.loadtest.settings import Limits

GENERATOR_LIMIT = 0.9  # of a CPU: above this, latencies are the generator's own


@dataclass(frozen=True, slots=True)
class Result:
    """Times in milliseconds. CPU in microseconds for a packet that arrived; None: the server's process is not known.

    A packet that arrived is one RTP packet at one receiver.
    """

    server: str
    load: str
    rooms: int
    people: int
    srtp_profile: str
    gro: bool
    seconds: float
    packets: int
    packets_per_s: int
    megabits_per_s: float
    cpu_us_per_packet: float | None
    cpu_us_per_packet_worker: float | None
    """Of the media threads alone, in a server of ours."""
    server_cores: float | None
    server_rss_mb: float | None
    server_rss_kb_per_person: float | None
    """What joining took, divided by the number of people."""
    lost: int
    loss_percent: float
    """Of the window, as receivers see it."""
    missing_percent: float
    """Of the window: what was sent and neither arrived nor shows as a gap, so that the server is behind."""
    duplicates: int
    bad: int
    latency_ms: dict[str, dict[str, float]]
    """p50, p95, p99 and max of "audio", "video" and "all"."""
    signaling_ms: dict[str, float]
    join_ms: dict[str, float]
    first_packet_ms: dict[str, float]
    packets_per_send: float | None
    packets_per_wakeup: float | None
    generator_cpu_percent: float
    """Of the busiest thread."""
    late_frames: int
    generator_was_limit: bool
    complete: bool
    """Every receiver got every packet, once, in order, as it was sent."""
    problems: list[str] = field(default_factory=list)
    streams: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a ramp. `trouble` is empty if it was clean; `result` None: not even joining worked."""

    count: int
    result: Result | None
    trouble: str = ""

    @property
    def clean(self) -> bool:
        return not self.trouble


@dataclass(frozen=True, slots=True)
class RampResult:
    """`growth`: of what `count` is the number in each step. `highest` is the last clean one."""

    growth: str
    limits: Limits
    steps: list[Step]
    end: str
    """Why there are no more steps."""

    @property
    def highest(self) -> Step | None:
        return next((step for step in reversed(self.steps) if step.clean), None)
