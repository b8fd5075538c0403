"""The client that programs import: over every carrier, through lost connections and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from mediasrv.client import (
    Client,
    ConnectionLostError,
    Event,
    InvalidParamsError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RequestError,
    RequestTimeoutError,
    RoomExistsError,
    TokenRefusedError,
    generate,
)
from mediasrv.client import connection as client_connection
from mediasrv.client.address import parse
from mediasrv.client.backoff import Backoff
from mediasrv.http.client_address import ClientAddresses
from mediasrv.http.websocket import RpcEndpoint
from mediasrv.signaling.method_table import METHODS
from mediasrv.signaling.session import SessionLimits

from .server import ProgramServer, serving, until


def over_tcp(server: ProgramServer, **options: object) -> Client:
    return Client(f"tcp://127.0.0.1:{server.port}", **{"token": "ops!", "timeout_s": 5, **options})


@asynccontextmanager
async def over_websocket(server: ProgramServer) -> AsyncIterator[str]:
    app = web.Application()
    endpoint = RpcEndpoint(
        lambda send, close, address: server._open(send, close, address, None), ClientAddresses(("127.0.0.1",))
    )
    endpoint.add_routes(app)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/rpc"
    finally:
        await endpoint.stop()
        await runner.cleanup()


async def noticed(client: Client) -> None:
    """When the client knows that its connection is gone."""
    await until(lambda: client._connection is not None and client._connection.closed is not None)


async def use(client: Client) -> None:
    """A little of everything."""
    async with client, client.events(kinds=["room_opened", "room_updated"]) as events:
        made = await client.create_room("standup", capacity=3, default_permissions=["subscribe"])
        assert (made.room.capacity, made.room.default_permissions) == (3, ["subscribe"])
        changed = await client.update_room(room="standup", locked=True)
        assert (changed.room.locked, changed.room.capacity) == (True, 3)
        assert [room.name for room in (await client.list_rooms()).rooms] == ["standup"]
        assert [(await anext(events)).event for _ in range(2)] == ["room_opened", "room_updated"]
        records = (await client.read_journal(room="standup")).records
        assert [record.event for record in records] == ["room_opened", "room_updated"]
        assert (await client.get_statistics(room="standup")).server.rooms == 1
        await client.close_room(room="standup")


async def test_it_speaks_over_a_unix_socket(server: ProgramServer):
    await use(Client(f"unix:{server.bound[0].path}"))


async def test_it_speaks_over_tcp(server: ProgramServer):
    await use(over_tcp(server))


async def test_it_speaks_over_a_websocket(server: ProgramServer):
    async with over_websocket(server) as url:
        await use(Client(url, token="ops!"))


async def test_what_the_server_refuses_is_an_exception_with_its_code(server: ProgramServer):
    async with over_tcp(server) as client:
        assert client.name == "admin:ops"
        with pytest.raises(NotFoundError) as missing:
            await client.get_room("nowhere")
        assert (missing.value.code, "nowhere" in missing.value.message) == ("not_found", True)
        await client.create_room("standup")
        with pytest.raises(RoomExistsError):
            await client.create_room("standup")
        with pytest.raises(InvalidParamsError, match="capacity"):
            await client.create_room("other", capacity=0)
        with pytest.raises(RequestError):
            await client.unban("b_none", room="standup")
    for token, error in (("expired", TokenRefusedError), ("ada", TokenRefusedError)):
        with pytest.raises(error):
            await over_tcp(server, token=token).__aenter__()
    async with over_tcp(server, token=None) as stranger:
        with pytest.raises(PermissionDeniedError):
            await stranger.list_rooms()


async def test_too_many_requests_say_when_to_come_again(tmp_path: Path):
    limits = SessionLimits(control_request_rate=2, control_request_burst=3)
    async with serving(tmp_path, limits=limits) as server, over_tcp(server) as client:
        for _ in range(3):
            await client.ping()
        with pytest.raises(RateLimitedError) as refused:
            await client.ping()
        assert 0 < refused.value.retry_after_s <= 0.5


async def test_requests_overlap(server: ProgramServer):
    async with over_tcp(server) as client:
        await asyncio.gather(*(client.create_room(f"room-{number}") for number in range(100)))
        assert len((await client.list_rooms()).rooms) == 100


async def test_a_token_may_be_made_for_each_connection(server: ProgramServer):
    made = []

    async def token() -> str:
        made.append("ops!")
        return made[-1]

    async with over_tcp(server, token=token) as client:
        await server.restart()
        await noticed(client)
        assert (await client.list_rooms()).rooms == []
    assert len(made) == 2


async def test_the_next_request_finds_the_server_again(server: ProgramServer):
    async with over_tcp(server) as client:
        await client.create_room("standup")
        await server.restart()
        await noticed(client)
        assert (await client.list_rooms()).rooms == []


async def test_a_request_waits_for_a_server_that_is_on_its_way(server: ProgramServer):
    async with over_tcp(server) as client:
        await server.control.stop()
        await noticed(client)
        asking = asyncio.create_task(client.list_rooms())
        await asyncio.sleep(0.3)
        assert not asking.done()
        await server.start(*server.bound)
        assert (await asking).rooms == []


async def test_without_a_server_it_says_so_in_time(server: ProgramServer):
    async with over_tcp(server, timeout_s=0.5) as client:
        await server.control.stop()
        await noticed(client)
        with pytest.raises(ConnectionLostError, match=f"cannot reach the server at tcp://127.0.0.1:{server.port}"):
            await client.list_rooms()
    with pytest.raises(ConnectionLostError, match="this client is closed"):
        await client.list_rooms()


async def test_without_reconnecting_a_lost_connection_is_final(server: ProgramServer):
    async with over_tcp(server, reconnect=False) as client:
        await server.restart()
        await noticed(client)
        with pytest.raises(ConnectionLostError, match="server_stopping"):
            await client.list_rooms()


async def test_a_request_whose_connection_is_lost_is_not_sent_again(server: ProgramServer):
    async with over_tcp(server) as client:
        server.journal.read = lambda *_arguments, **_options: asyncio.sleep(60)  # type: ignore[assignment,method-assign]
        asking = asyncio.create_task(client.read_journal())
        await until(lambda: any(session._open for session in server.sessions))
        await server.control.stop()
        with pytest.raises(ConnectionLostError):
            await asking
        assert len(server.sessions) == 1


async def test_an_answer_that_does_not_come_is_a_timeout(server: ProgramServer):
    async with over_tcp(server, timeout_s=0.2) as client:
        server.journal.read = lambda *_arguments, **_options: asyncio.sleep(60)  # type: ignore[assignment,method-assign]
        with pytest.raises(RequestTimeoutError, match=r"read_journal: no answer in 0\.2 seconds"):
            await client.read_journal()
        await client.ping()


async def test_a_connection_without_requests_is_kept_alive(server: ProgramServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client_connection, "PING_S", 0.01)
    async with over_tcp(server):
        connection = next(iter(server.control._connections["tcp"]))
        heard_at = connection.heard_at
        await until(lambda: connection.heard_at > heard_at)


async def test_a_server_that_does_not_answer_pings_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client_connection, "PING_S", 0.01)
    deaf = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    async with deaf:
        client = Client(f"tcp://127.0.0.1:{deaf.sockets[0].getsockname()[1]}", timeout_s=0.1, reconnect=False)
        async with client:
            await noticed(client)
            with pytest.raises(ConnectionLostError, match="does not answer any more"):
                await client.list_rooms()


# --- events ---------------------------------------------------------------------------------------------------------


async def test_events_go_on_over_restarts_with_nothing_missing(server: ProgramServer):
    seen: list[Event] = []

    async def watch(client: Client) -> None:
        async with client.events() as events:
            subscribed.set()
            async for event in events:
                seen.append(event)
                news.set()

    subscribed, news = asyncio.Event(), asyncio.Event()
    async with over_tcp(server) as client:
        watching = asyncio.create_task(watch(client))
        await subscribed.wait()
        for round_ in range(3):
            for number in range(20):
                await client.create_room(f"{round_}-{number}")
            if round_ < 2:
                await server.restart()
                await noticed(client)
        await until(lambda: seen and seen[-1].room == "2-19")
        watching.cancel()
    opened = [event.room for event in seen if event.event == "room_opened"]
    assert list(dict.fromkeys(opened)) == [f"{round_}-{number}" for round_ in range(3) for number in range(20)]
    history = [(record.room_id, record.seq) for record in server.journal.records]
    assert {(event.room_id, event.seq) for event in seen} >= set(history[: len(history)])


async def test_events_go_on_behind_a_position_that_was_written_down(server: ProgramServer):
    async with over_tcp(server) as client:
        async with client.events() as events:
            await client.create_room("one")
            position = (await anext(events)).position
        await client.create_room("two")
        async with client.events(after=position) as events:
            assert (await anext(events)).room == "two"


async def test_who_takes_events_slowly_gets_them_all(server: ProgramServer):
    count = 3 * client_connection.UNREAD_NOTIFICATIONS
    async with over_tcp(server) as client, client.events(kinds=["room_opened"]) as events:
        for number in range(count):
            await client.create_room(f"room-{number}")
        assert [(await anext(events)).room for _ in range(count)] == [f"room-{number}" for number in range(count)]
        assert events.reconnects == 0


async def test_closing_the_client_ends_its_events(server: ProgramServer):
    client = over_tcp(server)
    async with client:
        events = client.events()
        waiting = asyncio.create_task(anext(events, None))
        await until(lambda: server.events._everywhere)
    assert await asyncio.wait_for(waiting, 5) is None
    await until(lambda: not server.events._everywhere)


async def test_a_refused_token_ends_events_instead_of_being_tried_for_ever(server: ProgramServer):
    client = over_tcp(server, token="expired")
    with pytest.raises(TokenRefusedError):
        await anext(client.events())


# --- words ----------------------------------------------------------------------------------------------------------


def test_the_methods_are_those_of_the_table():
    assert generate.PATH.read_text(encoding="utf-8") == generate.render(), "run `python -m mediasrv.client.generate`"
    for name, method in METHODS.items():
        participants_alone = method.scope == "participant" or name in generate._LEFT_OUT
        assert hasattr(Client, name) != participants_alone, name


@pytest.mark.parametrize(
    ("text", "scheme", "where"),
    [
        ("unix:/run/x.sock", "unix", ("/run/x.sock", "", 0, "")),
        ("unix:///run/x.sock", "unix", ("/run/x.sock", "", 0, "")),
        ("unix:x.sock", "unix", ("x.sock", "", 0, "")),
        ("tcp://127.0.0.1:7883", "tcp", ("", "127.0.0.1", 7883, "")),
        ("tcp:127.0.0.1:7883", "tcp", ("", "127.0.0.1", 7883, "")),
        ("tls://[::1]:7883", "tls", ("", "::1", 7883, "")),
        ("wss://example.org/rpc", "ws", ("", "", 0, "wss://example.org/rpc")),
        ("https://example.org/", "ws", ("", "", 0, "wss://example.org/rpc")),
        ("http://127.0.0.1:8080", "ws", ("", "", 0, "ws://127.0.0.1:8080/rpc")),
    ],
)
def test_addresses_are_understood(text: str, scheme: str, where: tuple[object, ...]):
    found = parse(text)
    assert found.scheme == scheme
    assert (found.path, found.host, found.port, found.url) == where
    assert str(found) == text


@pytest.mark.parametrize(
    "text", ["", "x", "unix:", "tcp://127.0.0.1", "tcp://:1", "tcp://h:99999", "ftp://h", "ws:///rpc"]
)
def test_other_addresses_are_not(text: str):
    with pytest.raises(ValueError, match="is no address of a server; write unix:/PATH"):
        parse(text)


def test_attempts_become_rarer_and_are_spread():
    backoff = Backoff(first_s=0.1, most_s=2)
    waits = [backoff.next_s() for _ in range(50)]
    assert all(0.05 * 2**n <= wait <= 0.1 * 2**n for n, wait in enumerate(waits[:4]))
    assert all(1 <= wait <= 2 for wait in waits[6:])
    assert len(set(waits)) == len(waits)
    backoff.reset()
    assert backoff.next_s() <= 0.1


async def test_what_is_no_mediasrv_is_said(tmp_path: Path):
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    other = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with other:
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionLostError, match="not the control protocol"):
            await Client(f"tcp://127.0.0.1:{port}", token="x", timeout_s=2).__aenter__()
    app = web.Application()
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with pytest.raises(ConnectionLostError, match="404"):
        await Client(f"ws://127.0.0.1:{runner.addresses[0][1]}/rpc", timeout_s=2).__aenter__()
    await runner.cleanup()
