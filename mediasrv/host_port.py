"""`HOST:PORT`, as settings have it."""

from __future__ import annotations

from typing import NamedTuple


class HostPort(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(text: str, *, scheme: str = "", example_port: int = 8080) -> HostPort:
    """`127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`. Raises `ValueError` with a sentence for whoever wrote it, in
    which `scheme` (like "tcp:") stands before what they should write."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        better = f"{scheme}[::1]:{example_port}"
        raise ValueError(f"'{scheme}{text}' is ambiguous: write an IPv6 address in brackets, like {better}")
    if not colon or not host:
        one, every = f"{scheme}127.0.0.1:{example_port}", f"{scheme}0.0.0.0:{example_port}"
        raise ValueError(f"'{scheme}{text}' is not {scheme}HOST:PORT; write {one}, or {every} for every address")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(f"'{port}' in '{scheme}{text}' is not a port from 0 to 65535")
    return HostPort(host, int(port))
