"""A load that grows until the server, or the load generator, can take no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from mediasrv.loadtest.errors import NotConnectedError, RefusedError
from mediasrv.loadtest.result import RampResult, Result, Step
from mediasrv.loadtest.settings import Limits

BEHIND_LIMIT_PERCENT = 1.0  # missing without a gap


class Stage(Protocol):
    async def grow(self, count: int) -> None:
        """Raises `LoadTestError`."""

    async def measure(self) -> Result:
        """Raises `LoadTestError`."""


def trouble(result: Result, limits: Limits) -> str:
    """Why a step is not clean; empty: it is."""
    if result.loss_percent > limits.loss_percent:
        return f"{result.loss_percent:.2f} % of the packets are lost"
    # What was sent as long before the window's end as a packet may take has not arrived yet.
    under_way_percent = limits.p99_ms / result.seconds / 10
    if result.missing_percent > max(BEHIND_LIMIT_PERCENT, under_way_percent):
        return f"{result.missing_percent:.1f} % of the packets have not arrived: the server is behind"
    p99 = result.latency_ms["all"].get("p99")
    if p99 is None:
        return "nothing arrived"
    if p99 > limits.p99_ms:
        return f"p99 latency is {p99:.0f} ms"
    return ""


async def climb(stage: Stage, limits: Limits, first: int, step: int, last: int) -> AsyncIterator[Step]:
    """Steps of `first`, `first + step`, … participants or rooms, to `last` at most or to the first that is not clean.

    One that is not clean is measured again before it counts: others use the machine, too.
    """
    for count in range(first, last + 1, step):
        try:
            await stage.grow(count)
            result = await stage.measure()
            if trouble(result, limits):
                result = await stage.measure()
        except (NotConnectedError, RefusedError) as error:
            yield Step(count, None, str(error))
            return
        reached = Step(count, result, trouble(result, limits))
        yield reached
        if not reached.clean:
            return


def conclude(growth: str, limits: Limits, steps: list[Step]) -> RampResult:
    """Say what ended it."""
    last = steps[-1]
    if last.clean:
        end = "every step was clean: the limit is higher (--up-to)"
    elif last.result is not None and last.result.generator_was_limit:
        end = (
            f"{last.trouble}, but there the load generator was the limit, and not surely the server: give it more CPUs "
            "(--threads), or another machine"
        )
    else:
        end = last.trouble
    return RampResult(growth, limits, steps, end)
