"""`/healthz` and `/readyz`: whether the server runs, and whether it takes calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from aiohttp import web

from mediasrv.http import problem

RETRY_AFTER_S = 1

Checks = Callable[[], Awaitable[Mapping[str, str]]]
"""What is looked at, by name: "ok", or a sentence that says what is wrong."""
Warnings = Callable[[], Mapping[str, str]]
"""By name: what should be looked at and keeps nobody from calling."""

OK = "ok"


def add_routes(app: web.Application, checks: Checks, warnings: Warnings) -> None:
    async def healthz(_request: web.Request) -> web.Response:
        """For supervisors: that this answers is all there is to say."""
        return web.json_response({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def readyz(_request: web.Request) -> web.Response:
        """For load balancers: 503 from the moment that something keeps new calls from working."""
        found = dict(await checks())
        wrong = {name: text for name, text in found.items() if text != OK}
        if not wrong:
            ready = {"status": "ready", "checks": found, "warnings": dict(warnings())}
            return web.json_response(ready, headers={"Cache-Control": "no-store"})
        body = {
            "type": "about:blank",
            "title": HTTPStatus.SERVICE_UNAVAILABLE.phrase,
            "status": 503,
            "detail": "; ".join(f"{name}: {text}" for name, text in wrong.items()),
            "code": "not_ready",
            "checks": found,
            "warnings": dict(warnings()),
        }
        headers = {"Cache-Control": "no-store", "Retry-After": str(RETRY_AFTER_S)}
        return web.json_response(body, status=503, content_type=problem.CONTENT_TYPE, headers=headers)

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
