"""The HTTP side put together: pages, health, `/rpc`, WHIP and WHEP on one address."""

from __future__ import annotations

import errno
from pathlib import Path

from aiohttp import web

from mediasrv.host_port import HostPort
from mediasrv.http import dev_token, health, problem, static, traces
from mediasrv.http.client_address import ClientAddresses
from mediasrv.http.media_endpoint import BODY_MAX_BYTES, MediaEndpoint
from mediasrv.http.metrics import MetricsEndpoint
from mediasrv.http.ports import Rooms
from mediasrv.http.websocket import RpcEndpoint, SessionFactory
from mediasrv.http.whep import WHEP
from mediasrv.http.whip import WHIP
from mediasrv.tls import TlsContext
from mediasrv.tokens import TokenVerifier

SHUTDOWN_TIMEOUT_S = 3.0


class ListenError(Exception):
    """The address cannot be listened on; the text says which, why and what to do."""


class HttpServer:
    """Listens from `start()` to `stop()`."""

    def __init__(
        self,
        *,
        web_folder: Path,
        rooms: Rooms,
        verifier: TokenVerifier,
        open_session: SessionFactory,
        checks: health.Checks,
        warnings: health.Warnings = dict,
        dev_key: tuple[str, str] | None = None,
        clients: ClientAddresses | None = None,
        tls: TlsContext | None = None,
        metrics: MetricsEndpoint | None = None,
    ) -> None:
        """`dev_key` (id, secret) lets the page ask for tokens; None leaves that out. With `tls` it is https."""
        self._tls = tls
        self.app = web.Application(middlewares=[problem.middleware], client_max_size=BODY_MAX_BYTES)
        clients = clients or ClientAddresses()
        self._rpc = RpcEndpoint(open_session, clients)
        self._rpc.add_routes(self.app)
        for protocol in (WHIP, WHEP):
            endpoint = MediaEndpoint(protocol, rooms, verifier, clients).application()
            endpoint.middlewares.insert(0, traces.middleware(protocol.name))
            self.app.add_subapp(f"/{protocol.name.lower()}", endpoint)
        if dev_key is not None:
            dev_token.add_routes(self.app, *dev_key)
        if metrics is not None:
            metrics.add_routes(self.app)
        health.add_routes(self.app, checks, warnings)
        static.add_routes(self.app, web_folder)
        self.app.on_response_prepare.append(_name_server)
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S)

    async def start(self, address: HostPort) -> HostPort:
        """Listen on `address` and return where: port 0 becomes the one that was free. Raises `ListenError`."""
        await self._runner.setup()
        try:
            context = self._tls.context if self._tls is not None else None
            await web.TCPSite(self._runner, address.host, address.port, ssl_context=context).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ListenError(_why(address, error)) from None
        return HostPort(address.host, self._runner.addresses[0][1])

    async def stop_sessions(self) -> None:
        """Deliver what is queued for control clients and close their connections."""
        await self._rpc.stop()

    @property
    def connections(self) -> int:
        """How many control clients and call pages are connected."""
        return self._rpc.connections

    async def stop(self) -> None:
        await self._runner.cleanup()


async def _name_server(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "mediasrv"  # and not the versions of what it is made of


def page_url(address: HostPort, *, tls: bool = False) -> str:
    """Where a browser on this machine finds the page."""
    wildcard = address.host in ("0.0.0.0", "::")
    return f"{'https' if tls else 'http'}://{HostPort('127.0.0.1' if wildcard else address.host, address.port)}/"


def _why(address: HostPort, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"TCP port {address.port} on {address.host} is in use: is another mediasrv running? "
            "Stop what uses it, or choose another port with --http HOST:PORT"
        )
    if error.errno == errno.EACCES:
        return (
            f"TCP port {address.port} may not be used without privileges; choose one from 1024 on with --http HOST:PORT"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address.host} is not an address of this machine; choose one that is with --http HOST:PORT"
    return f"cannot listen on {address}: {error.strerror or error}"
