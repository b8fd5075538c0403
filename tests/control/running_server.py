"""A whole server but for its native workers, in the test's own process, and people who talk to it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from mediasrv import config, tokens
from mediasrv.app import serve
from mediasrv.config import Settings
from tests.control.port_worker import PortWorker

SECRET = "s" * 32
GRANTS = {"join": True, "publish_audio": True, "subscribe": True, "send_message": True}


def token(identity: str = "ada", *, key: str = "main", secret: str = SECRET, admin: bool = False) -> str:
    """For the room `blue`; with `admin` for none."""
    room, grants = (None, {}) if admin else ("blue", GRANTS)
    return tokens.mint(key, secret, identity=identity, room=room, grants=grants, ttl_s=60, admin=admin)


def admin_token() -> str:
    return tokens.mint("main", SECRET, identity="root", room=None, grants={}, ttl_s=60, admin=True)


class Running:
    """A server of this process, and what its settings shall be when it reads them again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.read: Callable[[], Settings] = lambda: self.settings
        self.line = ""
        self.task: asyncio.Task[str | None]

    @property
    def url(self) -> str:
        return self.line.split()[3]

    def change(self, **options: Any) -> None:
        """Have the server read other settings."""
        self.settings = msgspec.structs.replace(self.settings, **options)
        os.kill(os.getpid(), signal.SIGHUP)


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Running]:
    defaults = {"http": "127.0.0.1:0", "rtc_port": 0, "rtc_bind": ["127.0.0.1"], "workers": 1, "keys": {"main": SECRET}}
    server = Running(config.load(defaults | options, environment={}))
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server.task = asyncio.create_task(
        serve(server.settings, read=lambda: server.read(), announce=ready.set_result, worker_factory=PortWorker)
    )
    await asyncio.wait([ready, server.task], return_when=asyncio.FIRST_COMPLETED, timeout=10)
    if not ready.done():
        server.task.result()
    server.line = ready.result()
    try:
        yield server
    finally:
        if not server.task.done():
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.wait_for(server.task, 10)


class Person:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._id = 0

    async def request(self, method: str, **params: Any) -> Any:
        self._id += 1
        await self.socket.send_json([0, self._id, method, params])
        while True:
            message = await self.socket.receive_json(timeout=10)
            if message[0] == 1:
                return message[2] or message[3]

    async def told(self, wanted: str) -> dict[str, Any]:
        while True:
            message = await self.socket.receive_json(timeout=10)
            if message[:2] == [2, wanted]:
                return message[2]


@asynccontextmanager
async def person(server: Running, **options: Any) -> AsyncIterator[Person]:
    async with aiohttp.ClientSession() as http, http.ws_connect(server.url + "rpc", **options) as socket:
        yield Person(socket)
