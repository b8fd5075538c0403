"""Listening: an address that cannot be had is explained in one sentence."""

from __future__ import annotations

import socket

import pytest
from http_harness import Harness

from mediasrv.config import HostPort
from mediasrv.http.server import ListenError, page_url


async def test_port_0_becomes_a_free_port(web_folder):
    server = Harness(web_folder).server
    address = await server.start(HostPort("127.0.0.1", 0))
    try:
        assert address.port > 0
        with socket.create_connection(address):
            pass
    finally:
        await server.stop()


async def test_a_port_in_use_is_named_with_what_to_do(web_folder):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ListenError, match=rf"TCP port {port} on 127\.0\.0\.1 is in use.*--http"):
            await Harness(web_folder).server.start(HostPort("127.0.0.1", port))


async def test_a_foreign_address_is_named(web_folder):
    with pytest.raises(ListenError, match=r"192\.0\.2\.1 is not an address of this machine"):
        await Harness(web_folder).server.start(HostPort("192.0.2.1", 0))


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80/"), ("::1", "http://[::1]:80/"), ("0.0.0.0", "http://127.0.0.1:80/")],
)
def test_the_url_is_one_that_a_browser_here_can_open(host, url):
    assert page_url(HostPort(host, 80)) == url
