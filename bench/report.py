"""From what the load generator and the kernel counted to figures, and to whether a run was perfect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

GENERATOR_LIMIT = 0.9  # of a CPU: above this, latencies are the generator's own


@dataclass(frozen=True)
class Load:
    """What a run is about."""

    server: str
    publishers: int
    subscribers: int
    gro: bool
    verified: bool
    """Every packet was opened, so that the sources' own numbers are known."""


@dataclass
class Result:
    """Figures of one run. Times in milliseconds, CPU in microseconds for a packet that arrived."""

    server: str
    publishers: int
    subscribers: int
    srtp_profile: str
    gro: bool
    seconds: float
    packets: int
    packets_per_s: float
    cpu_us_per_packet: float
    cpu_us_per_packet_worker: float
    server_cpu_percent: float
    lost: int
    duplicates: int
    bad: int
    latency_ms: dict[str, dict[str, float]]
    join_ms: dict[str, float]
    first_packet_ms: dict[str, float]
    packets_per_send: float
    packets_per_wakeup: float
    generator_cpu_percent: float
    generator_was_limit: bool
    complete: bool
    problems: list[str] = field(default_factory=list)


@dataclass
class Sample:
    """Everything that only grows, at one moment."""

    time: float
    server_cpu: dict[str, float]
    generator_cpu_us: int
    statistics: dict[str, Any]
    counters: dict[str, int]

    def since(self, before: Sample, counter: str) -> int:
        return self.counters.get(counter, 0) - before.counters.get(counter, 0)


def _streams(statistics: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for peer in statistics["peers"]:
        yield from peer["streams"]


def _total(statistics: dict[str, Any], of: Callable[[dict[str, Any]], int]) -> int:
    return sum(map(of, _streams(statistics)))


def _packets(stream: dict[str, Any]) -> int:
    return int(stream["packets"])


def _missing(stream: dict[str, Any]) -> int:
    return int(stream["lost"]) + int(stream["missing_numbers"])


def _bad(stream: dict[str, Any]) -> int:
    return sum(int(stream[name]) for name in ("unauthentic", "corrupt", "wrong_payload_type", "misordered"))


def received_packets(statistics: dict[str, Any]) -> int:
    """By all subscribers."""
    return _total(statistics, _packets)


def evaluate(load: Load, before: Sample, after: Sample, final: dict[str, Any]) -> Result:
    seconds = after.time - before.time
    packets = received_packets(after.statistics) - received_packets(before.statistics)
    used = {name: value - before.server_cpu.get(name, 0.0) for name, value in after.server_cpu.items()}
    worker = sum(value for name, value in used.items() if name.startswith("mediasrv-w"))
    generator = (after.generator_cpu_us - before.generator_cpu_us) / 1e6 / seconds
    late_frames = after.statistics["late_frames"] - before.statistics["late_frames"]
    problems = list(_problems(load, final))
    subscribers = final["peers"][load.publishers :]
    profiles = {peer["srtp_profile"] for peer in final["peers"]}
    first_packets = [
        (min(stream["first_packet_us"] for stream in peer["streams"] if stream["packets"]) - peer["started_us"]) / 1e3
        for peer in subscribers
        if any(stream["packets"] for stream in peer["streams"])
    ]
    return Result(
        server=load.server,
        publishers=load.publishers,
        subscribers=load.subscribers,
        srtp_profile=", ".join(sorted(profiles)),
        gro=load.gro,
        seconds=round(seconds, 3),
        packets=packets,
        packets_per_s=round(packets / seconds),
        cpu_us_per_packet=round(used["total"] * 1e6 / max(packets, 1), 3),
        cpu_us_per_packet_worker=round(worker * 1e6 / max(packets, 1), 3),
        server_cpu_percent=round(100 * used["total"] / seconds, 1),
        lost=_total(final, _missing),
        duplicates=_total(final, lambda stream: int(stream["duplicates"])),
        bad=_total(final, _bad),
        latency_ms={kind: _latency(before, after, kind) for kind in ("audio", "video")},
        join_ms=_quantiles([peer["join_ms"] for peer in subscribers]),
        first_packet_ms=_quantiles(first_packets),
        packets_per_send=round(after.since(before, "datagrams_sent") / max(after.since(before, "send_runs"), 1), 2),
        packets_per_wakeup=round(after.since(before, "datagrams_received") / max(after.since(before, "loops"), 1), 2),
        generator_cpu_percent=round(100 * generator, 1),
        generator_was_limit=generator > GENERATOR_LIMIT or late_frames > 0,
        complete=not problems,
        problems=problems,
    )


def _problems(load: Load, final: dict[str, Any]) -> Iterator[str]:
    """Whatever keeps this run from being "every subscriber got every packet, once, in order, as it was sent"."""
    sent = {
        source["source"]: (source["kind"], source["packets"]) for peer in final["peers"] for source in peer["sources"]
    }
    silent = wrong_end = 0
    for peer in final["peers"][load.publishers :]:
        seen = {stream["source"] for stream in peer["streams"]}
        silent += len(set(sent) - seen)
        if load.verified:
            wrong_end += sum(
                stream["last_number"] != sent[stream["source"]][1] - 1
                for stream in peer["streams"]
                if stream["source"] in sent
            )
    if silent:
        yield f"{silent} streams never arrived"
    if wrong_end:
        yield f"{wrong_end} streams do not end with the last packet that was sent"
    for what, count in (
        ("lost", _total(final, lambda stream: int(stream["lost"]))),
        ("missing by the source's numbers", _missing_numbers(load, final)),
        ("duplicates", _total(final, lambda stream: int(stream["duplicates"]))),
        ("reordered", _total(final, lambda stream: int(stream["reordered"]))),
        ("not authentic, not as sent, or misnumbered", _total(final, _bad)),
        ("useless datagrams", sum(peer["bad_datagrams"] for peer in final["peers"])),
        ("send errors of the generator", final["send_errors"]),
    ):
        if count:
            yield f"{count} {what}"
    if final["failure"]:
        yield f"the generator failed: {final['failure']}"


def _missing_numbers(load: Load, final: dict[str, Any]) -> int:
    if not load.verified:
        return 0  # most packets were not opened, so their numbers are not known
    return _total(final, lambda stream: int(stream["missing_numbers"]))


# --- figures ----------------------------------------------------------------------------------------------------------


def _latency(before: Sample, after: Sample, kind: str) -> dict[str, float]:
    counts = Counter(after.statistics[f"{kind}_latency"])
    counts.subtract(before.statistics[f"{kind}_latency"])
    total = counts.total()
    if not total:
        return {}
    found, seen, buckets = {}, 0, sorted((value, count) for value, count in counts.items() if count)
    wanted = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)]
    for upper_us, count in buckets:
        seen += count
        while wanted and seen >= wanted[0][1] * total:
            found[wanted.pop(0)[0]] = upper_us / 1e3
    return found


