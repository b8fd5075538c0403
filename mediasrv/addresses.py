"""Which addresses media is bound to and which are told to clients."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address

# Any address outside the local networks does: connecting a UDP socket asks the routing table and sends nothing.
_FAR_AWAY = {4: (socket.AF_INET, ("192.0.2.1", 9)), 6: (socket.AF_INET6, ("2001:db8::1", 9))}


def bind_addresses(configured: Sequence[str]) -> list[str]:
    """The addresses to bind: those configured, else the wildcards of the IP versions this machine has."""
    if configured:
        return list(configured)
    return ["0.0.0.0", "::"] if _has_ipv6() else ["0.0.0.0"]


def advertised_addresses(configured: Sequence[str], binds: Sequence[str]) -> list[str]:
    """The addresses of our ICE candidates: those configured, else those that are bound.

    A wildcard stands for the address that a default route of its IP version would use. Empty if there is no such route:
    nobody outside this machine could connect.
    """
    if configured:
        return list(configured)
    found = []
    for bind in binds:
        ip = ip_address(bind)
        address = _source_address(ip.version) if ip.is_unspecified else bind
        if address is not None:
            found.append(address)
    return found


def _source_address(ip_version: int) -> str | None:
    family, far_away = _FAR_AWAY[ip_version]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(far_away)
            return str(probe.getsockname()[0])
    except OSError:
        return None


def _has_ipv6() -> bool:
    """Whether a socket can be bound to an IPv6 address: containers often run with it switched off."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
            return True
    except OSError:
        return False
