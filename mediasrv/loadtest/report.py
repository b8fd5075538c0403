"""What a load test shows: how far it is while it runs, and its figures in the end."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from mediasrv.loadtest.result import GENERATOR_LIMIT, RampResult, Result, Step


class ProgressBar:
    """A watcher that draws one line for the phase at hand; where nobody could see it change, a line for each phase."""

    def __init__(self) -> None:
        self._console = console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            refresh_per_second=4,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("starting", total=None, detail="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._progress.stop()

    def phase(self, name: str, total: float) -> None:
        self._progress.reset(self._task, description=name, total=total, detail="")
        if not self._console.is_terminal:
            self._console.print(f"{name} ({_amount(name, total)})")

    def advance(self, done: float, detail: str = "") -> None:
        self._progress.update(self._task, completed=done, detail=detail)

    def step(self, step: Step) -> None:
        """A ramp goes on."""
        self._console.print(_step_line(step), highlight=False)


def _amount(phase: str, total: float) -> str:
    return f"{total:.0f} participants" if phase == "joining" else f"{total:g} s"


def _step_line(step: Step) -> str:
    verdict = "clean" if step.clean else step.trouble
    if step.result is None:
        return f"{step.count}: {verdict}"
    result = step.result
    cores = "" if result.server_cores is None else f", {result.server_cores:.2f} cores"
    p99 = result.latency_ms["all"].get("p99", 0.0)
    return f"{step.count}: {result.packets_per_s:,} packets/s, p99 {p99:.1f} ms{cores}: {verdict}"


# --- the end --------------------------------------------------------------------------------------------------------


def show(outcome: Result | RampResult, *, to_stderr: bool = False) -> None:
    console = Console(stderr=to_stderr)
    if isinstance(outcome, RampResult):
        print_ramp(outcome, console)
    else:
        print_result(outcome, console)


def print_result(result: Result, console: Console) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows(result):
        table.add_row(name, value)
    console.print(table, highlight=False, markup=False)


def rows(result: Result) -> Iterator[tuple[str, str]]:
    gro = "" if result.gro else ", receivers without UDP_GRO"
    yield "server", result.server
    yield "load", f"{result.load}; {result.srtp_profile}{gro}"
    yield (
        "window",
        f"{result.seconds:.1f} s, {result.packets:,} packets, {result.packets_per_s:,}/s, "
        f"{result.megabits_per_s:,.0f} Mbit/s out",
    )
    yield "server CPU us per packet", _cpu(result)
    if result.server_cores is not None:
        yield "server cores used", f"{result.server_cores:.2f}"
    if result.server_rss_mb is not None:
        yield "server memory", f"{result.server_rss_mb:.0f} MB, {result.server_rss_kb_per_person:.0f} kB a participant"
    if result.packets_per_send is not None:
        yield "packets per send", f"{result.packets_per_send} (received per wake-up: {result.packets_per_wakeup})"
    yield (
        "lost / duplicates / bad",
        f"{result.lost} / {result.duplicates} / {result.bad} ({result.loss_percent:.3f} % lost)",
    )
    for kind in ("video", "audio"):
        if result.latency_ms[kind]:
            yield f"latency ms, {kind}", spread(result.latency_ms[kind])
    yield "join ms, signaling", spread(result.signaling_ms)
    yield "join ms, ICE and DTLS", spread(result.join_ms)
    yield "first packet ms", spread(result.first_packet_ms)
    yield "load generator", _generator(result)
    yield "every packet arrived", "yes" if result.complete else "NO: " + "; ".join(result.problems)


def _cpu(result: Result) -> str:
    if result.cpu_us_per_packet is None:
        return "unknown: the server's process is not known; if it runs on this machine, give --pid"
    if result.cpu_us_per_packet_worker is None:
        return f"{result.cpu_us_per_packet:.2f}"
    return f"{result.cpu_us_per_packet:.2f} (media threads {result.cpu_us_per_packet_worker:.2f})"


def _generator(result: Result) -> str:
    busy = f"{result.generator_cpu_percent:.0f} % of a CPU"
    if not result.generator_was_limit:
        return f"{busy}: it was not the limit"
    late = f", {result.late_frames} frames were sent late" if result.late_frames else ""
    others = "" if result.generator_cpu_percent > 100 * GENERATOR_LIMIT else " (others keep this machine busy)"
    return f"{busy}{late}: IT WAS THE LIMIT{others}, latencies are its own"


def spread(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.2f}" for name, value in values.items()) or "-"


def print_ramp(ramp: RampResult, console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for name in (ramp.growth, "packets/s", "us/packet", "cores", "p50 ms", "p99 ms", "max ms", "lost %", ""):
        table.add_column(name, justify="left" if not name else "right")
    for step in ramp.steps:
        table.add_row(str(step.count), *_step_cells(step))
    console.print(table, highlight=False, markup=False)
    console.print(conclusion(ramp), highlight=False, markup=False)


def _step_cells(step: Step) -> list[str]:
    verdict = "clean" if step.clean else step.trouble
    if step.result is None:
        return [*["-"] * 7, verdict]
    result = step.result
    latency = result.latency_ms["all"]
    if result.generator_was_limit:
        verdict += " (the load generator was the limit)"
    return [
        f"{result.packets_per_s:,}",
        "-" if result.cpu_us_per_packet is None else f"{result.cpu_us_per_packet:.2f}",
        "-" if result.server_cores is None else f"{result.server_cores:.2f}",
        *(f"{latency[name]:.1f}" if latency else "-" for name in ("p50", "p99", "max")),
        f"{result.loss_percent:.3f}",
        verdict,
    ]


def conclusion(ramp: RampResult) -> str:
    highest = ramp.highest
    if highest is None or highest.result is None:
        return f"no step was clean: {ramp.end}"
    return (
        f"highest clean step: {highest.count} {ramp.growth}, {highest.result.packets_per_s:,} packets/s "
        f"({highest.result.load}). It ended because {ramp.end}."
    )
