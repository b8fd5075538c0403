"""A load that grows until the server, or the load generator, can take no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from mediasrv.loadtest.errors import NotConnectedError, RefusedError
from mediasrv.loadtest.result import RampResult, Result, Step

LOSS_LIMIT_PERCENT = 0.1
LATENCY_LIMIT_MS = 50.0  # p99
BEHIND_LIMIT_PERCENT = 1.0  # missing without a gap; what is under way at both ends of a window is far less


class Stage(Protocol):
    async def grow(self, count: int) -> None:
        """Raises `LoadTestError`."""

    async def measure(self) -> Result:
        """Raises `LoadTestError`."""


def trouble(result: Result) -> str:
    """Why a step is not clean; empty: it is."""
    if result.loss_percent > LOSS_LIMIT_PERCENT:
        return f"{result.loss_percent:.2f} % of the packets are lost"
    if result.missing_percent > BEHIND_LIMIT_PERCENT:
        return f"{result.missing_percent:.1f} % of the packets have not arrived: the server is behind"
    p99 = result.latency_ms["all"].get("p99")
    if p99 is None:
        return "nothing arrived"
    if p99 > LATENCY_LIMIT_MS:
        return f"p99 latency is {p99:.0f} ms"
    return ""


async def climb(stage: Stage, first: int, step: int, last: int) -> AsyncIterator[Step]:
    """Steps of `first`, `first + step`, … participants or rooms, to `last` at most or to the first that is not clean.

    One that is not clean is measured again before it counts: others use the machine, too.
    """
    for count in range(first, last + 1, step):
        try:
            await stage.grow(count)
            result = await stage.measure()
            if trouble(result):
                result = await stage.measure()
        except (NotConnectedError, RefusedError) as error:
            yield Step(count, None, str(error))
            return
        reached = Step(count, result, trouble(result))
        yield reached
        if not reached.clean or result.generator_was_limit:
            return


def conclude(growth: str, steps: list[Step]) -> RampResult:
    """Say what ended it."""
    last = steps[-1]
    limited = last.result is not None and last.result.generator_was_limit
    if limited:
        end = "the load generator was the limit, not the server: give it more CPUs (--threads), or another machine"
    elif last.clean:
        end = "every step was clean: the limit is higher (--up-to)"
    else:
        end = last.trouble
    return RampResult(growth, steps, end)
