"""Traces of WHIP and WHEP requests: which kind it was and what came of it, never whose."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Middleware

from mediasrv import tracing
from mediasrv.http.problem import Handler


def middleware(protocol: str) -> Middleware:
    """For the routes of `protocol`, such as "WHIP"."""

    @web.middleware
    async def trace(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        attributes = {
            "http.request.method": request.method,
            # The pattern and not the path, which names a room and may hold a session's secret.
            "http.route": resource.canonical if resource is not None else "unknown",
        }
        with tracing.span(f"{protocol} {request.method}", attributes) as span:
            response = await handler(request)
            span.set("http.response.status_code", response.status)
            span.outcome(tracing.OK if response.status < 400 else str(response.status))
            return response

    return trace
