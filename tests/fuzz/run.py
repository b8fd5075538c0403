"""The fuzz loop: `python -m fuzz.run --seconds 60`. A failure names the seed that repeats it."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable

import scenarios.conftest  # noqa: F401  (asserts that explain themselves)

from fuzz.commands import Control
from fuzz.garbage import Attack
from fuzz.jitter import liar
from fuzz.mixer import crowd


def orders(seed: int) -> None:
    control = Control(seed)
    for _ in range(80):
        control.step()
    control.check()


def strangers(seed: int) -> None:
    attack = Attack(seed)
    for _ in range(40):
        attack.throw(40, spoofed=bool(seed & 1))
        attack.call.network.run_for(0.02)
    attack.check()


def behind_the_seal(seed: int) -> None:
    attack = Attack(seed)
    attack.people[1].peer.tracks.clear()
    for _ in range(100):
        attack.sealed_garbage()
        attack.sealed_media()
        attack.throw(5, spoofed=True)
        attack.call.network.run_for(0.01)
    assert attack.call.events_of("transport_closed") == []


LOOPS: dict[str, Callable[[int], None]] = {
    "orders": orders,
    "strangers": strangers,
    "behind_the_seal": behind_the_seal,
    "liar": liar,
    "crowd": crowd,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long to go on (default: 60)")
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--loop", choices=sorted(LOOPS), help="run this loop alone")
    options = parser.parse_args()
    loops = [options.loop] if options.loop else sorted(LOOPS)
    end = time.monotonic() + options.seconds
    rounds = 0
    while options.seed is None or rounds == 0:
        seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
        for name in loops:
            try:
                LOOPS[name](seed)
            except BaseException:
                print(f"failed: --loop {name} --seed {seed}", file=sys.stderr)
                raise
        rounds += 1
        if time.monotonic() > end:
            break
    print(f"{rounds} rounds of {', '.join(loops)} passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
