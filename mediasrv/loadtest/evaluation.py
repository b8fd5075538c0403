"""From what the load generators and the kernel counted to figures, and to whether a run was perfect."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mediasrv.loadtest.measuring import Sample
from mediasrv.loadtest.result import GENERATOR_LIMIT, Result
from mediasrv.loadtest.scenario import Kind, Scenario
from mediasrv.loadtest.server_process import Usage
from mediasrv.loadtest.snapshot import Member, Snapshot

LATE_LIMIT = 0.01  # of the frames sent too late: likewise
WORKER_THREADS = "mediasrv-w"

Stream = dict[str, Any]
_BAD = ("unauthentic", "corrupt", "wrong_payload_type", "misordered")


@dataclass(frozen=True, slots=True)
class Run:
    """What a window is about. `members`: all peers. `base`: the server before anybody had joined."""

    server: str
    scenario: Scenario
    members: Sequence[Member]
    base: Usage
    gro: bool = True
    verified: bool = True
    """Every packet was opened, so that the sources' own numbers are known."""


def evaluate(run: Run, before: Sample, after: Sample, final: Snapshot | None = None) -> Result:
    """`final`: when all sources had stopped and everything had arrived; None: the load goes on."""
    seconds = after.time_s - before.time_s
    received = _Received(run, before.snapshot, after.snapshot)
    last = final or after.snapshot
    problems = list(_problems(run, last, ended=final is not None))
    busiest = max(now - then for now, then in zip(after.snapshot.cpu_us, before.snapshot.cpu_us, strict=True))
    generator = busiest / 1e6 / seconds
    late_frames = after.snapshot.total("late_frames") - before.snapshot.total("late_frames")
    frames = _sent(after.snapshot, "frames") - _sent(before.snapshot, "frames")
    packets = max(received.packets, 1)
    peers = [last.peer(member) for member in run.members]
    receivers = [(member, last.peer(member)) for member in run.members if member.receives]
    worker = _cpu_s(before.server, after.server, WORKER_THREADS)
    total = _cpu_s(before.server, after.server, "total")
    rss = after.server.rss_bytes
    return Result(
        server=run.server,
        load=str(run.scenario),
        rooms=run.scenario.rooms,
        people=run.scenario.people,
        srtp_profile=", ".join(sorted({peer["srtp_profile"] for peer in peers})),
        gro=run.gro,
        seconds=round(seconds, 3),
        packets=received.packets,
        packets_per_s=round(received.packets / seconds),
        megabits_per_s=round(received.octets * 8 / 1e6 / seconds, 1),
        cpu_us_per_packet=_rounded(total and total * 1e6 / packets),
        cpu_us_per_packet_worker=_rounded(worker and worker * 1e6 / packets),
        server_cores=_rounded(total and total / seconds),
        server_rss_mb=round(rss / 1e6, 1) if rss else None,
        server_rss_kb_per_person=round((rss - run.base.rss_bytes) / 1e3 / run.scenario.people, 1) if rss else None,
        lost=_sum(last, run, _missing if run.verified else _lost),
        loss_percent=_percent(received.lost, received.lost + received.packets),
        missing_percent=_percent(received.missing, received.lost + received.packets),
        duplicates=_sum(last, run, lambda stream: int(stream["duplicates"])),
        bad=_sum(last, run, _bad),
        latency_ms=_latencies(before.snapshot, after.snapshot),
        signaling_ms=quantiles(member.signaling_ms for member in run.members),
        join_ms=quantiles(peer["join_ms"] for peer in peers if peer["join_ms"] is not None),
        first_packet_ms=quantiles(_first_packets(peer for _, peer in receivers)),
        packets_per_send=_ratio(before, after, "datagrams_sent", "send_runs"),
        packets_per_wakeup=_ratio(before, after, "datagrams_received", "loops"),
        generator_cpu_percent=round(100 * generator, 1),
        late_frames=late_frames,
        generator_was_limit=generator > GENERATOR_LIMIT or late_frames > LATE_LIMIT * max(frames, 1),
        complete=not problems,
        problems=problems,
        streams=[_stream_figures(member, stream) for member, peer in receivers for stream in peer["streams"]],
    )


class _Received:
    """Over all receivers, between two snapshots: what arrived, what is lost, and what is still missing."""

    def __init__(self, run: Run, before: Snapshot, after: Snapshot) -> None:
        sent_before, sent_after = _sent_by_source(before), _sent_by_source(after)
        self.packets = self.octets = self.lost = 0
        expected = known = 0
        for member in run.members:
            if not member.receives:
                continue
            for old, new in zip(before.peer(member)["streams"], after.peer(member)["streams"], strict=True):
                packets, lost = new["packets"] - old["packets"], new["lost"] - old["lost"]
                self.packets += packets
                self.octets += new["octets"] - old["octets"]
                self.lost += lost
                # Of a stream that changed its source, it is not known how much of which it should have got.
                if new["source"] == old["source"] and new["source"] in sent_after:
                    expected += sent_after[new["source"]] - sent_before.get(new["source"], 0)
                    known += packets + lost
        self.missing = max(expected - known, 0)


# --- was it perfect? ------------------------------------------------------------------------------------------------


