"""Where a request comes from: the peer of its connection, or, behind a proxy that we trust, the one that it names."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web

LOOPBACK = ("127.0.0.0/8", "::1")


class ClientAddresses:
    """`trusted` are the addresses or networks of proxies whose `X-Forwarded-For` is believed."""

    def __init__(self, trusted: Sequence[str] = LOOPBACK) -> None:
        self._trusted = networks(trusted)

    def set_trusted(self, trusted: Sequence[str]) -> None:
        """Believe these from now on, and no others."""
        self._trusted = networks(trusted)

    def of(self, request: web.Request) -> str | None:
        """The client's IP address; None if the connection has none.

        A proxy appends the address of its own peer, so the list is read from its end, as long as proxies of ours wrote
        it: what stands before that, anybody may have made up.
        """
        address = request.remote
        named = [part.strip() for line in request.headers.getall("X-Forwarded-For", []) for part in line.split(",")]
        while address is not None and named and self._is_trusted(address):
            nearer = _ip(named.pop())
            if nearer is None:
                break
            address = nearer
        return address

    def _is_trusted(self, address: str) -> bool:
        return is_in(address, self._trusted)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(texts: Sequence[str]) -> list[Network]:
    """Addresses are networks of one. Raises `ValueError`."""
    return [ipaddress.ip_network(text, strict=False) for text in texts]


def is_in(address: str, listed: Sequence[Network]) -> bool:
    parsed = _ip(address)
    return parsed is not None and any(ipaddress.ip_address(parsed) in network for network in listed)


def _ip(text: str) -> str | None:
    """An IP address without port and brackets; None if it is none."""
    host = text.strip("[]") if text.count(":") != 1 else text.partition(":")[0]
    if text.startswith("[") and "]:" in text:
        host = text[1 : text.index("]")]
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return None
