"""How a load grows, and where it stops: against a server that is made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from counted import result, with_p99

from mediasrv.loadtest.errors import LoadTestError, NotConnectedError
from mediasrv.loadtest.ramp import climb, conclude, trouble
from mediasrv.loadtest.result import Result, Step
from mediasrv.loadtest.settings import Limits


class Stage:
    """`answers`: the result of a load, given its size and how often it was measured at that size."""

    def __init__(self, answers: Callable[[int, int], Result], refuses_from: int = 10**9) -> None:
        self.answers = answers
        self.refuses_from = refuses_from
        self.measured: list[int] = []
        self.count = 0

    async def grow(self, count: int) -> None:
        assert count > self.count
        if count >= self.refuses_from:
            raise NotConnectedError("30 peers should be connected, but there are 29 connected, 1 failed")
        self.count = count

    async def measure(self) -> Result:
        self.measured.append(self.count)
        return self.answers(self.count, self.measured.count(self.count))


async def climbed(stage: Stage, first: int = 10, step: int = 10, last: int = 100) -> list[Step]:
    return [each async for each in climb(stage, Limits(), first, step, last)]


async def test_it_climbs_until_latency_passes_its_limit():
    stage = Stage(lambda count, _: with_p99(count))
    steps = await climbed(stage)
    assert [(step.count, step.clean) for step in steps] == [
        (10, True),
        (20, True),
        (30, True),
        (40, True),
        (50, True),
        (60, False),
    ]
    assert stage.measured[-2:] == [60, 60]
    ramp = conclude("subscribers", Limits(), steps)
    assert ramp.highest is steps[4]
    assert ramp.end == "p99 latency is 60 ms"


async def test_one_bad_measurement_is_not_the_end():
    stage = Stage(lambda count, time: with_p99(80 if (count, time) == (20, 1) else 2))
    steps = await climbed(stage, last=40)
    assert [step.clean for step in steps] == [True] * 4
    assert stage.measured == [10, 20, 20, 30, 40]
    assert "the limit is higher" in conclude("rooms", Limits(), steps).end


async def test_when_the_generator_is_the_limit_it_does_not_blame_the_server():
    stage = Stage(lambda count, _: with_p99(2 * count, generator_was_limit=count >= 20))
    steps = await climbed(stage)
    assert [step.count for step in steps] == [10, 20, 30]
    ramp = conclude("subscribers", Limits(), steps)
    assert ramp.highest is steps[1]  # it was clean all the same
    assert "the load generator was the limit" in ramp.end


async def test_who_cannot_join_ends_it():
    steps = await climbed(Stage(lambda count, _: result(), refuses_from=30))
    assert [step.count for step in steps] == [10, 20, 30]
    assert steps[-1].result is None
    ramp = conclude("subscribers", Limits(), steps)
    assert ramp.highest is steps[1]
    assert "1 failed" in ramp.end


async def test_if_nothing_was_clean_there_is_no_highest_step():
    ramp = conclude("subscribers", Limits(), await climbed(Stage(lambda count, _: result(loss_percent=3.0))))
    assert ramp.highest is None
    assert ramp.end == "3.00 % of the packets are lost"


async def test_what_keeps_it_from_measuring_at_all_is_an_error():
    class Ended(Stage):
        async def measure(self) -> Result:
            raise LoadTestError("there is no process 7")

    with pytest.raises(LoadTestError, match="no process 7"):
        await climbed(Ended(lambda count, _: result()))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"loss_percent": 0.1}, ""),
        ({"loss_percent": 0.11}, "0.11 % of the packets are lost"),
        ({"missing_percent": 0.9}, ""),
        ({"missing_percent": 9.0, "seconds": 0.5}, ""),  # 45 ms
        ({"missing_percent": 5.0}, "5.0 % of the packets have not arrived: the server is behind"),
        ({"latency_ms": {"all": {}}}, "nothing arrived"),
        ({"latency_ms": {"all": {"p99": 50.0}}}, ""),
        ({"latency_ms": {"all": {"p99": 51.0}}}, "p99 latency is 51 ms"),
    ],
)
def test_what_makes_a_step_unclean(changes, said):
    assert trouble(result(**changes), Limits()) == said
