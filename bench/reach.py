"""The loads of docs/performance.md, several times each with a new server, and their medians as lines of its table:
`python -m bench.reach [--runs 5] [LOAD…]`.

Each is `mediasrv loadtest --self` with the options that are shown. Nothing is asserted: what a load costs depends on
the machine, and on what else it does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Load:
    name: str
    options: str
    aim: str
    """At most, in microseconds of CPU for a packet."""


LOADS = {
    "gcm": Load("1 publisher, audio + 1.5 Mbit/s -> 200, AES-128-GCM", "--subscribers 200", "1.7"),
    "cm": Load("the same, AES-CM-HMAC-SHA1", "--subscribers 200 --srtp cm-sha1", "1.9"),
    "no-gro": Load("the same, receivers without UDP_GRO", "--subscribers 200 --no-gro", "2.3"),
    "mesh": Load("10 participants, all to all, audio + 500 kbit/s", "--participants 10 --video-kbps 500", "3.0"),
    "audio-0": Load(
        "audio alone, 20 -> 20, no linger",
        "--publishers 20 --subscribers 20 --video-kbps 0 --max-linger-us 0",
        "3.3",
    ),
    "audio-2000": Load(
        "audio alone, 20 -> 20, linger up to 2 ms",
        "--publishers 20 --subscribers 20 --video-kbps 0 --max-linger-us 2000",
        "2.0",
    ),
    "two-workers": Load(
        "1 -> 200 on 2 workers that share a CPU", "--subscribers 200 --workers 2 --threads 1", "1.1 times 1 worker"
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.reach", description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--json", type=Path, help="write all results there")
    parser.add_argument("loads", nargs="*", metavar="LOAD", help=f"of {', '.join(LOADS)}; default: all")
    arguments = parser.parse_args()
    if unknown := set(arguments.loads) - LOADS.keys():
        parser.error(f"there is no load {', '.join(sorted(unknown))}")
    everything = {}
    for key in arguments.loads or LOADS:
        everything[key] = [_run(LOADS[key], arguments.seconds) for _ in range(arguments.runs)]
        print(_line(LOADS[key], everything[key]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")


def _run(load: Load, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "mediasrv", "loadtest", "--self", *load.options.split()]
    done = subprocess.run([*command, "--seconds", str(seconds), "--json", "-"], capture_output=True, text=True)
    if not done.stdout:
        sys.exit(f"bench.reach: {' '.join(command)} ended with status {done.returncode}:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    for problem in result["problems"]:
        print(f"bench.reach: {load.name}: {problem}", file=sys.stderr)
    return result


def _line(load: Load, results: Sequence[dict[str, Any]]) -> str:
    figures = [
        _spread([each["cpu_us_per_packet"] for each in results]),
        load.aim,
        _spread([each["packets_per_send"] for each in results if each["packets_per_send"] is not None]),
        _spread([each["latency_ms"]["all"]["p99"] for each in results]),
        _spread([each["server_rss_kb_per_person"] for each in results], digits=0),
    ]
    complete = sum(each["complete"] for each in results)
    return " | ".join(["", load.name, f"`{load.options}`", *figures, f"{complete} of {len(results)}", ""]).strip()


def _spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, and from the lowest to the highest."""
    if not values:
        return "-"
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


if __name__ == "__main__":
    main()
