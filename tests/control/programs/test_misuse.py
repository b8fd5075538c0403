"""What no decent client sends: each time a clear word and the end of that connection, and nobody else notices."""

from __future__ import annotations

import asyncio
import os
import random
import struct
from pathlib import Path

import msgpack
import pytest

from mediasrv.control import connection
from mediasrv.control import server as control_server
from mediasrv.control.address import UnixAddress
from mediasrv.control.connection import StreamConnection
from mediasrv.signaling.carriers import FRAME_TIMEOUT_S, IDLE_S
from mediasrv.signaling.session import SessionLimits

from .server import ProgramServer, Wire, serving, tcp, until

FRAMES = {
    "a number": msgpack.packb(7),
    "no request": msgpack.packb([2, "ping", {}]),
    "no id": msgpack.packb([0, "one", "ping", {}]),
    "no MessagePack": b"\xc1",
    "nested beyond what is read": b"\x91" * 3000,
    "claims": (b"\xdd" + struct.pack(">I", 2**32 - 1)) * 500 + b"\xc0" * 40_000,
    "a string without an end": b"\xdb" + struct.pack(">I", 2**31) + b"x" * 50_000,
    "too large for a stranger": msgpack.packb([0, 1, "ping", {"x": "y" * 40_000}]),
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
async def test_what_cannot_be_answered_ends_the_connection_and_no_other(server: ProgramServer, frame: bytes):
    async with tcp(server) as other, tcp(server, None) as wire:
        await wire.send(frame)
        assert await wire.closing() == "bad_frame"
        assert await other.call("ping") == {}
    await until(lambda: server.control.connections == {"tcp": 0, "unix": 0})


REQUESTS = {
    "method": ([0, 5, 7, {}], "bad_request"),
    "params": ([0, 5, "ping", []], "bad_request"),
    "length": ([0, 5, "ping"], "bad_request"),
    "keys": ([0, 5, "ping", {1: 2}], "bad_request"),
    "unknown": ([0, 5, "pong", {}], "unknown_method"),
    "type": ([0, 5, "create_room", {"room": 7}], "invalid_params"),
    "missing": ([0, 5, "create_room", {}], "invalid_params"),
    "position": ([0, 5, "subscribe_events", {"after": "yesterday"}], "invalid_params"),
    "kind": ([0, 5, "subscribe_events", {"kinds": ["earthquake"]}], "invalid_params"),
    "deep": ([0, 5, "ping", {"x": [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}], "bad_request"),
    "extension": ([0, 5, "ping", {"x": msgpack.ExtType(1, b"")}], "bad_request"),
}


@pytest.mark.parametrize(("request_", "code"), REQUESTS.values(), ids=REQUESTS)
async def test_what_can_be_answered_is(server: ProgramServer, request_: list[object], code: str):
    async with tcp(server) as wire:
        await wire.send(msgpack.packb(request_))
        answer = await wire.next()
        if answer[0] == 2:  # maps with other keys, and extensions, are no requests of this protocol at all
            assert answer[1:] == ["closing", answer[2]]
            assert answer[2]["reason"] == "bad_frame"
        else:
            assert answer[:2] == [1, 5]
            assert answer[2]["code"] == code
            assert await wire.call("ping") == {}


async def test_a_stranger_may_do_nothing_but_say_who_it_is(server: ProgramServer):
    async with tcp(server, None) as wire:
        for method in ("list_rooms", "subscribe_events", "read_journal", "get_statistics", "create_room"):
            assert (await wire.call(method, room="x"))["code"] == "not_authenticated"
        assert (await wire.call("authenticate", token="expired"))["code"] == "token_expired"
        assert (await wire.call("authenticate", token="ada"))["code"] == "token_invalid"
        assert await wire.call("authenticate", token="ops!") == {"name": "admin:ops"}
        assert (await wire.call("authenticate", token="ops!"))["code"] == "already_joined"


async def test_random_bytes_harm_nobody(server: ProgramServer):
    dice = random.Random(7)
    good = msgpack.packb([0, 1, "ping", {}])
    async with tcp(server) as other:
        for _ in range(200):
            data = bytearray(good * dice.randrange(1, 5) + dice.randbytes(dice.randrange(30)))
            for _ in range(dice.randrange(4)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            async with tcp(server, None) as wire:
                await wire.send(bytes(data[: dice.randrange(1, len(data) + 1)]))
                wire.writer.write_eof()
                await wire.closing()
        assert await other.call("ping") == {}
    await until(lambda: server.control.connections["tcp"] == 0)


async def test_a_flood_is_refused_and_then_cut_off(tmp_path: Path):
    limits = SessionLimits(request_rate=1, request_burst=10, refused_requests=100)
    async with serving(tmp_path, limits=limits) as server, tcp(server) as other, tcp(server, None) as wire:
        await wire.send(msgpack.packb([0, 1, "ping", {}]) * 500)
        answers = []
        while (message := await wire.next()) is not None:
            answers.append(message)
        assert [each[2] for each in answers[:10]] == [None] * 10
        assert answers[10][2]["code"] == "rate_limited"
        assert answers[-1] == [2, "closing", {"reason": "rate_limited", "message": answers[-1][2]["message"]}]
        assert len(answers) == 10 + 100 + 1
        assert await other.call("ping") == {}


async def test_many_requests_at_once_let_others_have_their_turn(server: ProgramServer):
    """Ten thousand requests in one write: somebody else's single one does not wait for the last of them."""
    async with tcp(server) as flood, tcp(server) as other:
        flood.writer.write(msgpack.packb([0, 1, "ping", {}]) * 9_000)
        await until(lambda: len(server.sessions) == 2)
        assert await other.call("ping") == {}
        seen = 0
        while seen < 9_000:
            assert (await flood.next())[2] is None
            seen += 1


async def test_who_does_not_read_is_told_and_dropped(server: ProgramServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "QUEUE_MAX_FRAMES", 20)
    monkeypatch.setattr(connection, "KERNEL_QUEUE_BYTES", 1024)
    async with tcp(server) as other, tcp(server) as wire:
        for name in range(60):
            await other.call("create_room", room=f"room-{name}", metadata="x" * 2000)
        await wire.send(msgpack.packb([0, 1, "list_rooms", {}]) * 200)
        await until(
            lambda: server.control.counters["control_clients_too_slow"] or server.control.connections["tcp"] < 2
        )
        assert await wire.closing() in ("too_slow", None)  # what the kernel had taken before comes first
        await until(lambda: server.control.counters["control_clients_too_slow"] == 1)
        assert await other.call("ping") == {}


def connection_of(server: ProgramServer, index: int) -> StreamConnection:
    """That of the session which was opened as the `index`-th."""
    return next(each for each in server.control._connections["tcp"] if each._session is server.sessions[index])


async def test_a_frame_that_takes_too_long_ends_the_connection(server: ProgramServer):
    async with tcp(server) as slow, tcp(server) as other:
        await slow.send(b"\x94\x00")
        await until(lambda: connection_of(server, 0)._partial_since is not None)
        for index in (0, 1):
            connection_of(server, index).check(asyncio.get_running_loop().time() + FRAME_TIMEOUT_S + 1)
        assert await slow.closing() == "bad_frame"
        assert await other.call("ping") == {}


async def test_silence_ends_a_connection_over_tcp_but_not_on_this_machine(server: ProgramServer):
    path = next(address.path for address in server.bound if isinstance(address, UnixAddress))
    local = Wire(*await asyncio.open_unix_connection(path))
    await local.call("ping")
    async with tcp(server) as silent:
        later = asyncio.get_running_loop().time() + IDLE_S + 1
        for connections in server.control._connections.values():
            for each in list(connections):
                each.check(later)
        assert await silent.closing() == "idle"
    assert await local.call("ping") == {}
    local.close()


async def test_who_says_nothing_is_sent_away(tmp_path: Path):
    async with serving(tmp_path, limits=SessionLimits(join_timeout_s=0.05)) as server, tcp(server, None) as wire:
        assert await wire.closing() == "join_timeout"


async def test_the_number_of_connections_is_bounded(server: ProgramServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(control_server, "MAX_CONNECTIONS", 1)
    async with tcp(server) as first:
        async with tcp(server, None) as second:
            assert await second.closing() == "server_busy"
        assert server.control.counters["control_connections_refused"] == 1
        assert await first.call("ping") == {}


async def test_connections_leave_nothing_behind(server: ProgramServer):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        async with tcp(server) as wire:
            await wire.call("subscribe_events")
    await until(lambda: server.control.connections["tcp"] == 0)
    assert not server.events._everywhere
    assert len(os.listdir("/proc/self/fd")) <= before + 2
