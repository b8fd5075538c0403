"""What benchmarks wrote, as one table of nanoseconds: `python -m bench.table FILE.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

FIGURE = "ns_per_"  # what the names of figures begin with: ns_per_packet, for example


def figures(path: Path) -> dict[str, float]:
    """By benchmark and figure; raises OSError, and ValueError for a file that is no result of pytest-benchmark."""
    found = {}
    for benchmark in json.loads(path.read_text(encoding="utf-8"))["benchmarks"]:
        for name, value in benchmark["extra_info"].items():
            if name.startswith(FIGURE):
                found[f"{benchmark['fullname']} {name}"] = float(value)
    return found


def print_figures(found: Mapping[str, float], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("benchmark", overflow="fold")
    table.add_column("ns", justify="right")
    table.add_column("for each")
    for key, value in found.items():
        name, _, figure = key.rpartition(" ")
        table.add_row(name.rpartition("/")[2], f"{value:,.1f}", figure.removeprefix(FIGURE))
    console.print(table, highlight=False, markup=False)


if __name__ == "__main__":
    print_figures(figures(Path(sys.argv[1])), Console(width=120))
