"""What happens on a server, as an asynchronous iterator that outlives connections and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType

import msgspec

from mediasrv.client.backoff import Backoff
from mediasrv.client.connection import Connection
from mediasrv.client.errors import ConnectionLostError, RequestTimeoutError, UnavailableError
from mediasrv.signaling.event_shapes import Event
from mediasrv.signaling.methods.control import SubscribeEventsParams, SubscribeEventsResult

Connect = Callable[[], Awaitable[Connection]]


class EventStream:
    """Has a connection of its own, which is made anew when it is lost; `position` is then where it goes on.

    Who takes events more slowly than they happen gets them later, up to what the server keeps. `events_missed` is an
    event like others: what was in its place cannot be had any more.
    """

    def __init__(
        self,
        connect: Connect,
        *,
        rooms: Sequence[str] | None,
        kinds: Sequence[str] | None,
        after: str | None,
        reconnect: bool,
    ) -> None:
        self.position = after
        self.reconnects = 0
        self._connect = connect
        self._rooms = None if rooms is None else list(rooms)
        self._kinds = None if kinds is None else list(kinds)
        self._reconnect = reconnect
        self._connection: Connection | None = None
        self._backoff = Backoff()
        self._closed = False

    async def __aenter__(self) -> EventStream:
        """Returns when it is subscribed: whatever happens from then on is told."""
        await self._subscribed()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        while not self._closed:
            try:
                connection = await self._subscribed()
            except ConnectionLostError:
                if self._closed:
                    break
                raise
            try:
                method, params = await connection.next_notification()
            except ConnectionLostError:
                if self._closed:
                    break
                await self._lost()
                continue
            if method == "event":
                event = msgspec.convert(params, Event)
                self.position = event.position
                self._backoff.reset()
                return event
        raise StopAsyncIteration

    async def close(self) -> None:
        """End it: whoever iterates comes to an end. Idempotent."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _subscribed(self) -> Connection:
        while self._connection is None:
            try:
                await self._subscribe()
            except (ConnectionLostError, RequestTimeoutError, UnavailableError):
                if not self._reconnect or self._closed:
                    raise
                await asyncio.sleep(self._backoff.next_s())
        return self._connection

    async def _subscribe(self) -> None:
        connection = await self._connect()
        try:
            params = SubscribeEventsParams(rooms=self._rooms, kinds=self._kinds, after=self.position)
            subscribed = await connection.call("subscribe_events", params, SubscribeEventsResult)
            if self._closed:  # by another task, while the answer was on its way
                raise ConnectionLostError("the events were closed here")
        except BaseException:
            await connection.close()
            raise
        self.position = self.position or subscribed.position
        self._connection = connection

    async def _lost(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
            if not self._reconnect:
                raise connection.closed or ConnectionLostError("the connection is closed")
        self.reconnects += 1
        await asyncio.sleep(self._backoff.next_s())
