"""A ramp as a picture: latency and loss over the packets that were forwarded."""

from __future__ import annotations

from pathlib import Path

from mediasrv.loadtest.errors import LoadTestError
from mediasrv.loadtest.result import RampResult

MISSING = "--plot needs matplotlib, which is not installed: pip install 'mediasrv[plot]', or pip install matplotlib"


def require_matplotlib(path: Path) -> None:
    """Raises `LoadTestError` if a plot could not be written to `path` in the end."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError:
        raise LoadTestError(MISSING) from None
    from matplotlib.figure import Figure

    kinds = FigureCanvasAgg(Figure()).get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in kinds:
        raise LoadTestError(f"--plot {path}: its name must end in one of .{', .'.join(sorted(kinds))}")
    if not path.absolute().parent.is_dir():
        raise LoadTestError(f"--plot {path}: there is no such folder")


def plot(ramp: RampResult, path: Path) -> None:
    """Write the picture; its kind is that of the file's name. Raises `LoadTestError`."""
    from matplotlib.figure import Figure

    steps = [(step.count, step.clean, step.result) for step in ramp.steps if step.result is not None]
    counts = [count for count, _, _ in steps]
    results = [result for _, _, result in steps]
    figure = Figure(figsize=(9, 8), layout="constrained")
    latency, cpu, loss = figure.subplots(3, sharex=True)
    for name in ("p50", "p95", "p99"):
        latency.plot(counts, [result.latency_ms["all"].get(name, 0.0) for result in results], marker="o", label=name)
    latency.axhline(ramp.limits.p99_ms, color="grey", linestyle="--", linewidth=1)
    latency.set_yscale("log")
    latency.set_ylabel("latency, ms")
    latency.legend()
    cpu.plot(counts, [result.packets_per_s / 1e3 for result in results], marker="o", color="C3")
    cpu.set_ylabel("1000 packets/s", color="C3")
    if any(result.server_cores is not None for result in results):
        cores = cpu.twinx()
        cores.plot(counts, [result.server_cores or 0.0 for result in results], marker="s", linestyle="--", color="C4")
        cores.set_ylabel("cores used", color="C4")
    loss.plot(counts, [result.loss_percent for result in results], marker="o", color="C5")
    loss.axhline(ramp.limits.loss_percent, color="grey", linestyle="--", linewidth=1)
    loss.set_ylabel("lost, %")
    loss.set_xlabel(ramp.growth)
    for count, clean, _ in steps:
        if not clean:
            for axes in (latency, cpu, loss):
                axes.axvline(count, color="red", linewidth=1, alpha=0.4)
    if results:
        latency.set_title(f"{results[0].server}\nfrom {results[0].load}", fontsize="small")
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise LoadTestError(f"--plot {path}: {error.strerror}") from None
