"""Delivers the outbox of one webhook: in order for each room, again until it works or makes no sense any more."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import structlog

from mediasrv.journal import webhook_request
from mediasrv.journal.outbox import Delivery, Outbox
from mediasrv.journal.settings import Webhook
from mediasrv.store.database import DATABASE_ERRORS, words

log = structlog.get_logger("journal.webhooks")


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """`keep_trying_ms` counts from when a record was queued, and is for a receiver that is down; one that answers that
    it does not want a record gets it `refusals` times."""

    concurrent: int = 8  # rooms at a time
    window: int = 256  # deliveries that are looked at together
    held_rooms: int = 1_000  # rooms whose turn is not yet again; with more the webhook pauses as a whole
    request_s: float = 10.0
    first_delay_s: float = 1.0
    last_delay_s: float = 600.0
    refusals: int = 5
    keep_trying_ms: int = 24 * 3_600_000
    idle_s: float = 10.0  # after which the outbox is looked at without having been called


class UnreachableError(Exception):
    """The receiver did not take a delivery, and would not have taken another."""


class RefusedError(Exception):
    """The receiver answered that it does not take this one."""


class WebhookDelivery:
    """Runs beside the deliveries of the other webhooks and shares nothing with them but the database.

    A receiver that is down is asked with one delivery at a time, at growing intervals; one that refuses a delivery
    holds up that room alone.
    """

    def __init__(
        self,
        webhook: Webhook,
        outbox: Outbox,
        http: aiohttp.ClientSession,
        now_ms: Callable[[], int],
        limits: DeliveryLimits | None = None,
    ) -> None:
        self.webhook = webhook
        self.delivered = 0
        self.failures = 0
        self.dead = 0
        self.failing = False
        self._outbox = outbox
        self._http = http
        self._now_ms = now_ms
        self._limits = limits or DeliveryLimits()
        self._wake = asyncio.Event()
        self._outbox_failing = False
        self._failures_in_a_row = 0
        self._held: dict[str, float] = {}  # rooms whose first delivery was refused: until when

    def wake(self) -> None:
        """There is something in the outbox."""
        self._wake.set()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            try:
                found = await self._round()
            except DATABASE_ERRORS as error:
                if not self._outbox_failing:
                    self._outbox_failing = True
                    log.error("a webhook's outbox cannot be used", webhook=self.webhook.called, error=words(error))
                await asyncio.sleep(self._limits.idle_s)
                continue
            self._outbox_failing = False
            if self._failures_in_a_row:
                await asyncio.sleep(self._delay_s(self._failures_in_a_row))
            elif not found:
                await self._wait()

    async def _round(self) -> bool:
        """Deliver what can be delivered now. False if there is nothing."""
        now = asyncio.get_running_loop().time()
        self._held = {room: until for room, until in self._held.items() if until > now}
        pending = await self._outbox.pending(self.webhook.called, self._limits.window, without_rooms=self._held)
        if not pending:
            return False
        rooms: dict[str, list[Delivery]] = {}
        for delivery in pending:
            rooms.setdefault(delivery.room_id, []).append(delivery)
        queues = list(rooms.values())
        if self._failures_in_a_row or len(self._held) >= self._limits.held_rooms:
            queues = [queues[0][:1]]  # one is enough to see whether it works again
        delivered: list[int] = []
        turns = asyncio.Semaphore(self._limits.concurrent)
        down = asyncio.Event()
        rounds = (self._deliver_room(queue, turns, down, delivered) for queue in queues)
        ends = await asyncio.gather(*rounds, return_exceptions=True)
        if delivered:
            await self._outbox.delivered(self.webhook.called, delivered)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return True

    async def _deliver_room(
        self, queue: list[Delivery], turns: asyncio.Semaphore, down: asyncio.Event, delivered: list[int]
    ) -> None:
        """The deliveries of a room, one after the other, until one does not succeed."""
        async with turns:
            for delivery in queue:
                if down.is_set():
                    return
                try:
                    await self._deliver(delivery)
                except UnreachableError as error:
                    if not down.is_set():  # of those that were under way together, one counts
                        down.set()
                        await self._unreachable(delivery, str(error))
                    return
                except RefusedError as error:
                    await self._refused(delivery, str(error))
                    return
                self._works()
                delivered.append(delivery.position)
                self.delivered += 1

    async def _deliver(self, delivery: Delivery) -> None:
        """Raises `UnreachableError`, `RefusedError`."""
        if delivery.record is None:
            return  # erased meanwhile: there is nothing to tell
        body = webhook_request.body(delivery.record, delivery.position)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "mediasrv",
            webhook_request.ATTEMPT_HEADER: str(delivery.attempts + 1),
            webhook_request.SIGNATURE_HEADER: webhook_request.signature(
                self.webhook.secret, self._now_ms() // 1000, body
            ),
        }
        timeout = aiohttp.ClientTimeout(total=self._limits.request_s)
        try:
            async with self._http.post(
                self.webhook.url, data=body, headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                status = response.status
        except TimeoutError:
            raise UnreachableError(f"no answer within {self._limits.request_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise UnreachableError(words(error)) from None
        if 200 <= status < 300:
            return
        if status < 500 and status not in (408, 425, 429):
            raise RefusedError(f"answered {status}")
        raise UnreachableError(f"answered {status}")

    async def _unreachable(self, delivery: Delivery, error: str) -> None:
        self.failures += 1
        self._failures_in_a_row += 1
        if not self.failing:
            self.failing = True
            log.error("the webhook's receiver is down", webhook=self.webhook.called, error=error)
        await self._outbox.failed(delivery, error, dead_ms=None)
        now_ms = self._now_ms()
        given_up = await self._outbox.expire(self.webhook.called, now_ms - self._limits.keep_trying_ms, error, now_ms)
        if given_up:
            self.dead += given_up
            self._say_given_up(given_up, error)

    async def _refused(self, delivery: Delivery, error: str) -> None:
        self._works()
        self.failures += 1
        attempts = delivery.attempts + 1
        dead = attempts >= self._limits.refusals
        if not dead:
            self._held[delivery.room_id] = asyncio.get_running_loop().time() + self._delay_s(attempts)
        await self._outbox.failed(delivery, error, dead_ms=self._now_ms() if dead else None)
        if dead:
            self.dead += 1
            self._say_given_up(1, error)

    def _say_given_up(self, count: int, error: str) -> None:
        log.error(
            "deliveries of a webhook are given up; `mediasrv journal dead-letters` shows them and sends them again",
            webhook=self.webhook.called,
            count=count,
            error=error,
        )

    def _works(self) -> None:
        self._failures_in_a_row = 0
        if self.failing:
            self.failing = False
            log.warning("the webhook's receiver takes deliveries again", webhook=self.webhook.called)

    def _delay_s(self, attempts: int) -> float:
        """Doubled with each attempt, and spread so that not all servers come at once."""
        longest = min(self._limits.first_delay_s * 2 ** min(attempts - 1, 30), self._limits.last_delay_s)
        return random.uniform(longest / 2, longest)

    async def _wait(self) -> None:
        """Until there may be something: called, a room's turn has come, or a while has passed."""
        now = asyncio.get_running_loop().time()
        until = min((*self._held.values(), now + self._limits.idle_s))
        try:
            async with asyncio.timeout(max(0.0, until - now)):
                await self._wake.wait()
        except TimeoutError:
            pass
