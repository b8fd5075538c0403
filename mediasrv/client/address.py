"""Where a server is: `unix:/PATH`, `tcp://HOST:PORT`, `tls://HOST:PORT`, `ws://…/rpc` or `wss://…/rpc`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Scheme = Literal["unix", "tcp", "tls", "ws"]
_FORMS = "unix:/PATH, tcp://HOST:PORT, tls://HOST:PORT, ws://HOST:PORT/rpc or wss://HOST/rpc"


@dataclass(frozen=True, slots=True)
class Address:
    """`path` is that of a Unix socket, `url` that of a WebSocket; host and port are for the others."""

    scheme: Scheme
    path: str = ""
    host: str = ""
    port: int = 0
    url: str = ""
    text: str = ""

    def __str__(self) -> str:
        return self.text


def parse(text: str) -> Address:
    """Also takes what the server's setting `control` looks like, and the URL of its page. Raises `ValueError`."""
    scheme, _, rest = text.partition(":")
    if scheme == "unix" and rest:
        return Address("unix", path="/" + rest.lstrip("/") if rest.startswith("//") else rest, text=text)
    if scheme in ("tcp", "tls"):
        parts = urlsplit(text if rest.startswith("//") else f"{scheme}://{rest}")
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if host and port:
            return Address("tcp" if scheme == "tcp" else "tls", host=host, port=port, text=text)
    if scheme in ("ws", "wss", "http", "https") and urlsplit(text).hostname:
        url = text.replace("http", "ws", 1) if scheme.startswith("http") else text
        if urlsplit(url).path in ("", "/"):
            url = url.rstrip("/") + "/rpc"
        return Address("ws", url=url, text=text)
    raise ValueError(f"'{text}' is no address of a server; write {_FORMS}")
