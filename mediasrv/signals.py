"""What signals do to a server: SIGTERM drains, SIGINT or a second one stops, SIGHUP reads the settings again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

from mediasrv.settings import ConfigError, Settings

log = structlog.get_logger("mediasrv")

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Stoppable(Protocol):
    @property
    def settings(self) -> Settings: ...
    @property
    def stop_requested(self) -> asyncio.Event: ...
    @property
    def draining(self) -> bool: ...
    async def drain(self) -> None: ...
    async def reload(self, settings: Settings) -> None: ...


@contextmanager
def signals_to(server: Stoppable, read: Callable[[], Settings]) -> Iterator[None]:
    """Signals reach `server` in the block. `read` reads the settings anew and may raise `ConfigError`."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    one_at_a_time = asyncio.Lock()

    def start(task: asyncio.Task[None]) -> None:
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def stop(number: signal.Signals) -> None:
        if number == signal.SIGTERM and server.settings.drain_s > 0 and not server.draining:
            start(loop.create_task(server.drain()))
            return
        server.stop_requested.set()
        # One more signal finds no handler and ends the process at once.
        for each in STOPPING:
            loop.remove_signal_handler(each)

    async def reload() -> None:
        async with one_at_a_time:
            try:
                settings = read()
            except ConfigError as error:
                log.error("the settings stay as they were, for the new ones are wrong", error=str(error))
                return
            await server.reload(settings)

    for number in STOPPING:
        loop.add_signal_handler(number, stop, number)
    loop.add_signal_handler(signal.SIGHUP, lambda: start(loop.create_task(reload())))
    try:
        yield
    finally:
        for number in (*STOPPING, signal.SIGHUP):
            loop.remove_signal_handler(number)
        for task in tasks:
            task.cancel()
