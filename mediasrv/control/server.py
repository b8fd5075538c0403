"""Listens for programs that speak the control protocol over streams."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import pwd
import socket
import ssl
from collections.abc import Callable, Sequence

import structlog

from mediasrv.control.address import ControlAddress, TcpAddress, UnixAddress
from mediasrv.control.connection import CLOSE_TIMEOUT_S, StreamConnection
from mediasrv.control.unix_socket import BoundSocket, UnixSocketError, bind, peer_uid
from mediasrv.signaling.carriers import IDLE_S, CarriedSession, Close, Send

log = structlog.get_logger("control")

MAX_CONNECTIONS = 16_384
CHECK_S = 5.0
TLS_HANDSHAKE_TIMEOUT_S = 10.0
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}  # a peer that vanished is noticed in 2 minutes

OpenSession = Callable[[Send, Close, str | None, str | None], CarriedSession]
"""Makes the session of a client: at an IP address, or, over a Unix socket, of a trusted user of this machine."""


class ControlListenError(Exception):
    """An address cannot be listened on; the text says which, why and what to do."""


class ControlServer:
    """Listens on `addresses` from `start` to `stop`. With `tls`, TCP is encrypted.

    `counters` has what was refused: connections beyond `MAX_CONNECTIONS`, and clients that read too slowly.
    """

    def __init__(
        self, addresses: Sequence[ControlAddress], open_session: OpenSession, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.counters = {"control_connections": 0, "control_connections_refused": 0, "control_clients_too_slow": 0}
        self._addresses = tuple(addresses)
        self._open_session = open_session
        self._tls = tls
        self._servers: list[asyncio.Server] = []
        self._sockets: list[BoundSocket] = []
        self._connections: dict[str, set[StreamConnection]] = {"tcp": set(), "unix": set()}
        self._stopping = False
        self._all_gone = asyncio.Event()
        self._check: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> dict[str, int]:
        """How many there are, by what carries them."""
        return {carrier: len(connections) for carrier, connections in self._connections.items()}

    async def start(self) -> list[ControlAddress]:
        """Returns where it listens: port 0 has become the one that was free. Raises `ControlListenError`."""
        bound: list[ControlAddress] = []
        try:
            for address in self._addresses:
                if isinstance(address, UnixAddress):
                    await self._listen_unix(address)
                    bound.append(address)
                else:
                    bound.append(await self._listen_tcp(address))
        except ControlListenError:
            await self.stop()
            raise
        if bound:
            self._check_later()
        return bound

    async def stop_sessions(self) -> None:
        """Deliver what is queued, and close; no longer than CLOSE_TIMEOUT_S. Nobody new comes in."""
        self._stopping = True
        for server in self._servers:
            server.close()
        for connection in [each for connections in self._connections.values() for each in connections]:
            connection.end("server_stopping")
        if any(self._connections.values()):
            self._all_gone.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S + 0.5):
                    await self._all_gone.wait()

    async def stop(self) -> None:
        await self.stop_sessions()
        if self._check is not None:
            self._check.cancel()
        for bound in self._sockets:
            bound.remove()
        self._servers, self._sockets = [], []

    async def _listen_unix(self, address: UnixAddress) -> None:
        try:
            bound = bind(address.path)
        except UnixSocketError as error:
            raise ControlListenError(str(error)) from None
        self._sockets.append(bound)
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_unix_server(self._accept_unix, sock=bound.socket))

    async def _listen_tcp(self, address: TcpAddress) -> TcpAddress:
        loop = asyncio.get_running_loop()
        timeout_s = None if self._tls is None else TLS_HANDSHAKE_TIMEOUT_S
        try:
            server = await loop.create_server(
                self._accept_tcp, address.host, address.port, ssl=self._tls, ssl_handshake_timeout=timeout_s
            )
        except OSError as error:
            raise ControlListenError(_why(address, error)) from None
        self._servers.append(server)
        return TcpAddress(address.host, server.sockets[0].getsockname()[1])

    def _accept_unix(self) -> StreamConnection:
        return StreamConnection(self._open_unix, lambda gone: self._gone("unix", gone), None)

    def _accept_tcp(self) -> StreamConnection:
        return StreamConnection(self._open_tcp, lambda gone: self._gone("tcp", gone), IDLE_S)

    def _open_unix(self, connection: StreamConnection, transport: asyncio.Transport) -> CarriedSession:
        uid = peer_uid(transport.get_extra_info("socket"))
        trusted = user_name(uid) if uid in (0, os.geteuid()) else None
        return self._open("unix", connection, None, trusted)

    def _open_tcp(self, connection: StreamConnection, transport: asyncio.Transport) -> CarriedSession:
        connected = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE.items():
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        return self._open("tcp", connection, transport.get_extra_info("peername")[0], None)

    def _open(
        self, carrier: str, connection: StreamConnection, address: str | None, trusted: str | None
    ) -> CarriedSession:
        session = self._open_session(connection.send, connection.close, address, trusted)
        if self._stopping or sum(self.connections.values()) >= MAX_CONNECTIONS:
            self.counters["control_connections_refused"] += 1
            session.end("server_busy")
        else:
            self.counters["control_connections"] += 1
        self._connections[carrier].add(connection)
        return session

    def _gone(self, carrier: str, connection: StreamConnection) -> None:
        self._connections[carrier].discard(connection)
        self.counters["control_clients_too_slow"] += connection.overflowed
        if not any(self._connections.values()):
            self._all_gone.set()

    def _check_later(self) -> None:
        self._check = asyncio.get_running_loop().call_later(CHECK_S, self._check_all)

    def _check_all(self) -> None:
        now = asyncio.get_running_loop().time()
        for connections in self._connections.values():
            for connection in list(connections):
                connection.check(now)
        self._check_later()


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


def _why(address: TcpAddress, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{address} is in use: is another mediasrv running? Stop what uses it, or choose another --control"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address.host} is not an address of this machine; choose one that is with --control tcp:HOST:PORT"
    if error.errno == errno.EACCES:
        return f"TCP port {address.port} may not be used without privileges; choose one from 1024 on with --control"
    return f"cannot listen on {address}: {error.strerror or error}"
