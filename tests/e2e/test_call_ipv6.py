"""Signaling and media over IPv6 alone."""

from __future__ import annotations

import socket

import pytest
from person import Person
from real_server import Enter
from server_process import ServerProcess

pytestmark = pytest.mark.browser


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_a_call_over_ipv6(enter: Enter) -> None:
    server = await ServerProcess.start("--rtc-bind", "::1", "--rtc-ip", "::1", http="[::1]:0")
    try:
        ada, grace = await enter("Ada", on=server), await enter("Grace", on=server)
        await ada.sees("Grace")
        await grace.hears("Ada")
        assert await remote_addresses(ada) == {"::1"}
    finally:
        await server.stop()
    assert server.faults == []


async def remote_addresses(person: Person) -> set[str]:
    entries = await person.page.evaluate("mediasrv.getStats()")
    return {entry["address"] for entry in entries if entry["type"] == "remote-candidate"}
