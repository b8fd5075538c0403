"""Events for control sessions: order, filters, resuming from what is kept and from the journal, and slow readers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgpack
import pytest
from rooms.fakes import House

from mediasrv.journal.chain import milliseconds
from mediasrv.journal.journal import Journal
from mediasrv.journal.records import EVENTS
from mediasrv.rooms import events as room_events
from mediasrv.signaling import event_subscription
from mediasrv.signaling.event_log import EVENTS_MISSED, EventLog, LoggedEvent, Position
from mediasrv.signaling.event_shapes import HISTORY, KINDS, LIVE
from mediasrv.signaling.event_subscription import EventFilter, EventSubscription

from .server import ProgramServer, Wire, serving, tcp

EVERYTHING = EventFilter()


class Reader:
    """Takes events as fast as it is asked to."""

    def __init__(self, log: EventLog, chosen: EventFilter = EVERYTHING) -> None:
        self.events: list[LoggedEvent] = []
        self.was_too_slow = False
        self.subscription = EventSubscription(log, chosen, put=self.events.append, too_slow=self._too_slow)

    def _too_slow(self) -> None:
        self.was_too_slow = True
        self.subscription.close()

    @property
    def numbers(self) -> list[int]:
        return [event.number for event in self.events]


class Logged:
    """A house whose events are logged, a few of which are kept."""

    def __init__(self, kept: int = 10_000) -> None:
        self.house = House()
        self.log = EventLog(self.house.clock, kept)
        self.house.registry.observe(Journal([self.log], self.house.clock))
        self.house.registry.observe(self.log.observe)
        self.admin = self.house.admin()

    def happen(self, count: int, room: str = "standup") -> None:
        """Let so many events happen: in pairs, and a room is opened and closed in each."""
        for _ in range(count // 2):
            self.admin.request("create_room", {"room": room})
            self.admin.request("close_room", {"room": room})


def test_each_kind_says_what_the_documentation_says() -> None:
    assert set(HISTORY) == set(EVENTS)
    logged = Logged()
    house = logged.house
    ada = house.joined("ada")
    ada.offer("0 audio send", "1 video send VP8 q,h,f")
    bob = house.joined("bob")
    bob.offer("0 video recv VP8")
    ada.request("update_self", {"name": "Ada L.", "attributes": {"hand": "raised"}})
    ada.request("send_message", {"text": "the secret of the house"})
    logged.admin.request("ask_to_unmute", {"room": "standup", "participant_id": bob.id})
    logged.admin.request("revoke", {"room": "standup", "participant_id": bob.id, "permissions": ["send_message"]})
    logged.admin.request("update_room", {"room": "standup", "locked": True})
    banned = logged.admin.request("ban", {"room": "standup", "participant_id": bob.id})
    logged.admin.request("unban", {"room": "standup", "ban_id": banned["ban_id"]})
    logged.admin.request("close_room", {"room": "standup"})
    seen = set()
    for event in logged.log.kept(0):
        body = body_of(event)
        seen.add(body["event"])
        assert body["fields"].keys() <= KINDS[body["event"]].fields.keys(), body
        assert (body["seq"] is not None) == (body["event"] in HISTORY)
        assert b"secret" not in event.frame
    assert {"participant_updated", "unmute_requested", "message_sent", "ban_lifted", "track_published"} <= seen


def test_events_that_are_no_history_are_told_as_well() -> None:
    log = Logged().log
    ref = ("standup", "r_1")
    told = [
        room_events.MediaConnected(*ref, "p_1"),
        room_events.EncodingChanged(*ref, "p_1", "1", "h"),
        room_events.MessageDelivered(*ref, "m_1", "p_1", "p_2"),
        room_events.DominantSpeaker(*ref, "p_1", "t_1"),
    ]
    for event in told:
        log.observe(event)
    bodies = [body_of(event) for event in log.kept(0)]
    assert [body["event"] for body in bodies] == [
        "media_connected",
        "encoding_changed",
        "message_delivered",
        "dominant_speaker",
    ]
    for body in bodies:
        assert body["event"] in LIVE
        assert body["fields"].keys() == LIVE[body["event"]].fields.keys()


def test_who_speaks_is_told_to_those_who_ask_for_it_and_never_later() -> None:
    log = Logged().log
    curious = Reader(log, EventFilter(kinds=frozenset({"speaking"})))
    others = Reader(log)
    for reader in (curious, others):
        reader.subscription.start(None, None)
    log.observe(room_events.Speaking("standup", "r_1", {"p_1": -30}))
    assert [event.kind for event in curious.events] == ["speaking"]
    assert others.events == []
    assert list(log.kept(0)) == []


def test_rooms_and_kinds_are_chosen() -> None:
    logged = Logged()
    blue = Reader(logged.log, EventFilter(rooms=frozenset({"blue"})))
    opened = Reader(logged.log, EventFilter(kinds=frozenset({"room_opened"})))
    for reader in (blue, opened):
        reader.subscription.start(None, None)
    logged.happen(2, "blue")
    logged.happen(2, "red")
    assert [(event.room, event.kind) for event in blue.events] == [("blue", "room_opened"), ("blue", "room_closed")]
    assert [(event.room, event.kind) for event in opened.events] == [("blue", "room_opened"), ("red", "room_opened")]
    blue.subscription.close()
    assert "blue" not in logged.log._by_room


def test_a_subscription_goes_on_behind_a_position_with_nothing_missing_or_twice() -> None:
    logged = Logged()
    logged.happen(10)
    middle = logged.log.position
    logged.happen(6)
    reader = Reader(logged.log)
    reader.subscription.start(middle, None)
    logged.happen(2)
    assert reader.numbers == list(range(11, 19))


def test_a_slow_reader_gets_the_rest_when_it_has_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_subscription, "UNREAD_EVENTS", 4)
    logged = Logged()
    reader = Reader(logged.log)
    reader.subscription.start(None, None)
    logged.happen(20)
    assert reader.numbers == [1, 2, 3, 4]
    for _ in range(10):
        reader.subscription.drained()
    logged.happen(2)
    assert reader.numbers == list(range(1, 23))
    assert logged.log.counters["subscribers_lagged"] == 1
    assert not reader.was_too_slow


def test_one_who_never_reads_is_given_up_when_the_log_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_subscription, "UNREAD_EVENTS", 4)
    logged = Logged(kept=10)
    slow, lively = Reader(logged.log), Reader(logged.log)
    for reader in (slow, lively):
        reader.subscription.start(None, None)
    for _ in range(10):
        logged.happen(2)
        lively.subscription.drained()
    assert slow.was_too_slow
    assert slow.numbers == [1, 2, 3, 4]
    assert lively.numbers == list(range(1, 21))
    assert logged.log.counters["subscribers_too_slow"] == 1
    assert logged.log._everywhere == {lively.subscription}


def test_what_elsewhere_pushed_out_is_said_to_be_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_subscription, "UNREAD_EVENTS", 2)
    logged = Logged(kept=10)
    reader = Reader(logged.log, EventFilter(rooms=frozenset({"blue"})))
    reader.subscription.start(None, None)
    logged.happen(4, "blue")
    logged.happen(20, "red")
    reader.subscription.drained()
    assert [event.kind for event in reader.events] == ["room_opened", "room_closed", EVENTS_MISSED]
    logged.happen(2, "blue")
    reader.subscription.drained()
    assert [event.kind for event in reader.events[3:]] == ["room_opened", "room_closed"]


def test_without_a_journal_what_is_too_old_is_said_to_be_missed() -> None:
    logged = Logged(kept=10)
    logged.happen(2)
    old = logged.log.position
    logged.happen(30)
    for after in (old, old._replace(run="0" * 12)):
        reader = Reader(logged.log)
        reader.subscription.start(after, None)
        assert reader.events[0].kind == EVENTS_MISSED
        assert reader.numbers[1:] == list(range(23, 33))


@pytest.mark.parametrize(
    "text", ["", "x", "j-", "j--1", "j-x", "-1-2", "0123456789ab-1", "0123456789AB-1-2", "j-1\n", "j-٣"]
)
def test_what_is_no_position_is_told_from_one(text: str) -> None:
    assert Position.parse(text) is None


def test_positions_are_read_as_they_were_written() -> None:
    for position in (Position("0123456789ab", 17, 1767225600000), Position(None, 0, 0, 5115)):
        assert Position.parse(str(position)) == position


# --- over a connection, with a journal ------------------------------------------------------------------------------


async def told(wire: Wire, count: int) -> list[dict[str, Any]]:
    """The next events."""
    found = [each[2] for each in wire.told if each[1] == "event"]
    wire.told.clear()
    while len(found) < count:
        message = await wire.next()
        assert message is not None
        assert message[:2] == [2, "event"]
        found.append(message[2])
    assert len(found) == count
    return found


async def happen(server: ProgramServer, count: int, room: str = "standup") -> None:
    async with tcp(server) as wire:
        for _ in range(count // 2):
            await wire.call("create_room", room=room)
            await wire.call("close_room", room=room)


def keys(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(event["room_id"], event["seq"]) for event in events]


def history(server: ProgramServer) -> list[tuple[str, int]]:
    return [(record.room_id, record.seq) for record in server.journal.records]


async def test_events_come_after_the_reply_of_what_caused_them(server: ProgramServer):
    async with tcp(server) as wire:
        await wire.call("subscribe_events")
        await wire.call("create_room", room="standup")
        assert wire.told == []
        assert [event["event"] for event in await told(wire, 1)] == ["room_opened"]
        await wire.call("unsubscribe_events")
        await wire.call("close_room", room="standup")
        assert await wire.call("ping") == {}
        assert wire.told == []


async def test_another_subscription_takes_the_place_of_the_first(server: ProgramServer):
    async with tcp(server) as wire:
        await wire.call("subscribe_events")
        await wire.call("subscribe_events", rooms=["blue"])
        await happen(server, 2, "red")
        await happen(server, 2, "blue")
        assert {event["room"] for event in await told(wire, 2)} == {"blue"}


async def test_after_a_restart_it_goes_on_with_what_the_journal_has(server: ProgramServer):
    async with tcp(server) as wire:
        await wire.call("subscribe_events")
        await happen(server, 4)
        position = (await told(wire, 4))[1]["position"]
    await server.restart()
    await happen(server, 4)
    async with tcp(server) as wire:
        await wire.call("subscribe_events", after=position)
        events = await told(wire, len(history(server)) - 2 + _of_the_same_moment(server, position))
        assert keys(events)[-6:] == history(server)[-6:]
        assert set(keys(events)) >= set(history(server)[2:])
        await happen(server, 2)
        assert keys(await told(wire, 2)) == history(server)[-2:]


def _of_the_same_moment(server: ProgramServer, position: str) -> int:
    """How many records up to the position have its very millisecond, and come again."""
    at = Position.parse(position)
    assert at is not None
    return sum(milliseconds(record.ts) >= at.ts_ms for record in server.journal.records[:2])


@pytest.mark.parametrize("kept", [5, 20])
async def test_from_a_position_of_the_journal_everything_comes_once(tmp_path: Path, kept: int):
    async with serving(tmp_path, kept_events=kept) as server:
        await happen(server, 40)
        async with tcp(server) as wire:
            await wire.call("subscribe_events", after="j-10")
            events = await told(wire, 30)
            assert keys(events) == history(server)[10:]
            journal, ring = events[: 30 - kept], events[30 - kept :]
            assert all(event["position"].startswith("j-") for event in journal)
            assert not any(event["position"].startswith("j-") for event in ring)
            await wire.call("subscribe_events", after=journal[-1]["position"])
            assert keys(await told(wire, kept)) == history(server)[-kept:]


async def test_a_long_replay_waits_for_a_slow_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_subscription, "UNREAD_EVENTS", 3)
    async with serving(tmp_path, kept_events=10) as server:
        await happen(server, 60)
        async with tcp(server) as wire:
            await wire.call("subscribe_events", after="j-0")
            assert keys(await told(wire, 60)) == history(server)


async def test_who_takes_nothing_of_a_long_replay_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_subscription, "UNREAD_EVENTS", 3)
    monkeypatch.setattr(event_subscription, "STALLED_S", 0.05)
    async with serving(tmp_path, kept_events=10) as server:
        await happen(server, 60)
        given: list[LoggedEvent] = []
        given_up = asyncio.Event()
        stalled = EventSubscription(server.events, EVERYTHING, put=given.append, too_slow=given_up.set)
        stalled.start(Position.parse("j-0"), server.journal)
        async with asyncio.timeout(10):
            await given_up.wait()
        assert len(given) == 3
        assert server.events.counters["subscribers_too_slow"] == 1
        stalled.close()


async def test_a_journal_that_cannot_be_read_is_said(tmp_path: Path):
    async with serving(tmp_path, kept_events=4) as server:
        await happen(server, 10)
        server.journal.failing = True
        async with tcp(server) as wire:
            await wire.call("subscribe_events", after="j-0")
            events = await told(wire, 5)
            assert events[0]["event"] == EVENTS_MISSED
            assert keys(events[1:]) == history(server)[-4:]
            assert (await wire.call("read_journal"))["code"] == "unavailable"
            assert await wire.call("ping") == {}


async def test_the_journal_is_read_in_pages(server: ProgramServer):
    await happen(server, 6, "blue")
    await happen(server, 2, "red")
    async with tcp(server) as wire:
        first = (await wire.call("read_journal", limit=5))["records"]
        rest = (await wire.call("read_journal", after=first[-1]["position"]))["records"]
        assert [record["position"] for record in first + rest] == list(range(1, 9))
        assert (await wire.call("read_journal", after=8)) == {"records": []}
        red = (await wire.call("read_journal", room="red", last=True, limit=1))["records"]
        assert [(record["room"], record["event"]) for record in red] == [("red", "room_closed")]


async def test_a_thousand_subscribers_get_every_event(server: ProgramServer):
    readers = [Reader(server.events) for _ in range(1000)]
    for reader in readers:
        reader.subscription.start(None, None)
    await happen(server, 10)
    await asyncio.sleep(0)
    assert {len(reader.events) for reader in readers} == {10}


def body_of(event: LoggedEvent) -> dict[str, Any]:
    body: dict[str, Any] = msgpack.unpackb(event.frame)[2]
    return body
