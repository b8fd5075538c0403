"""The call page, the admin page, and what belongs to them, from the package's `web` folder."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from aiohttp import web

from mediasrv.http.problem import HttpError

# The page may load from its own origin only, and not be framed. Its links carry tokens: no referrer, ever.
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; media-src 'self' blob: mediastream:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# The machine's own table of types may lack or distort these, and a module script with a wrong type does not run.
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


PAGES = {"": "index.html", "admin": "admin.html"}


def add_routes(app: web.Application, folder: Path) -> None:
    """Serve `folder` at `/`, the `PAGES` in it under their own names too.

    The files are listed once: a path from a request is looked up, never opened as it came.
    """
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}

    async def get_file(request: web.Request) -> web.StreamResponse:
        name = request.match_info["path"]
        path = files.get(PAGES.get(name, name))
        if path is None:
            raise HttpError(404, "not_found", "there is nothing at this address")
        kind = CONTENT_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        # no-cache means: ask again, with the ETag. An update is seen at once and costs one small round trip else.
        headers = {"Content-Type": kind, "Cache-Control": "no-cache", **SECURITY_HEADERS}
        return web.FileResponse(path, headers=headers)

    app.router.add_get("/{path:.*}", get_file)  # last: routes are tried in order
