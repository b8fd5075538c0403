"""Unix sockets, TLS, and what keeps a server from listening."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import stat
from pathlib import Path

import pytest

from mediasrv import config
from mediasrv.client import Client, ConnectionLostError
from mediasrv.config import ConfigError
from mediasrv.control import server as control_server
from mediasrv.control.address import TcpAddress, UnixAddress, parse_address
from mediasrv.control.server import ControlListenError
from mediasrv.tls import TlsContext, TlsFiles
from tests.control.tls_files import Authority, write_pair

from .server import ProgramServer, Wire, serving, tcp, until


async def test_the_socket_is_for_its_user_alone_who_needs_no_token(server: ProgramServer):
    path = server.bound[0].path
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    wire = Wire(*await asyncio.open_unix_connection(path))
    assert await wire.call("list_rooms") == {"rooms": []}
    assert "name" in await wire.call("authenticate", token="ops!")
    made = await wire.call("create_room", room="standup")
    assert made["room"]["name"] == "standup"
    assert server.journal.records[-1].fields == {"by": "admin:ops"}
    wire.close()


async def test_it_may_become_a_participant_instead(server: ProgramServer):
    wire = Wire(*await asyncio.open_unix_connection(server.bound[0].path))
    joined = await wire.call("join", token="ada")
    assert [who["identity"] for who in joined["participants"]] == ["ada"]
    assert (await wire.call("list_rooms"))["code"] == "not_authenticated"
    wire.close()


async def test_another_user_needs_a_token(server: ProgramServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(control_server, "peer_uid", lambda _socket: os.geteuid() + 4711)
    wire = Wire(*await asyncio.open_unix_connection(server.bound[0].path))
    assert (await wire.call("list_rooms"))["code"] == "not_authenticated"
    assert "name" in await wire.call("authenticate", token="ops!")
    wire.close()


async def test_a_dead_servers_socket_is_replaced_and_a_living_ones_is_not(tmp_path: Path):
    path = str(tmp_path / "control.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    async with serving(tmp_path):
        other = ProgramServer()
        with pytest.raises(ControlListenError, match="in use: is another mediasrv running"):
            await other.start(UnixAddress(path))
        Wire(*await asyncio.open_unix_connection(path)).close()
    assert os.listdir(tmp_path) == []


async def test_what_is_no_socket_is_left_alone(tmp_path: Path):
    (tmp_path / "precious").write_text("do not delete")
    with pytest.raises(ControlListenError, match="no socket"):
        await ProgramServer().start(UnixAddress(str(tmp_path / "precious")))
    assert (tmp_path / "precious").read_text() == "do not delete"
    with pytest.raises(ControlListenError, match="cannot make"):
        await ProgramServer().start(UnixAddress(str(tmp_path / "nowhere" / "control.sock")))


async def test_a_taken_port_is_said(server: ProgramServer):
    with pytest.raises(ControlListenError, match=f"tcp:127.0.0.1:{server.port} is in use"):
        await ProgramServer().start(TcpAddress("127.0.0.1", server.port))


async def test_with_a_certificate_everything_is_encrypted(tmp_path: Path):
    authority = Authority()
    files = TlsFiles(*write_pair(tmp_path, authority=authority), prefix="control_tls")
    async with serving(tmp_path, tls=TlsContext(files).context) as server:
        trust = ssl.create_default_context(cadata=authority.pem.decode())
        async with Client(f"tls://localhost:{server.port}", token="ops!", tls=trust) as client:
            assert (await client.list_rooms()).rooms == []
        with pytest.raises(ConnectionLostError, match="certificate verify failed"):
            await Client(f"tls://localhost:{server.port}", token="ops!").__aenter__()
        async with tcp(server, None) as plain:
            await plain.send(b"GET / HTTP/1.1\r\n\r\n")
            assert await plain.closing() is None
        await until(lambda: server.control.connections["tcp"] == 0)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/run/mediasrv.sock", UnixAddress("/run/mediasrv.sock")),
        ("tcp:127.0.0.1:7883", TcpAddress("127.0.0.1", 7883)),
        ("tcp:[::1]:0", TcpAddress("::1", 0)),
    ],
)
def test_addresses_are_read_and_written(text: str, address: UnixAddress | TcpAddress):
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "neither"),
        ("/run/mediasrv.sock", "neither"),
        ("unix:", "neither"),
        ("unix:/" + "x" * 200, "at most 107 bytes"),
        ("tcp:7883", "tcp:127.0.0.1:7883"),
        ("tcp:::1:7883", "brackets"),
        ("tcp:localhost:http", "'http'"),
        ("tcp:localhost:65536", "65536"),
    ],
)
def test_mistakes_in_addresses_are_named(text: str, message: str):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - below
        parse_address(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"control": ["tcp:0.0.0.0:7883"]}, "without TLS tokens would cross the network in the clear"),
        ({"control": ["tcp:0.0.0.0:7883"], "dev": True, "control_plaintext": True}, "not loopback"),
        ({"control": ["serial:ttyS0"]}, "neither unix:PATH nor tcp:HOST:PORT; set by option --control"),
        ({"control_tls_cert": "cert.pem"}, "control_tls_key: a certificate and its key belong together"),
    ],
)
def test_settings_that_are_unsafe_or_wrong_keep_the_server_from_starting(options: dict[str, object], message: str):
    with pytest.raises(ConfigError) as caught:
        config.load(options, environment={})
    assert message in str(caught.value)


def test_settings_that_are_safe_or_meant_are_taken():
    both = {"control_tls_cert": "cert.pem", "control_tls_key": "key.pem"}
    for options in ({"control": ["tcp:127.0.0.1:0", "unix:/x"]}, {"control": ["tcp:0.0.0.0:1"], **both}):
        assert config.load(options, environment={}).control_addresses
    assert config.load({"control": ["tcp:10.0.0.1:1"], "control_plaintext": True}, environment={}).control_plaintext
