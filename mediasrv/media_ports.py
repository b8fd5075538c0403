"""The UDP ports of the media workers: whether they are free, and what to say if they cannot be had."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

from mediasrv.settings import Settings


def why_not_bound(error: OSError, binds: Sequence[str], settings: Settings) -> str:
    """What kept the workers from binding their ports on `binds`, and what to do."""
    if error.errno == errno.EADDRINUSE:
        first = settings.rtc_port
        taken = next((port for port in range(first, first + settings.worker_count) if is_taken(binds, port)), first)
        return (
            f"UDP port {taken} is in use: is another mediasrv running? "
            "Stop what uses it, or choose another first port with --rtc-port PORT"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{', '.join(binds)}: not every address is one of this machine; choose them with --rtc-bind IP"
    if error.errno == errno.EACCES:
        return f"UDP port {settings.rtc_port} needs privileges; choose one from 1024 on with --rtc-port PORT"
    return f"cannot receive media on UDP port {settings.rtc_port}: {error.strerror or error}"


def is_taken(binds: Sequence[str], port: int) -> bool:
    for address in binds:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return True
    return False


def port_ranges(ports: Sequence[int]) -> str:
    """`7882-7885` for ports in a row, else each by itself."""
    if len(ports) > 1 and list(ports) == list(range(ports[0], ports[0] + len(ports))):
        return f"{ports[0]}-{ports[-1]}"
    return ", ".join(map(str, ports))
