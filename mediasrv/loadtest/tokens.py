"""Where the tokens of synthetic participants come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import aiohttp
import jwt

from mediasrv import tokens
from mediasrv.loadtest.errors import LoadTestError, RefusedError

GRANTS = {"join": True, "publish_audio": True, "publish_video": True, "subscribe": True}
TTL_S = 12 * 3600


class TokenSource(Protocol):
    async def token(self, room: str, identity: str) -> str:
        """For one participant; empty: no token is sent. Raises `LoadTestError`."""


class NoTokens:
    """For a server that lets everybody in."""

    async def token(self, room: str, identity: str) -> str:
        return ""


class GivenTokens:
    """`given`: one for everybody, or one for each participant in the order in which they join.

    A server of ours takes two participants with one token for the same person and lets the second replace the first, so
    against that (`one_each`) there must be enough of them.
    """

    def __init__(self, given: Sequence[str], *, one_each: bool) -> None:
        self._given = list(given)
        self._one_each = one_each
        self._used = 0

    async def token(self, room: str, identity: str) -> str:
        if self._used < len(self._given):
            self._used += 1
            return self._given[self._used - 1]
        if self._one_each or len(self._given) > 1:
            raise LoadTestError(
                f"there are more participants than tokens ({len(self._given)}): a token is for one person, and a "
                "second one with it would replace the first. Repeat --token, or have tokens made by --key and --secret"
            )
        return self._given[0]


def room_of(token: str) -> str:
    """The room that a token of ours lets into; empty: it is not one of ours."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get("room", ""))
    except jwt.InvalidTokenError:
        return ""


class SignedTokens:
    """Signed with a key of the server's."""

    def __init__(self, key_id: str, secret: str) -> None:
        self._key_id = key_id
        self._secret = secret

    async def token(self, room: str, identity: str) -> str:
        try:
            return tokens.mint(
                self._key_id, self._secret, identity=identity, room=room, name=identity, grants=GRANTS, ttl_s=TTL_S
            )
        except ValueError as error:
            raise LoadTestError(f"no token can be made for room '{room}': {error}") from None


class DevTokens:
    """A server that runs with --dev gives them out for the asking."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url = f"{url.rstrip('/')}/dev/token"
        self._http = http

    async def token(self, room: str, identity: str) -> str:
        try:
            async with self._http.post(self._url, json={"room": room, "name": identity}) as response:
                if response.status == 200:
                    return str((await response.json())["token"])
                status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            raise unreachable(self._url, error) from None
        raise RefusedError(
            f"{self._url} gives no token (HTTP {status}): the server does not run with --dev. "
            "Give --key and --secret, --config with the server's keys, or --token"
        )


def unreachable(url: str, error: BaseException) -> LoadTestError:
    """What a failed request says to somebody who has given a URL."""
    if isinstance(error, aiohttp.InvalidURL):
        return LoadTestError(f"'{url}' is not a URL; write for example http://127.0.0.1:8080")
    reason = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return LoadTestError(f"cannot reach {url}: {reason}. Is the server running, and is that its address?")
