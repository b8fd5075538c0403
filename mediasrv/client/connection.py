"""One connection: requests and their answers, and what the server tells."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from typing import Any, TypeVar

import msgspec

from mediasrv.client import carriers
from mediasrv.client.address import Address
from mediasrv.client.carriers import Carrier
from mediasrv.client.errors import ConnectionLostError, RequestTimeoutError, request_error
from mediasrv.signaling import codec
from mediasrv.signaling.methods.control import PingParams
from mediasrv.signaling.schema import Nothing, Shape

R = TypeVar("R", bound=Shape)

PING_S = 30.0  # so that neither side takes silence for a connection that has gone
UNREAD_NOTIFICATIONS = 256


class Connection:
    """Made by `open`. Requests may overlap. Notifications wait in `next_notification`; while `UNREAD_NOTIFICATIONS` of
    them do, nothing more is read from the server."""

    def __init__(self, carrier: Carrier, timeout_s: float, *, keep_notifications: bool) -> None:
        self.closed: ConnectionLostError | None = None
        self.closing_reason: str | None = None
        self._carrier = carrier
        self._timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._keep = keep_notifications
        self._told: asyncio.Queue[tuple[str, Any] | None] = asyncio.Queue(UNREAD_NOTIFICATIONS)
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._ping())]

    @classmethod
    async def open(
        cls,
        address: Address,
        tls: ssl.SSLContext | None,
        timeout_s: float,
        *,
        keep_notifications: bool = False,
    ) -> Connection:
        """Raises `ConnectionLostError`."""
        try:
            async with asyncio.timeout(timeout_s):
                carrier = await carriers.connect(address, tls)
        except TimeoutError:
            raise ConnectionLostError(f"the server at {address} has not answered in {timeout_s:g} seconds") from None
        return cls(carrier, timeout_s, keep_notifications=keep_notifications)

    async def call(self, method: str, params: Shape, result: type[R], timeout_s: float | None = None) -> R:
        """Raises `RequestError`, `RequestTimeoutError` or `ConnectionLostError`."""
        if self.closed is not None:
            raise ConnectionLostError(str(self.closed))
        request_id = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(limit_s):
                await self._carrier.send(msgspec.msgpack.encode((codec.REQUEST, request_id, method, params)))
                found = await answer
        except TimeoutError:
            raise RequestTimeoutError(f"{method}: no answer in {limit_s:g} seconds") from None
        finally:
            del self._waiting[request_id]
        try:
            return msgspec.convert(found, result)
        except msgspec.ValidationError as error:
            what = f"{method}: this client does not understand the server's answer: {error}"
            raise ConnectionLostError(what) from None

    async def next_notification(self) -> tuple[str, Any]:
        """Its method and params. Raises `ConnectionLostError` when all were given and no more can come."""
        while self.closed is None or not self._told.empty():
            told = await self._told.get()
            if told is not None:
                return told
        raise self.closed

    async def close(self) -> None:
        """Idempotent."""
        self._end(ConnectionLostError("the connection was closed here"))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._carrier.close()

    async def _read(self) -> None:
        try:
            while True:
                match await self._carrier.receive():
                    case [codec.RESPONSE, int(request_id), error, result]:
                        self._answered(request_id, error, result)
                    case [codec.NOTIFICATION, str(method), params]:
                        await self._heard(method, params)
                    case _:
                        raise ConnectionLostError("the server sent something that is not the control protocol")
        except ConnectionLostError as error:
            reason = f" ({self.closing_reason})" if self.closing_reason else ""
            self._end(ConnectionLostError(f"{error}{reason}"))

    def _answered(self, request_id: int, error: object, result: object) -> None:
        answer = self._waiting.get(request_id)
        if answer is None or answer.done():  # nobody waits any more
            return
        if error is not None:
            answer.set_exception(request_error(error))
        else:
            answer.set_result(result)

    async def _heard(self, method: str, params: Any) -> None:
        if method == "closing" and isinstance(params, dict):
            self.closing_reason = str(params.get("reason"))
        elif self._keep:
            await self._told.put((method, params))

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_S)
            try:
                await self.call("ping", PingParams(), Nothing)
            except RequestTimeoutError:
                self._end(ConnectionLostError("the server does not answer any more"))
                await self._carrier.close()
                return
            except ConnectionLostError:
                return

    def _end(self, error: ConnectionLostError) -> None:
        if self.closed is not None:
            return
        self.closed = error
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionLostError(str(error)))
        # Wakes whoever waits for one; where there is no room for it, nobody waits.
        with contextlib.suppress(asyncio.QueueFull):
            self._told.put_nowait(None)
