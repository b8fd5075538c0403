"""How long to wait before the next attempt."""

from __future__ import annotations

import random


class Backoff:
    """Twice as long each time, from `first_s` to `most_s`, each time some random part of it: after an outage not all
    clients come at once."""

    def __init__(self, first_s: float = 0.1, most_s: float = 10.0) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._attempts = 0

    def next_s(self) -> float:
        longest = min(self._most_s, self._first_s * float(1 << min(self._attempts, 30)))
        self._attempts += 1
        return longest * random.uniform(0.5, 1)

    def reset(self) -> None:
        self._attempts = 0
