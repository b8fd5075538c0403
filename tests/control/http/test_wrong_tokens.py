"""Who shows wrong tokens has to wait, whichever way they come; who shows an old one, or is somebody else, does not."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from http_harness import Harness, offer

from mediasrv.failed_attempts import BURST, MAX_ADDRESSES, PER_SECOND, FailedAttempts
from mediasrv.http.client_address import ClientAddresses
from mediasrv.signaling.session import Session

WRONG = {"Authorization": "Bearer not-a-token"}


async def whip(harness: Harness, headers: dict[str, str], path: str = "/whip/blue") -> Any:
    return await harness.post(path, offer(("audio", "sendonly" if "whip" in path else "recvonly")), headers)


async def rpc(harness: Harness, token: str) -> Any:
    harness.open_session = lambda send, close: Session(
        harness.rooms, partial(harness.verifier.verify, address="127.0.0.1"), send=send, close=close
    )
    async with harness.client.ws_connect("/rpc") as socket:
        await socket.send_str(json.dumps([0, 1, "join", {"token": token}]))
        return (await socket.receive_json())[2]


async def test_wrong_tokens_of_an_address_are_counted_over_all_ways(harness: Harness) -> None:
    harness.verifier.attempts = FailedAttempts(lambda: 0.0)
    for number in range(BURST):
        if number % 3 == 2:
            assert (await rpc(harness, "not-a-token"))["code"] == "token_invalid"
        else:
            response = await whip(harness, WRONG, ["/whip/blue", "/whep/blue"][number % 3])
            assert response.status == 401
    for path in ("/whip/blue", "/whep/blue"):
        response = await whip(harness, WRONG, path)
        assert response.status == 429
        assert 0 < int(response.headers["Retry-After"]) <= 6
    good = harness.bearer()
    assert (await whip(harness, good)).status == 429  # or guessing would go on
    error = await rpc(harness, harness.token())
    assert error["code"] == "rate_limited"
    assert 0 < error["details"]["retry_after_ms"] <= 5_001
    assert "not-a-token" not in json.dumps(error)
    elsewhere = {**good, "X-Forwarded-For": "203.0.113.9"}
    assert (await whip(harness, elsewhere)).status == 201
    assert harness.verifier.attempts.refused == 4


async def test_old_tokens_are_no_attempts(harness: Harness) -> None:
    headers = harness.bearer(ttl_s=1)
    harness.now += 3600
    for _ in range(2 * BURST):
        response = await whip(harness, headers)
        assert response.status == 401
    assert "expired 59 minutes ago" in (await response.json())["detail"]


def test_time_heals() -> None:
    now = 0.0
    attempts = FailedAttempts(lambda: now)
    for _ in range(BURST):
        assert attempts.wait_s("203.0.113.7") == 0
        attempts.count("203.0.113.7")
    assert attempts.wait_s("203.0.113.7") == pytest.approx(1 / PER_SECOND)
    assert attempts.wait_s("203.0.113.8") == 0
    now += 1 / PER_SECOND
    assert attempts.wait_s("203.0.113.7") == 0
    attempts.count("203.0.113.7")
    assert attempts.wait_s("203.0.113.7") > 0


def test_the_addresses_of_one_customer_count_as_one_and_the_table_is_bounded() -> None:
    attempts = FailedAttempts(lambda: 0.0)
    for number in range(BURST):
        attempts.count(f"2001:db8::{number:x}")
    assert attempts.wait_s("2001:db8::ffff") > 0
    assert attempts.wait_s("2001:db8:0:1::1") == 0
    for number in range(MAX_ADDRESSES + 10):
        attempts.count(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(attempts._failures) == MAX_ADDRESSES
    attempts.count(None)
    assert attempts.wait_s(None) == 0


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),  # anybody may write a header
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),  # what stands before may be made up
        ("127.0.0.1", ["1.2.3.4, 198.51.100.1, 10.0.0.9"], "198.51.100.1"),  # two proxies of ours
        ("127.0.0.1", ["1.2.3.4", "198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("127.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("127.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("::1", ["unknown"], "::1"),
        ("127.0.0.1", ["10.0.0.1, nonsense"], "127.0.0.1"),
        (None, ["198.51.100.1"], None),
    ],
)
def test_where_a_request_comes_from(peer: str | None, forwarded: list[str], client: str | None) -> None:
    request = make_mocked_request("GET", "/", [("X-Forwarded-For", line) for line in forwarded])
    request = request.clone(remote=peer)
    assert ClientAddresses(["127.0.0.0/8", "::1", "10.0.0.0/8"]).of(request) == client
