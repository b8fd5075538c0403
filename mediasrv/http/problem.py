"""Errors as problem details (RFC 9457): for a program a stable `code`, for a person a sentence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import msgspec
import structlog
from aiohttp import web

log = structlog.get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONTENT_TYPE = "application/problem+json"


class HttpError(Exception):
    """An error response; raised by handlers, turned into a response by `middleware`."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        body = {
            "type": "about:blank",  # the codes are not documented at a URL of their own
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        # An error is about one request at one moment: no cache may repeat it.
        headers = {"Cache-Control": "no-store", **self.headers}
        return web.Response(
            status=self.status, body=msgspec.json.encode(body), content_type=CONTENT_TYPE, headers=headers
        )


_SENTENCES = {
    404: "there is nothing at this address",
    413: "the request body is too large",
}


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn everything a handler raises into a problem; what was not expected is logged and answered with 500."""
    try:
        return await handler(request)
    except HttpError as problem:
        return problem.response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        detail = _SENTENCES.get(error.status, error.reason)
        headers = {}
        if isinstance(error, web.HTTPMethodNotAllowed):
            allowed = ", ".join(sorted(error.allowed_methods))
            detail, headers = f"{request.method} is not allowed here, only {allowed}", {"Allow": allowed}
        code = HTTPStatus(error.status).name.lower()
        return HttpError(error.status, code, detail, headers).response()
    except Exception as error:
        # The route's pattern, not the path: that may hold the secret of a WHIP session.
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "unknown"
        log.exception("request failed", method=request.method, route=route, error=type(error).__name__)
        return HttpError(500, "internal", "the server failed to handle this request; its log says why").response()
