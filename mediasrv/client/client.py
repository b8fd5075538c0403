"""The client of a server's control protocol."""

from __future__ import annotations

import asyncio
import inspect
import ssl
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar
from weakref import WeakSet

from mediasrv.client import address
from mediasrv.client.backoff import Backoff
from mediasrv.client.connection import Connection
from mediasrv.client.errors import ConnectionLostError
from mediasrv.client.events import EventStream
from mediasrv.client.methods import Methods
from mediasrv.signaling.methods.joining import AuthenticateParams, AuthenticateResult
from mediasrv.signaling.schema import Shape

R = TypeVar("R", bound=Shape)
Token = str | Callable[[], str | Awaitable[str]]


class Client(Methods):
    """A control session, made anew when its connection was lost.

    `server` is `unix:/PATH`, `tcp://HOST:PORT`, `tls://HOST:PORT`, `ws://…/rpc` or `wss://…/rpc`. `token` is an admin
    token, or a function that gives one (old tokens are of no use to a client that runs for long); None over a Unix
    socket of this user's own server. `timeout_s` bounds each request, and the making of a connection for it. A request
    whose connection is lost while it is on its way raises `ConnectionLostError`: whether it was carried out is not
    known, so it is not sent again.
    """

    def __init__(
        self,
        server: str,
        *,
        token: Token | None = None,
        timeout_s: float = 10.0,
        reconnect: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` is how the server's certificate is checked. Raises `ValueError` if `server` is no address."""
        self.name: str | None = None
        """What events call this session, where they say `by`, once it is known."""
        self._address = address.parse(server)
        self._token = token
        self._timeout_s = timeout_s
        self._reconnect = reconnect
        self._tls = tls
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._streams: WeakSet[EventStream] = WeakSet()
        self._closed = False

    async def __aenter__(self) -> Self:
        """Returns when there is a connection. Raises a `ClientError`."""
        self._connection = await self._connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Idempotent."""
        self._closed = True
        streams, self._streams = list(self._streams), WeakSet()
        connection, self._connection = self._connection, None
        for stream in streams:
            await stream.close()
        if connection is not None:
            await connection.close()

    def events(
        self,
        *,
        rooms: Sequence[str] | None = None,
        kinds: Sequence[str] | None = None,
        after: str | None = None,
    ) -> EventStream:
        """What happens in `rooms` (None: in all), of these `kinds` (None: all but `speaking`), from now on or behind
        the position of an earlier event: `async with client.events() as events: async for event in events: …`."""
        stream = EventStream(
            lambda: self._connect(keep_notifications=True),
            rooms=rooms,
            kinds=kinds,
            after=after,
            reconnect=self._reconnect,
        )
        self._streams.add(stream)
        return stream

    async def _request(self, method: str, params: Shape, result: type[R]) -> R:
        connection = await self._connected(method)
        return await connection.call(method, params, result)

    async def _connected(self, method: str) -> Connection:
        async with self._connecting:
            if self._closed:
                raise ConnectionLostError("this client is closed")
            if self._connection is not None and self._connection.closed is None:
                return self._connection
            if self._connection is not None:
                lost, self._connection = self._connection, None
                await lost.close()
                if not self._reconnect:
                    raise lost.closed or ConnectionLostError("the connection is closed")
            self._connection = await self._connect_in_time(method)
            return self._connection

    async def _connect_in_time(self, method: str) -> Connection:
        """Try until `timeout_s` is over."""
        loop = asyncio.get_running_loop()
        deadline, backoff = loop.time() + self._timeout_s, Backoff()
        while True:
            try:
                return await self._connect()
            except ConnectionLostError as error:
                wait_s = backoff.next_s()
                if not self._reconnect or loop.time() + wait_s > deadline:
                    raise ConnectionLostError(f"{method}: {error}") from error
                await asyncio.sleep(wait_s)

    async def _connect(self, *, keep_notifications: bool = False) -> Connection:
        if self._closed:
            raise ConnectionLostError("this client is closed")
        connection = await Connection.open(
            self._address, self._tls, self._timeout_s, keep_notifications=keep_notifications
        )
        try:
            if self._token is not None:
                token = self._token if isinstance(self._token, str) else self._token()
                params = AuthenticateParams(token=await token if inspect.isawaitable(token) else token)
                self.name = (await connection.call("authenticate", params, AuthenticateResult)).name
        except BaseException:
            await connection.close()
            raise
        return connection
