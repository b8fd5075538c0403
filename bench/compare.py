"""Whether the packet path has become dearer than at a commit: `python -m bench.compare [--base COMMIT]`.

Both are built and measured here, in turns. What counts of each benchmark is the least CPU time of all its rounds and
turns: others on the machine can only make it more. What seems dearer than the limit is measured again before it fails.
Exit status 1: something is dearer; 0: nothing is, or there is nothing to compare with, which is then said.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.base_build import ROOT, NoBaseError, build, find_base, is_same
from bench.table import figures

LIMIT_PERCENT = 25.0
TURNS = 2
MORE_TURNS = 3  # of what seems dearer
MEASURE_TIMEOUT_S = 300

Figures = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__.split("\n\n")[0])
    parser.add_argument("--base", default="", help="commit; default: where this branch left origin/main, or HEAD~1")
    parser.add_argument("--limit", type=float, default=LIMIT_PERCENT, help="percent that a benchmark may be dearer")
    parser.add_argument("benchmarks", nargs="*", help="files or test ids; default: all")
    arguments = parser.parse_args()
    console = Console(width=120)
    try:
        commit = find_base(arguments.base)
        if is_same(commit):
            print(f"bench-compare: nothing that is measured has changed since {commit[:12]}")
            return
        print(f"bench-compare: building {commit[:12]} to compare with", flush=True)
        base_tree = build(commit)
        base, head = compare(base_tree, arguments.benchmarks, arguments.limit)
    except NoBaseError as error:
        print(f"bench-compare: skipped: {error}")
        return
    common = base.keys() & head.keys()
    if not common:
        print(f"bench-compare: skipped: {commit[:12]} has none of these benchmarks")
        return
    print_comparison(base, head, arguments.limit, console)
    if new := len(head.keys() - base.keys()):
        print(f"bench-compare: not compared, since {commit[:12]} does not have them: {new}")
    if dearer := too_dear(base, head, arguments.limit):
        sys.exit(f"bench-compare: {len(dearer)} dearer by more than {arguments.limit:g} % than at {commit[:12]}")


def compare(base_tree: Path, wanted: Collection[str], limit: float) -> tuple[Figures, Figures]:
    """The least figures of the commit in `base_tree`, and those of the working tree."""
    base: Figures = {}
    head: Figures = {}
    for turn in range(TURNS + MORE_TURNS):
        if turn >= TURNS:
            suspects = {key.rpartition(" ")[0] for key in too_dear(base, head, limit)}
            if not suspects:
                break
            print(f"bench-compare: {len(suspects)} seem dearer and are measured again", flush=True)
            wanted = sorted(suspects)
        # Whoever is first, a machine that is slowing down or recovering does not favour the same one each time.
        for tree, least in ((base_tree, base), (ROOT, head)) if turn % 2 else ((ROOT, head), (base_tree, base)):
            take_least(least, measure(tree, wanted))
    return base, head


def take_least(least: Figures, measured: Mapping[str, float]) -> None:
    for key, value in measured.items():
        least[key] = min(value, least.get(key, value))


def too_dear(base: Mapping[str, float], head: Mapping[str, float], limit: float) -> list[str]:
    return [key for key in head if key in base and head[key] > base[key] * (1 + limit / 100)]


def measure(tree: Path, wanted: Iterable[str]) -> Figures:
    """Run benchmarks of `tree`, those it has of `wanted`, or all. Empty if it has none of them."""
    given = list(wanted)
    present = [each for each in given if (tree / each.partition("::")[0]).is_file()]
    if given and not present:
        return {}
    path = os.pathsep.join([str(tree / "ext"), str(tree)])
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "figures.json")
        command = [sys.executable, "-m", "pytest", *(present or ["bench"]), "-o", "python_files=bench_*.py", "-q"]
        command += ["-p", "no:cacheprovider", "--benchmark-timer=time.process_time", f"--benchmark-json={written}"]
        try:
            done = subprocess.run(
                command, cwd=tree, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
                timeout=MEASURE_TIMEOUT_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise NoBaseError(f"benchmarks took more than {MEASURE_TIMEOUT_S} s: the machine is too busy") from None
        if not written.is_file() or not written.stat().st_size:
            if tree == ROOT:
                sys.exit(f"bench-compare: the benchmarks do not run:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
            raise NoBaseError(f"its benchmarks do not run here: {done.stdout[-1000:]}")
        return figures(written)


def print_comparison(base: Figures, head: Figures, limit: float, console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("benchmark", overflow="fold")
    for name in ("base ns", "now ns", "change"):
        table.add_column(name, justify="right")
    dear = set(too_dear(base, head, limit))
    for key in sorted(base.keys() & head.keys(), key=lambda key: head[key] / base[key], reverse=True):
        change = f"{100 * (head[key] / base[key] - 1):+.1f} %"
        table.add_row(
            key.rpartition("/")[2],
            f"{base[key]:,.1f}",
            f"{head[key]:,.1f}",
            change + (" DEARER" if key in dear else ""),
        )
    console.print(table, highlight=False, markup=False)


if __name__ == "__main__":
    main()
