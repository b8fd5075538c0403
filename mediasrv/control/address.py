"""Where programs reach the control protocol: `unix:PATH` or `tcp:HOST:PORT`."""

from __future__ import annotations

from typing import NamedTuple

UNIX_PATH_MAX_BYTES = 107  # of sockaddr_un, less the final zero


class UnixAddress(NamedTuple):
    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


class TcpAddress(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp:[{self.host}]:{self.port}" if ":" in self.host else f"tcp:{self.host}:{self.port}"


ControlAddress = UnixAddress | TcpAddress


def parse_address(text: str) -> ControlAddress:
    """Raises `ValueError` with a sentence for whoever wrote it."""
    scheme, _, rest = text.partition(":")
    if scheme == "unix" and rest:
        if len(rest.encode()) > UNIX_PATH_MAX_BYTES:
            raise ValueError(f"the path of a Unix socket has at most {UNIX_PATH_MAX_BYTES} bytes: '{rest}' is longer")
        return UnixAddress(rest)
    if scheme == "tcp" and rest:
        return _tcp(rest)
    raise ValueError(f"'{text}' is neither unix:PATH nor tcp:HOST:PORT")


def _tcp(text: str) -> TcpAddress:
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"'{text}' is ambiguous: write an IPv6 address in brackets, like tcp:[::1]:7883")
    if not colon or not host:
        raise ValueError(f"'tcp:{text}' is not tcp:HOST:PORT; write tcp:127.0.0.1:7883")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(f"'{port}' in 'tcp:{text}' is not a port from 0 to 65535")
    return TcpAddress(host, int(port))
