"""`/rpc`: what the socket does for a session of the control protocol, and to a client that misbehaves."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import WSMsgType, web

from mediasrv.http import websocket


class EchoSession:
    """Sends every frame back; `bye` closes, `boom` fails."""

    def __init__(self, send, close) -> None:
        self.send = send
        self.close = close
        self.was_closed = asyncio.Event()

    def feed(self, frame) -> None:
        if frame == "boom":
            raise RuntimeError("a fault of the server")
        self.send(frame)
        if frame == "bye":
            self.send("goodbye")
            self.close()
            self.send("too late")

    def drained(self) -> None: ...
    def end(self, reason) -> None: ...

    def closed(self) -> None:
        assert not self.was_closed.is_set()
        self.was_closed.set()


@pytest.fixture
def sessions(harness) -> list[EchoSession]:
    opened: list[EchoSession] = []

    def open_session(send, close) -> EchoSession:
        opened.append(EchoSession(send, close))
        return opened[-1]

    harness.open_session = open_session
    return opened


async def test_text_and_binary_frames_go_both_ways(harness, sessions):
    async with harness.client.ws_connect("/rpc") as socket:
        await socket.send_str("[0]")
        assert await socket.receive_str() == "[0]"
        await socket.send_bytes(b"\x91\x00")
        assert await socket.receive_bytes() == b"\x91\x00"
    await asyncio.wait_for(sessions[0].was_closed.wait(), 5)


async def test_any_origin_may_connect(harness, sessions):
    async with harness.client.ws_connect("/rpc", origin="https://elsewhere.example") as socket:
        await socket.send_str("x")
        assert await socket.receive_str() == "x"


async def test_the_session_can_close_after_what_it_has_sent(harness, sessions):
    async with harness.client.ws_connect("/rpc") as socket:
        await socket.send_str("bye")
        received = [await socket.receive() for _ in range(3)]
        assert [message.data for message in received[:2]] == ["bye", "goodbye"]
        assert received[2].type == WSMsgType.CLOSE
        assert received[2].data == 1000
    await asyncio.wait_for(sessions[0].was_closed.wait(), 5)


async def test_a_frame_beyond_the_limit_closes_the_connection(harness, sessions):
    async with harness.client.ws_connect("/rpc") as socket:
        await socket.send_bytes(b"x" * (websocket.FRAME_MAX_BYTES + 1))
        assert (await socket.receive()).data == 1009
    await asyncio.wait_for(sessions[0].was_closed.wait(), 5)


async def test_a_session_that_fails_ends_its_own_connection_only(harness, sessions):
    async with harness.client.ws_connect("/rpc") as first, harness.client.ws_connect("/rpc") as second:
        await first.send_str("boom")
        assert (await first.receive()).data == 1011
        await second.send_str("still here")
        assert await second.receive_str() == "still here"


async def test_a_client_that_does_not_read_is_told_and_closed(harness, sessions):
    async with harness.client.ws_connect("/rpc") as socket:
        await socket.send_str("hello")
        await socket.receive_str()
        # In one go, so that nobody has a turn: first what the socket takes goes there, then the queue is filled.
        accepted = 0
        while sessions[0].send("x" * 4000):
            accepted += 1
        assert accepted > websocket.QUEUE_MAX_FRAMES
        assert sessions[0].send("too slow")
        received = [await socket.receive() for _ in range(accepted - websocket.QUEUE_MAX_FRAMES + 2)]
        assert [message.data for message in received[-2:]] == ["too slow", 1008], "what was queued is given up"
    await asyncio.wait_for(sessions[0].was_closed.wait(), 5)
    assert not sessions[0].send("into the void")


async def test_a_client_that_reads_nothing_at_all_is_cut_off(harness, sessions, monkeypatch):
    monkeypatch.setattr(websocket, "CLOSE_TIMEOUT_S", 0.05)
    async with harness.client.ws_connect("/rpc") as socket:
        await socket.send_str("hello")
        await socket.receive_str()
        assert socket._conn is not None
        assert socket._conn.transport is not None
        socket._conn.transport.pause_reading()
        # The writer's turns: there is no event for a socket that has become full.
        while sessions[0].send("x" * 1_000_000):  # noqa: ASYNC110
            await asyncio.sleep(0)
        await asyncio.wait_for(sessions[0].was_closed.wait(), 5)
        socket._conn.transport.abort()  # or leaving this block waits for the server to answer a close


async def test_frames_keep_their_order_whether_they_wait_or_not(harness, sessions):
    async with harness.client.ws_connect("/rpc") as socket:
        await socket.send_str("hello")
        await socket.receive_str()
        sent: list[str] = []
        waited = 0
        while waited < 100:
            sent.append(f"{len(sent)} " + "x" * (50_000 if len(sent) % 5 else 5))
            assert sessions[0].send(sent[-1])
            waited += sessions[0].send.__self__._writing is not None
            if len(sent) % 200 == 0:
                await asyncio.sleep(0)
        for each in sent:
            assert await socket.receive_str() == each
        assert sessions[0].send("and on it goes")
        assert await socket.receive_str() == "and on it goes"


async def test_stopping_delivers_what_is_queued_and_takes_nobody_new(harness, sessions):
    async with harness.client.ws_connect("/rpc") as socket:
        await socket.send_str("hello")
        await socket.receive_str()
        sessions[0].send("closing")
        stopping = asyncio.create_task(harness.server.stop_sessions())
        assert await socket.receive_str() == "closing"
        assert (await socket.receive()).data == 1001
        await stopping
    assert (await harness.client.get("/rpc")).status == 503


async def test_the_number_of_connections_is_bounded(harness, sessions, monkeypatch):
    monkeypatch.setattr(websocket, "MAX_CONNECTIONS", 1)
    async with harness.client.ws_connect("/rpc"):
        response = await harness.client.get("/rpc")
        assert response.status == 503
        assert "Retry-After" in response.headers


class CountingTransport(asyncio.Transport):
    """Takes what is written, and says that all of it is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False


async def test_what_is_said_in_one_turn_is_one_write():
    transport = CountingTransport()
    connection = websocket.Connection(web.WebSocketResponse(), transport)
    drained: list[int] = []
    connection.drained = lambda: drained.append(len(transport.writes))
    frames: list[bytes | str] = ["h\u00e9llo", b"\x00" * 126, b"\x01" * 200]
    assert all(connection.send(frame) for frame in frames)
    assert transport.writes == []
    while not drained:  # noqa: ASYNC110
        await asyncio.sleep(0)
    expected = b"\x81\x06h\xc3\xa9llo" + b"\x82\x7e\x00\x7e" + b"\x00" * 126 + b"\x82\x7e\x00\xc8" + b"\x01" * 200
    assert transport.writes == [expected]
    # Nor does more than a burst wait for the turn's end: the queue is for clients that do not read.
    for _ in range(3 * websocket.QUEUE_MAX_FRAMES):
        assert connection.send(b"x")
    assert connection.send(b"y" * 70_000)
    assert sum(write.count(b"\x82\x01x") for write in transport.writes) == 3 * websocket.QUEUE_MAX_FRAMES
    assert transport.writes[-1] == b"\x82\x7f" + (70_000).to_bytes(8, "big") + b"y" * 70_000
    assert drained == [1]
