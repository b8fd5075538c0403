"""`GET /metrics` for Prometheus, and the counting of requests. Who may read it: some networks, and admin tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from aiohttp import web

from mediasrv.http.bearer import bearer_token, token_error
from mediasrv.http.client_address import ClientAddresses, is_in, networks
from mediasrv.http.problem import HttpError
from mediasrv.tokens import TokenError, TokenVerifier


class Metrics(Protocol):
    def expose(self, accept: str, /) -> tuple[bytes, str]:
        """In the format that an Accept header asks for, and its content type."""

    def http_request(self, route: str, method: str, status: int) -> None: ...


class MetricsEndpoint:
    """`allowed()` are the addresses and networks that need no token."""

    def __init__(
        self,
        metrics: Metrics,
        allowed: Callable[[], Sequence[str]],
        verifier: TokenVerifier,
        clients: ClientAddresses,
    ) -> None:
        self._metrics = metrics
        self._allowed = allowed
        self._verifier = verifier
        self._clients = clients

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/metrics", self._get)
        # When a response begins, not by a middleware: that would stay on the stack of every WebSocket.
        app.on_response_prepare.append(self._count)

    async def _get(self, request: web.Request) -> web.Response:
        self._authorise(request)
        body, content_type = self._metrics.expose(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    def _authorise(self, request: web.Request) -> None:
        address = self._clients.of(request)
        if "Authorization" not in request.headers and address and is_in(address, networks(self._allowed())):
            return
        try:
            grant = self._verifier.verify(bearer_token(request), address=address)
        except TokenError as error:
            raise token_error(error) from None
        if not grant.admin:
            raise HttpError(403, "permission_denied", "this needs an admin token: `mediasrv token --admin` makes one")

    async def _count(self, request: web.Request, response: web.StreamResponse) -> None:
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "unknown"
        self._metrics.http_request(route, request.method, response.status)
