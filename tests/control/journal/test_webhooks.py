"""Webhooks, against real receivers: signed, in order for each room, again until it works, and never in the way."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from mediasrv.journal.outbox import Outbox
from mediasrv.journal.settings import Webhook, check_webhooks
from mediasrv.journal.webhook_delivery import DeliveryLimits
from mediasrv.journal.webhooks import Webhooks

from .harness import DAY_S, JournalHarness

SECRET = "a-secret-of-more-than-32-characters"
FAST = DeliveryLimits(first_delay_s=0.02, last_delay_s=0.05, request_s=3, idle_s=0.05)


class Receiver:
    """Answers `status`, or what `answer` says, after `delay_s`. Checks every signature."""

    def __init__(self) -> None:
        self.status = 204
        self.delay_s = 0.0
        self.answer: Callable[[dict], int] = lambda _body: self.status
        self.attempts: list[dict] = []
        self.taken: list[dict] = []
        self.news = asyncio.Event()
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self._server = TestServer(app)

    async def start(self) -> None:
        await self._server.start_server()

    async def stop(self) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        return str(self._server.make_url("/hook"))

    async def _take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        parts = dict(part.split("=") for part in request.headers["Mediasrv-Signature"].split(","))
        expected = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + raw, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(parts["v1"], expected)
        body = json.loads(raw)
        self.attempts.append(body | {"attempt": int(request.headers["Mediasrv-Attempt"])})
        self.news.set()
        await asyncio.sleep(self.delay_s)
        status = self.answer(body)
        if status < 300:
            self.taken.append(body)
            self.news.set()
        return web.Response(status=status)

    async def until(self, holds: Callable[[], bool], timeout_s: float = 20) -> None:
        async with asyncio.timeout(timeout_s):
            while not holds():
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def other() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


def hook(receiver: Receiver, *events: str, name: str = "test") -> Webhook:
    return Webhook(url=receiver.url, secret=SECRET, events=events or ("*",), name=name)


async def start(harness: JournalHarness, *webhooks: Webhook, limits: DeliveryLimits = FAST) -> Webhooks:
    harness.webhooks = webhooks
    journal = await harness.open()
    # With the test's times in place of the server's.
    await journal.webhooks.stop()
    journal.webhooks = Webhooks(Outbox(journal.database), lambda: int(harness.clock.now * 1000), limits)
    await journal.webhooks.set(webhooks)
    return journal.webhooks


async def given_up(webhooks: Webhooks, count: int) -> None:
    """Wait until so many deliveries are dead: nobody but the database is told."""
    async with asyncio.timeout(10):
        while len(await webhooks.outbox.dead(10)) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_records_arrive_signed_and_in_order(any_harness: JournalHarness, receiver: Receiver):
    harness = any_harness
    await start(harness, hook(receiver))
    red, blue = harness.room("red", "r_1"), harness.room("blue", "r_2")
    records = [each for pair in zip(red.call("ada", "bob"), blue.call("eve", "zoé"), strict=True) for each in pair]
    await harness.write(records)
    await receiver.until(lambda: len(receiver.taken) == len(records))
    for name in ("red", "blue"):
        of_room = [body for body in receiver.taken if body["room"] == name]
        assert [body["seq"] for body in of_room] == [1, 2, 3, 4, 5, 6]
    first = next(body for body in receiver.taken if body["event"] == "participant_joined")
    assert first == {
        "position": 3,
        "seq": 2,
        "ts": "2026-01-01T00:00:00.000Z",
        "room": "red",
        "room_id": "r_1",
        "participant": red.id("ada"),
        "event": "participant_joined",
        "fields": {"identity": "ada", "name": "Ada", "address": "203.0.113.0/24"},
    }


async def test_only_what_was_asked_for_is_sent(harness: JournalHarness, receiver: Receiver):
    await start(harness, hook(receiver, "participant_joined", "room_closed"))
    await harness.write(harness.room().call("ada"))
    await receiver.until(lambda: len(receiver.taken) == 2)
    assert [body["event"] for body in receiver.taken] == ["participant_joined", "room_closed"]


async def test_a_receiver_that_was_down_gets_everything_in_order(harness: JournalHarness, receiver: Receiver):
    webhooks = await start(harness, hook(receiver))
    receiver.status = 503
    for number in range(20):
        await harness.write(harness.room("red", f"r_{number}").call("ada"))
    await receiver.until(lambda: len(receiver.attempts) >= 4)
    assert receiver.taken == []
    assert len({body["position"] for body in receiver.attempts}) <= 9  # it is not asked with everything there is
    assert webhooks.statistics()["webhook_failing"] == 1
    receiver.status = 200
    await receiver.until(lambda: len(receiver.taken) >= 80)
    rooms = defaultdict(list)
    for body in receiver.taken:
        rooms[body["room_id"]].append(body["seq"])
    assert set(map(tuple, rooms.values())) == {(1, 2, 3, 4)}
    assert webhooks.statistics()["webhook_failing"] == webhooks.statistics()["webhook_dead"] == 0


async def test_a_receiver_that_is_slow_or_gone_holds_no_other_up(
    harness: JournalHarness, receiver: Receiver, other: Receiver
):
    nobody = Webhook(url="http://127.0.0.1:1/hook", secret=SECRET, name="nobody")
    await start(harness, hook(receiver, name="slow"), hook(other, name="quick"), nobody)
    receiver.delay_s = 60
    begin = time.monotonic()
    journal = await harness.write(harness.room().call(*(f"p{number}" for number in range(50))))
    await other.until(lambda: len(other.taken) == 102)
    assert time.monotonic() - begin < 10
    assert journal.statistics()["journal_spool_bytes"] == 0
    assert receiver.taken == []


async def test_what_is_refused_holds_up_its_room_alone_and_dies(harness: JournalHarness, receiver: Receiver):
    webhooks = await start(harness, hook(receiver))
    receiver.answer = lambda body: 422 if body["room"] == "red" and body["seq"] == 2 else 200
    red, blue = harness.room("red", "r_1"), harness.room("blue", "r_2")
    await harness.write([*red.call("ada"), *blue.call("bob")])
    await receiver.until(lambda: len(receiver.taken) == 7)
    assert [body["seq"] for body in receiver.taken if body["room"] == "red"] == [1, 3, 4]
    refused = [body["attempt"] for body in receiver.attempts if body["room"] == "red" and body["seq"] == 2]
    assert refused == [1, 2, 3, 4, 5]
    # The other room did not wait for it.
    blue_done = max(index for index, body in enumerate(receiver.attempts) if body["room"] == "blue")
    assert sum(body["room"] == "red" and body["seq"] == 2 for body in receiver.attempts[:blue_done]) <= 3
    (dead,) = await webhooks.outbox.dead(10)
    assert (dead.webhook, dead.position, dead.attempts, dead.error) == ("test", 2, 5, "answered 422")


async def test_a_dead_letter_is_sent_again_when_told(harness: JournalHarness, receiver: Receiver):
    webhooks = await start(harness, hook(receiver))
    receiver.status = 400
    room = harness.room()
    await harness.write([room.opened()])
    await given_up(webhooks, 1)
    receiver.status = 200
    assert await webhooks.outbox.revive([1], None, int(harness.clock.now * 1000)) == 1
    await receiver.until(lambda: len(receiver.taken) == 1)
    assert receiver.taken[0]["position"] == 1


async def test_after_a_day_without_a_receiver_the_old_ones_are_given_up(harness: JournalHarness, receiver: Receiver):
    webhooks = await start(harness, hook(receiver))
    receiver.status = 500
    await harness.write(harness.room("red", "r_1").call("ada"))
    await receiver.until(lambda: len(receiver.attempts) >= 2)
    harness.clock.now += DAY_S + 1
    await harness.write(harness.room("blue", "r_2").call("bob"))
    await given_up(webhooks, 4)
    receiver.status = 200
    await receiver.until(lambda: len(receiver.taken) == 4)
    assert {body["room"] for body in receiver.taken} == {"blue"}


async def test_the_outbox_outlives_the_server(any_harness: JournalHarness, receiver: Receiver):
    harness = any_harness
    await start(harness, hook(receiver))
    receiver.status = 503
    await harness.write(harness.room().call("ada"))
    await receiver.until(lambda: len(receiver.attempts) >= 1)
    await harness.close()
    receiver.status = 200
    await start(harness, hook(receiver))
    await receiver.until(lambda: len(receiver.taken) == 4)
    assert [body["seq"] for body in receiver.taken] == [1, 2, 3, 4]


async def test_what_was_erased_is_not_sent(harness: JournalHarness, receiver: Receiver):
    await start(harness, hook(receiver))
    receiver.status = 503
    journal = await harness.write(harness.room().call("ada"))
    await receiver.until(lambda: len(receiver.attempts) >= 1)
    await journal.retention.erase_person("ada")
    receiver.status = 200
    await receiver.until(lambda: len(receiver.taken) == 4)
    assert "ada" not in str([body["fields"] for body in receiver.taken])


async def test_a_webhook_that_is_not_configured_any_more_has_no_outbox(harness: JournalHarness, receiver: Receiver):
    await start(harness, hook(receiver, name="old"))
    receiver.status = 503
    await harness.write(harness.room().call("ada"))
    await harness.close()
    webhooks = await start(harness, hook(receiver, name="new"))
    assert await webhooks.outbox.counts() == (0, 0)


async def test_a_redirect_is_not_followed(harness: JournalHarness, receiver: Receiver, other: Receiver):
    webhooks = await start(harness, hook(receiver))
    receiver.status = 307
    room = harness.room()
    await harness.write([room.opened()])
    await given_up(webhooks, 1)
    assert other.attempts == []


@pytest.mark.parametrize(
    ("webhook", "problem"),
    [
        (Webhook(url="ftp://example.org/", secret=SECRET), "begins with https://"),
        (Webhook(url="https:///hook", secret=SECRET), "begins with https://"),
        (Webhook(url="https://example.org/", secret="short"), "secret of example.org has less than 32 bytes"),
        (Webhook(url="https://example.org/", secret=SECRET, events=("rom_closed",)), "did you mean 'room_closed'"),
    ],
)
def test_a_mistake_is_named_without_the_secret(webhook, problem):
    with pytest.raises(ValueError, match=problem) as caught:
        check_webhooks((webhook,))
    assert webhook.secret not in str(caught.value)
    assert webhook.secret not in repr(webhook)


def test_two_of_one_name_are_refused():
    one = Webhook(url="https://example.org/hook?token=1", secret=SECRET)
    with pytest.raises(ValueError, match=r"two webhooks are called example\.org/hook"):
        check_webhooks((one, one))
