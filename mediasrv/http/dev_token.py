"""`POST /dev/token`: a token for the asking, so that the pages work without accounts. Only with `--dev`."""

from __future__ import annotations

import secrets
from typing import Annotated

import msgspec
from aiohttp import web

from mediasrv import tokens
from mediasrv.http.problem import HttpError
from mediasrv.rooms.permissions import FLAG_OF_NAME

TTL_S = 12 * 3600


class _Request(msgspec.Struct):
    room: tokens.RoomName | None = None
    admin: bool = False
    name: Annotated[str, msgspec.Meta(max_length=128)] = ""


def add_routes(app: web.Application, key_id: str, secret: str) -> None:
    grants = dict.fromkeys(FLAG_OF_NAME, True)

    async def post_token(request: web.Request) -> web.Response:
        # A JSON type forces a CORS preflight, which is not answered here: a foreign page cannot ask for a token.
        if request.content_type != "application/json":
            raise HttpError(415, "unsupported_media_type", "send JSON: Content-Type: application/json")
        try:
            wanted = msgspec.json.decode(await request.read(), type=_Request)
        except msgspec.DecodeError as error:
            raise HttpError(400, "bad_request", f"the body is not {{room, name}} or {{admin}}: {error}") from None
        if wanted.admin == (wanted.room is not None):
            raise HttpError(400, "bad_request", "the body names a room, or says `admin: true`")
        token = tokens.mint(
            key_id,
            secret,
            identity=f"dev-{secrets.token_hex(4)}",  # one for each tab, or the second would replace the first
            room=wanted.room,
            name=wanted.name,
            grants={} if wanted.admin else grants,
            admin=wanted.admin,
            ttl_s=TTL_S,
        )
        return web.json_response({"token": token}, headers={"Cache-Control": "no-store"})

    app.router.add_post("/dev/token", post_token)
