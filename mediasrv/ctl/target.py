"""Which server `mediasrv ctl` speaks to, and as whom: what is given, else what the server's configuration says."""

from __future__ import annotations

import getpass
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from mediasrv import config
from mediasrv.client import Client
from mediasrv.config import Settings
from mediasrv.control.address import TcpAddress, UnixAddress

TOKEN_TTL_S = 60.0  # a new one is made for each connection
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class Target:
    address: str
    token: str | Callable[[], str] | None
    tls: ssl.SSLContext | None

    def client(self, *, timeout_s: float = 10.0, reconnect: bool = False) -> Client:
        """Raises `ValueError` if the address is none."""
        return Client(self.address, token=self.token, timeout_s=timeout_s, reconnect=reconnect, tls=self.tls)


def target(settings: Settings, address: str | None, token: str | None, ca_file: str | None) -> Target:
    """Raises `ValueError` and `OSError`."""
    where = address or configured_address(settings)
    tls = ssl.create_default_context(cafile=ca_file) if ca_file else None
    if token is None and where.startswith("unix:"):
        return Target(where, None, tls)
    return Target(where, token or _minted(settings), tls)


def configured_address(settings: Settings) -> str:
    """A Unix socket if there is one, for that needs no token; else TCP, else the HTTP address."""
    addresses = settings.control_addresses
    for unix in addresses:
        if isinstance(unix, UnixAddress):
            return str(unix)
    for tcp in addresses:
        if isinstance(tcp, TcpAddress):
            scheme = "tls" if settings.control_tls_cert else "tcp"
            return f"{scheme}://{config.HostPort(_ANYWHERE.get(tcp.host, tcp.host), tcp.port)}"
    http = settings.http_address
    return f"ws://{config.HostPort(_ANYWHERE.get(http.host, http.host), http.port)}/rpc"


def _minted(settings: Settings) -> Callable[[], str]:
    """Tokens of the configured key; without any, of the one that everybody knows, which is that of `--dev`."""
    key_id, secret = next(iter((settings.keys or {config.DEV_KEY: config.DEV_SECRET}).items()))
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        who = "ctl"

    def mint() -> str:
        from mediasrv import tokens  # over a Unix socket no token is needed

        return tokens.mint(key_id, secret, identity=who, room=None, grants={}, ttl_s=TOKEN_TTL_S, admin=True)

    return mint
