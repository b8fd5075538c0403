"""Where programs reach the control protocol: `unix:PATH` or `tcp:HOST:PORT`."""

from __future__ import annotations

from typing import NamedTuple

from mediasrv import host_port
from mediasrv.host_port import HostPort

UNIX_PATH_MAX_BYTES = 107  # of sockaddr_un, less the final zero


class UnixAddress(NamedTuple):
    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


class TcpAddress(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp:{HostPort(self.host, self.port)}"


ControlAddress = UnixAddress | TcpAddress


def parse_address(text: str) -> ControlAddress:
    """Raises `ValueError` with a sentence for whoever wrote it."""
    scheme, _, rest = text.partition(":")
    if scheme == "unix" and rest:
        if len(rest.encode()) > UNIX_PATH_MAX_BYTES:
            raise ValueError(f"the path of a Unix socket has at most {UNIX_PATH_MAX_BYTES} bytes: '{rest}' is longer")
        return UnixAddress(rest)
    if scheme == "tcp" and rest:
        return TcpAddress(*host_port.parse(rest, scheme="tcp:", example_port=7883))
    raise ValueError(f"'{text}' is neither unix:PATH nor tcp:HOST:PORT")