def _quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {}
    return {
        "p50": round(ordered[len(ordered) // 2], 2),
        "p95": round(ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)], 2),
        "max": round(ordered[-1], 2),
    }


def print_table(result: Result) -> None:
    def spread(values: dict[str, float]) -> str:
        return "  ".join(f"{name} {value:.2f}" for name, value in values.items()) or "-"

    gro = "on" if result.gro else "off"
    limit = ", or frames were late: LATENCIES ARE THE GENERATOR'S" if result.generator_was_limit else ""
    rows = [
        ("server", result.server),
        (
            "load",
            f"{result.publishers} -> {result.subscribers}, {result.srtp_profile}, GRO {gro}",
        ),
        ("window", f"{result.seconds:.1f} s, {result.packets} packets, {result.packets_per_s}/s"),
        ("CPU us per packet", f"{result.cpu_us_per_packet:.2f} (worker thread {result.cpu_us_per_packet_worker:.2f})"),
        ("packets per send", f"{result.packets_per_send:.2f} (received per wake-up: {result.packets_per_wakeup:.2f})"),
        ("server CPU", f"{result.server_cpu_percent:.0f} % of a core"),
        ("lost / duplicates / bad", f"{result.lost} / {result.duplicates} / {result.bad}"),
        ("latency ms, video", spread(result.latency_ms["video"])),
        ("latency ms, audio", spread(result.latency_ms["audio"])),
        ("join ms (ICE + DTLS)", spread(result.join_ms)),
        ("first packet ms", spread(result.first_packet_ms)),
        (
            "generator CPU",
            f"{result.generator_cpu_percent:.0f} %{limit}",
        ),
        ("every packet arrived", "yes" if result.complete else "NO: " + "; ".join(result.problems)),
    ]
    for name, value in rows:
        print(f"{name:<24} {value}")


def print_medians(results: list[Result]) -> None:
    def show(name: str, values: list[float]) -> None:
        print(f"{name:<24} median {median(values):.2f}  ({min(values):.2f} to {max(values):.2f})")

    print(f"{len(results)} runs of {results[0].publishers} -> {results[0].subscribers}, {results[0].server}")
    show("CPU us per packet", [result.cpu_us_per_packet for result in results])
    show("packets per send", [result.packets_per_send for result in results])
    for kind in ("video", "audio"):
        for name in ("p50", "p99"):
            values = [result.latency_ms[kind][name] for result in results if result.latency_ms[kind]]
            if values:
                show(f"latency ms, {kind} {name}", values)
    show("join ms p50", [result.join_ms["p50"] for result in results])
    show("join ms max", [result.join_ms["max"] for result in results])
    print(f"{'every packet arrived':<24} {'yes' if all(result.complete for result in results) else 'NO'}")