def _problems(run: Run, last: Snapshot, *, ended: bool) -> Iterator[str]:
    """Whatever keeps this run from being "every receiver got every packet, once, in order, as it was sent"."""
    sent = _sent_by_source(last)
    tracks = _tracks(run, last)
    silent = wrong_end = 0
    for member in run.members:
        if not member.receives:
            continue
        streams = last.peer(member)["streams"]
        seen = {stream["source"] for stream in streams}
        for owner, sources in tracks[member.room]:
            if (member.gets_own_tracks or owner != member.participant) and not sources & seen:
                silent += 1
        if run.verified and ended:
            wrong_end += sum(
                stream["last_number"] != sent[stream["source"]] - 1 for stream in streams if stream["source"] in sent
            )
    if silent:
        yield f"{silent} streams never arrived"
    if wrong_end:
        yield f"{wrong_end} streams do not end with the last packet that was sent"
    missing = _sum(last, run, lambda stream: int(stream["missing_numbers"])) if run.verified else 0
    for what, count in (
        ("lost", _sum(last, run, _lost)),
        ("missing by the source's numbers", missing),
        ("duplicates", _sum(last, run, lambda stream: int(stream["duplicates"]))),
        ("reordered", _sum(last, run, lambda stream: int(stream["reordered"]))),
        ("not authentic, not as sent, or misnumbered", _sum(last, run, _bad)),
        ("useless datagrams", sum(last.peer(member)["bad_datagrams"] for member in run.members)),
        ("send errors of the generator", last.total("send_errors")),
    ):
        if count:
            yield f"{count} {what}"
    for failure in {statistics["failure"] for statistics in last.generators if statistics["failure"]}:
        yield f"the generator failed: {failure}"


def _tracks(run: Run, last: Snapshot) -> dict[int, list[tuple[int, set[int]]]]:
    """By room: (participant, sources of its encodings) of each track."""
    tracks: dict[int, list[tuple[int, set[int]]]] = defaultdict(list)
    for member in run.members:
        by_kind: dict[Kind, set[int]] = defaultdict(set)
        for source in last.peer(member)["sources"]:
            by_kind[source["kind"]].add(source["source"])
        tracks[member.room] += [(member.participant, sources) for sources in by_kind.values()]
    return tracks


# --- sums -----------------------------------------------------------------------------------------------------------


def _sent_by_source(snapshot: Snapshot) -> dict[int, int]:
    return {
        source["source"]: source["packets"]
        for statistics in snapshot.generators
        for peer in statistics["peers"]
        for source in peer["sources"]
    }


def _sent(snapshot: Snapshot, what: str) -> int:
    return sum(
        source[what] for statistics in snapshot.generators for peer in statistics["peers"] for source in peer["sources"]
    )


def _sum(snapshot: Snapshot, run: Run, of: Callable[[Stream], int]) -> int:
    return sum(of(stream) for member in run.members for stream in snapshot.peer(member)["streams"])


def _lost(stream: Stream) -> int:
    return int(stream["lost"])


def _missing(stream: Stream) -> int:
    """Lost before the server has numbered it, or after; what is lost after shows in both counts."""
    return max(int(stream["lost"]), int(stream["missing_numbers"]))


def _bad(stream: Stream) -> int:
    return sum(int(stream[name]) for name in _BAD)


def _cpu_s(before: Usage, after: Usage, threads: str) -> float | None:
    """Of the threads whose names begin so; None: not known."""
    if not (before.known and after.known):
        return None
    names = [name for name in after.cpu_s if name.startswith(threads)]
    return sum(after.cpu_s[name] - before.cpu_s.get(name, 0.0) for name in names) if names else None


def _ratio(before: Sample, after: Sample, of: str, to: str) -> float | None:
    if to not in after.counters:
        return None
    count, divisor = (after.counters[name] - before.counters.get(name, 0) for name in (of, to))
    return round(count / max(divisor, 1), 2)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 4) if whole else 0.0


# --- distributions --------------------------------------------------------------------------------------------------


def _latencies(before: Snapshot, after: Snapshot) -> dict[str, dict[str, float]]:
    kinds: tuple[Kind, ...] = ("audio", "video")
    counts = {}
    for kind in kinds:
        counts[kind] = after.latency(kind)
        counts[kind].subtract(before.latency(kind))
    found = {"audio": counts["audio"], "video": counts["video"], "all": counts["audio"] + counts["video"]}
    return {name: histogram_quantiles(each) for name, each in found.items()}


def histogram_quantiles(counts: Counter[int]) -> dict[str, float]:
    """{the largest microseconds of a bucket: count} -> p50, p95, p99, max in milliseconds; empty without counts."""
    total = counts.total()
    if not total:
        return {}
    found: dict[str, float] = {}
    seen = 0
    wanted = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)]
    for upper_us, count in sorted((value, count) for value, count in counts.items() if count):
        seen += count
        while wanted and seen >= wanted[0][1] * total:
            found[wanted.pop(0)[0]] = upper_us / 1e3
    return found


def quantiles(values: Iterable[float]) -> dict[str, float]:
    """p50, p95, p99, max; empty without values."""
    ordered = sorted(values)
    if not ordered:
        return {}
    named = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    return {name: round(ordered[min(len(ordered) - 1, len(ordered) * part // 100)], 2) for name, part in named.items()}


def _first_packets(peers: Iterable[dict[str, Any]]) -> Iterator[float]:
    """Milliseconds from the first connectivity check to the first packet of each peer that got one."""
    for peer in peers:
        arrived = [stream["first_packet_us"] for stream in peer["streams"] if stream["packets"]]
        if arrived:
            yield (min(arrived) - peer["started_us"]) / 1e3


def _stream_figures(member: Member, stream: Stream) -> dict[str, Any]:
    return {
        "room": member.room,
        "participant": member.participant,
        "kind": stream["kind"],
        "packets": stream["packets"],
        "lost": stream["lost"],
        "duplicates": stream["duplicates"],
        "reordered": stream["reordered"],
        "bad": _bad(stream),
        "latency_mean_ms": stream["latency_mean_us"] / 1e3,
        "latency_max_ms": stream["latency_max_us"] / 1e3,
    }
