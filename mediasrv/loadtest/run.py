"""A load test from its beginning to its end."""

from __future__ import annotations

from collections.abc import Callable

from mediasrv.loadtest.crowd import Crowd
from mediasrv.loadtest.evaluation import Run, evaluate
from mediasrv.loadtest.measuring import Measurement
from mediasrv.loadtest.ramp import climb, conclude
from mediasrv.loadtest.result import RampResult, Result, Step
from mediasrv.loadtest.scenario import Growth, Scenario
from mediasrv.loadtest.server_process import Usage, usage
from mediasrv.loadtest.settings import Ramp, Settings
from mediasrv.loadtest.target import Target
from mediasrv.loadtest.watcher import Watcher
from mediasrv.rtc.certificate import Certificate


async def measure(
    target: Target, scenario: Scenario, settings: Settings, certificate: Certificate, watcher: Watcher
) -> Result:
    """Load the server for a while, then see that everything has arrived. Raises `LoadTestError`."""
    base = usage(target.pid)
    with _crowd(target, settings, certificate, single_room=scenario.rooms == 1) as crowd:
        try:
            await crowd.grow(scenario, watcher)
            measurement = Measurement(crowd, target.pid, target.counters)
            before, after = await measurement.window(settings.seconds, watcher)
            final = await measurement.drain(watcher)
            return evaluate(_run(target, scenario, settings, crowd, base), before, after, final)
        finally:
            await target.signaling.close()


async def ramp(
    target: Target,
    scenario: Scenario,
    how: Ramp,
    settings: Settings,
    certificate: Certificate,
    watcher: Watcher,
    on_step: Callable[[Step], None],
) -> RampResult:
    """Load the server more and more. `on_step` gets each step when it is done. Raises `LoadTestError`."""
    base = usage(target.pid)
    single_room = scenario.rooms == 1 and how.growth != "rooms"
    with _crowd(target, settings, certificate, single_room=single_room) as crowd:
        stage = _Stage(target, scenario, how.growth, settings, crowd, base, watcher)
        steps: list[Step] = []
        try:
            async for step in climb(stage, how.limits, scenario.size(how.growth), how.step, how.last):
                steps.append(step)
                on_step(step)
        finally:
            await target.signaling.close()
    return conclude(how.growth, how.limits, steps)


class _Stage:
    def __init__(
        self,
        target: Target,
        scenario: Scenario,
        growth: Growth,
        settings: Settings,
        crowd: Crowd,
        base: Usage,
        watcher: Watcher,
    ) -> None:
        self._target = target
        self._scenario = scenario
        self._growth = growth
        self._settings = settings
        self._crowd = crowd
        self._base = base
        self._watcher = watcher

    async def grow(self, count: int) -> None:
        self._scenario = self._scenario.grown_to(self._growth, count)
        await self._crowd.grow(self._scenario, self._watcher)

    async def measure(self) -> Result:
        measurement = Measurement(self._crowd, self._target.pid, self._target.counters)
        before, after = await measurement.window(self._settings.seconds, self._watcher)
        return evaluate(_run(self._target, self._scenario, self._settings, self._crowd, self._base), before, after)


def _crowd(target: Target, settings: Settings, certificate: Certificate, *, single_room: bool) -> Crowd:
    return Crowd(
        target.signaling,
        certificate,
        room=settings.room,
        single_room=single_room,
        threads=settings.threads,
        verify=settings.verify,
        gro=settings.gro,
    )


def _run(target: Target, scenario: Scenario, settings: Settings, crowd: Crowd, base: Usage) -> Run:
    return Run(target.name, scenario, crowd.members, base, settings.gro, settings.verify == "all")
