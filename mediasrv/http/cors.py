"""Cross-origin access to WHIP and WHEP (the Fetch standard, RFC 9725 §4.2).

Any origin may call: what a request may do is decided by the token in it. There are no cookies and no other ambient
credentials that a foreign page could ride on, so an allowlist of origins would protect nothing.
"""

from __future__ import annotations

from aiohttp import web

from mediasrv.http.problem import Handler

EXPOSED = "Location, ETag, Link, Accept-Post, Retry-After, WWW-Authenticate"
PREFLIGHT_MAX_AGE_S = 7200  # the longest that Chromium honours


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add the headers to every response, errors too: a page could not read those otherwise."""
    response = await handler(request)
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = EXPOSED
    return response


def preflight(request: web.Request, methods: str) -> web.Response:
    """The answer to OPTIONS, whether a preflight request or not."""
    response = web.Response(headers={"Allow": methods})
    if "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = methods
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-Match, Link"
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_MAX_AGE_S)
    return response
