"""What load generators would have counted, made up for tests of what is concluded from it."""

from __future__ import annotations

from typing import Any

from mediasrv.loadtest.measuring import Sample
from mediasrv.loadtest.result import Result
from mediasrv.loadtest.server_process import UNKNOWN, Usage
from mediasrv.loadtest.snapshot import Member, Snapshot


def source(number: int, packets: int, kind: str = "video", frames: int | None = None) -> dict[str, Any]:
    return {"source": number, "kind": kind, "packets": packets, "frames": packets if frames is None else frames}


def stream(of: int, packets: int, *, lost: int = 0, kind: str = "video", **changes: Any) -> dict[str, Any]:
    """`packets` of a source, the last of them the last one that was sent."""
    counted = {
        "source": of,
        "kind": kind,
        "packets": packets,
        "octets": packets * 1000,
        "lost": lost,
        "duplicates": 0,
        "reordered": 0,
        "misordered": 0,
        "wrong_payload_type": 0,
        "unauthentic": 0,
        "corrupt": 0,
        "last_number": packets + lost - 1,
        "missing_numbers": lost,
        "first_packet_us": 30_000,
        "latency_mean_us": 500,
        "latency_max_us": 2_000,
    }
    return counted | changes


def peer(sources: list[dict[str, Any]] = (), streams: list[dict[str, Any]] = (), **changes: Any) -> dict[str, Any]:  # type: ignore[assignment]
    counted = {
        "srtp_profile": "gcm-128",
        "join_ms": 12.0,
        "started_us": 10_000,
        "bad_datagrams": 0,
        "sources": list(sources),
        "streams": list(streams),
    }
    return counted | changes


def snapshot(
    *peers: dict[str, Any], cpu_us: int = 0, video_latency: dict[int, int] | None = None, **changes: Any
) -> Snapshot:
    counted = {
        "peers": list(peers),
        "audio_latency": {},
        "video_latency": video_latency or {},
        "late_frames": 0,
        "send_errors": 0,
        "failure": "",
    }
    return Snapshot([counted | changes], [cpu_us])


def sample(time_s: float, counted: Snapshot, server: Usage = UNKNOWN, **counters: int) -> Sample:
    return Sample(time_s, counted, server, counters)


def member(
    index: int, *, room: int = 0, receives: bool = True, own: bool = False, participant: int | None = None
) -> Member:
    return Member(index if participant is None else participant, room, 0, index, receives, own, 20.0)


def result(**changes: Any) -> Result:
    """A clean one."""
    figures = {
        "server": "a server",
        "load": "1 -> 10",
        "rooms": 1,
        "people": 11,
        "srtp_profile": "gcm-128",
        "gro": True,
        "seconds": 10.0,
        "packets": 10_000,
        "packets_per_s": 1_000,
        "megabits_per_s": 8.0,
        "cpu_us_per_packet": 2.0,
        "cpu_us_per_packet_worker": 1.8,
        "server_cores": 0.002,
        "server_rss_mb": 60.0,
        "server_rss_kb_per_person": 120.0,
        "lost": 0,
        "loss_percent": 0.0,
        "missing_percent": 0.0,
        "duplicates": 0,
        "bad": 0,
        "latency_ms": {"audio": {}, "video": {}, "all": {"p50": 0.2, "p95": 0.8, "p99": 1.0, "max": 2.0}},
        "signaling_ms": {"p50": 5.0},
        "join_ms": {"p50": 3.0, "max": 4.0},
        "first_packet_ms": {},
        "packets_per_send": None,
        "packets_per_wakeup": None,
        "generator_cpu_percent": 20.0,
        "late_frames": 0,
        "generator_was_limit": False,
        "complete": True,
    }
    return Result(**(figures | changes))


def with_p99(p99_ms: float, **changes: Any) -> Result:
    latency = {"p50": p99_ms / 10, "p95": p99_ms / 2, "p99": p99_ms, "max": p99_ms}
    return result(latency_ms={"audio": {}, "video": latency, "all": latency}, **changes)
