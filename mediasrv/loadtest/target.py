"""The server under load: one that runs somewhere, or one that is started for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from mediasrv.config import DEV_KEY, DEV_SECRET
from mediasrv.loadtest.measuring import Counters, no_counters
from mediasrv.loadtest.rpc import Rpc
from mediasrv.loadtest.scenario import Profile
from mediasrv.loadtest.server_process import own_server
from mediasrv.loadtest.signaling import Signaling
from mediasrv.loadtest.tokens import DevTokens, GivenTokens, NoTokens, SignedTokens, TokenSource
from mediasrv.loadtest.wanted import Running, Wanted
from mediasrv.loadtest.whip_whep import WhipWhep
from mediasrv.rtc.certificate import Certificate

REQUEST_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """`pid`: of its process, where that is known."""

    name: str
    signaling: Signaling
    pid: int | None = None
    counters: Counters = no_counters


@asynccontextmanager
async def open_target(
    wanted: Wanted, *, all_to_all: bool, certificate: Certificate, profile: Profile | None
) -> AsyncIterator[Target]:
    """`all_to_all`: participants publish and receive. Raises `LoadTestError`."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
    # A WebSocket for each participant holds a connection.
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:

        def signaling(url: str, whip_url: str, whep_url: str, tokens: TokenSource) -> Signaling:
            if all_to_all and url:
                return Rpc(f"{url.replace('http', 'ws', 1)}/rpc", tokens, http, certificate, profile)
            whip_url, whep_url = whip_url or f"{url}/whip/{{room}}", whep_url or f"{url}/whep/{{room}}"
            return WhipWhep(whip_url, whep_url, tokens, http, certificate, profile)

        if isinstance(wanted, Running):
            url = wanted.url.rstrip("/")
            tokens = _tokens(wanted, http)
            yield Target(url or wanted.whip_url, signaling(url, wanted.whip_url, wanted.whep_url, tokens), wanted.pid)
            return
        async with own_server(wanted) as server:
            tokens = SignedTokens(DEV_KEY, DEV_SECRET)
            yield Target(f"mediasrv, {server.description}", signaling(server.url, "", "", tokens), server.pid)


def _tokens(wanted: Running, http: aiohttp.ClientSession) -> TokenSource:
    if wanted.tokens:
        return GivenTokens(wanted.tokens, one_each=bool(wanted.url))
    if wanted.key is not None:
        return SignedTokens(*wanted.key)
    return DevTokens(wanted.url, http) if wanted.url else NoTokens()
