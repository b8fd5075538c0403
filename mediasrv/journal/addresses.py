"""What is kept of an IP address: its network, unless somebody decided otherwise."""

from __future__ import annotations

import ipaddress

from mediasrv.journal.settings import Addresses

PREFIX_BITS = {4: 24, 6: 48}
"""Of an IPv4 network that about as many people share as of an IPv6 one."""


def kept_address(address: str | None, how: Addresses) -> str | None:
    """`203.0.113.0/24` for `203.0.113.77`, `2001:db8:1::/48` for `2001:db8:1:2::3`; None if nothing is kept."""
    if address is None or how == "none":
        return None
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if how == "full":
        return str(ip)
    bits = PREFIX_BITS[ip.version]
    # As `ip_network` would have it, at a fraction of the cost.
    host_bits = ip.max_prefixlen - bits
    return f"{type(ip)(int(ip) >> host_bits << host_bits)}/{bits}"
