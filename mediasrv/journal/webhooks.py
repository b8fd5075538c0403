"""All webhooks of a server: one delivery each, begun and ended together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import aiohttp
import structlog

from mediasrv.journal.outbox import Outbox
from mediasrv.journal.settings import Webhook
from mediasrv.journal.webhook_delivery import DeliveryLimits, WebhookDelivery

log = structlog.get_logger("journal.webhooks")


class Webhooks:
    def __init__(self, outbox: Outbox, now_ms: Callable[[], int], limits: DeliveryLimits | None = None) -> None:
        self.outbox = outbox
        self._now_ms = now_ms
        self._limits = limits
        self._http: aiohttp.ClientSession | None = None
        self._running: dict[WebhookDelivery, asyncio.Task[None]] = {}
        self._counts = (0, 0)

    async def set(self, webhooks: Sequence[Webhook]) -> None:
        """Deliver to these from now on; what is pending for others is dropped. Raises one of `DATABASE_ERRORS`."""
        await self._end()
        dropped = await self.outbox.drop_others([webhook.called for webhook in webhooks])
        if dropped:
            log.warning("deliveries to webhooks that are not configured any more are dropped", count=dropped)
        if webhooks and self._http is None:
            # No cookies: the receivers are strangers to each other.
            self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        for webhook in webhooks:
            assert self._http is not None
            delivery = WebhookDelivery(webhook, self.outbox, self._http, self._now_ms, self._limits)
            self._running[delivery] = asyncio.create_task(delivery.run(), name=f"webhook {webhook.called}")

    def wake(self) -> None:
        """There may be something in the outbox."""
        for delivery in self._running:
            delivery.wake()

    async def count(self) -> None:
        """Have `statistics` say how many deliveries are pending and dead by now. Raises one of `DATABASE_ERRORS`."""
        self._counts = await self.outbox.counts()

    async def stop(self) -> None:
        """What is not delivered yet stays in the outbox."""
        await self._end()
        if self._http is not None:
            await self._http.close()
            self._http = None

    def statistics(self) -> dict[str, float]:
        """Counters and gauges over all webhooks, by name."""
        running = list(self._running)
        return {
            "webhook_delivered": sum(delivery.delivered for delivery in running),
            "webhook_failures": sum(delivery.failures for delivery in running),
            "webhook_dead": sum(delivery.dead for delivery in running),
            "webhook_failing": sum(delivery.failing for delivery in running),
            "webhook_pending": self._counts[0],
            "webhook_dead_letters": self._counts[1],
        }

    async def _end(self) -> None:
        running, self._running = self._running, {}
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
