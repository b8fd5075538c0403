"""Bearer tokens in the Authorization header (RFC 6750 §2.1, §3)."""

from __future__ import annotations

import math

from aiohttp import web

from mediasrv.http.problem import HttpError
from mediasrv.tokens import TokenError

REALM = "mediasrv"


def bearer_token(request: web.Request) -> str:
    """The token of `request`; raises `HttpError` 401 if there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        # RFC 6750 §3: a request without any credentials is told the scheme and no error code.
        challenge = {"WWW-Authenticate": f'Bearer realm="{REALM}"'}
        raise HttpError(401, "token_missing", "this needs a token: send 'Authorization: Bearer TOKEN'", challenge)
    return token.strip()


def token_error(error: TokenError) -> HttpError:
    """The response to a token that is not accepted."""
    if error.code == "rate_limited":
        wait_s = math.ceil(int(str(error.details["retry_after_ms"])) / 1000)
        return HttpError(429, "rate_limited", error.message, {"Retry-After": str(wait_s)})
    if error.code == "token_wrong_room":
        return HttpError(403, error.code, error.message)
    challenge = {"WWW-Authenticate": f'Bearer realm="{REALM}", error="invalid_token"'}
    return HttpError(401, error.code, error.message, challenge)
