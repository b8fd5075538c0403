"""Who has shown too many tokens that were not accepted, by address."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from mediasrv.rooms.bans import network_of

BURST = 20
PER_SECOND = 0.2
MAX_ADDRESSES = 4_096


class FailedAttempts:
    """Allows each address `BURST` failures at once and one in five seconds in the long run.

    An address is an IPv4 address or a /64 of IPv6. Those seen last are kept, `MAX_ADDRESSES` of them; an older one
    starts afresh, so the table cannot be filled.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.refused = 0
        self._clock = clock
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()  # address -> (failures, as of)

    def wait_s(self, address: str | None) -> float:
        """0, or for how many seconds nothing of this address is looked at; that is counted in `refused`."""
        failures = self._level(network_of(address)) if self._failures else 0
        if failures < BURST:
            return 0
        self.refused += 1
        return (failures - BURST + 1) / PER_SECOND

    def count(self, address: str | None) -> None:
        """One more failure. An unknown address is not counted: it is this machine's own, over a Unix socket."""
        network = network_of(address)
        if network is None:
            return
        self._failures[network] = (self._level(network) + 1, self._clock())
        self._failures.move_to_end(network)
        while len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def _level(self, network: str | None) -> float:
        if network is None or network not in self._failures:
            return 0
        failures, as_of = self._failures[network]
        return max(0.0, failures - (self._clock() - as_of) * PER_SECOND)
