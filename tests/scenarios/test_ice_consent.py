"""Consent (RFC 7675): a transport lives for 30 s after the last authenticated check, and not a moment longer."""

from __future__ import annotations

import pytest

from scenarios.call import Call


def test_silence_for_30_seconds_closes_and_says_why() -> None:
    call = Call()
    alice = call.join()
    call.connect()
    call.network.run_for(1)
    alice.peer.leave()
    call.network.run_for(0.1)
    last_check_us = call.network.now_us
    assert call.network.run_until(lambda: bool(call.events_of("transport_closed")), limit_s=40)
    assert call.events_of("transport_closed") == [("transport_closed", alice.transport_id, "consent_expired")]
    assert 27 <= (call.network.now_us - last_check_us) / 1e6 <= 30


def test_expiry_is_exact() -> None:
    call = Call()
    alice = call.join()
    call.connect()
    call.network.run_for(1)
    alice.peer.checking = False
    alice.peer.check()
    checked_us = call.network.now_us + 10_000
    call.network.run_for((checked_us + 29_999_999 - call.network.now_us) / 1e6)
    assert call.events_of("transport_closed") == []
    call.network.run_for(0.000_001)
    assert call.events_of("transport_closed") != []
    assert call.network.now_us == checked_us + 30_000_000


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_checks_keep_a_silent_transport_alive(loss: float) -> None:
    call = Call(seed=3)
    alice = call.join()
    call.connect()
    call.network.up[alice.peer.address] = type(call.network.conditions)(loss=loss)
    call.network.run_for(120)
    assert call.events_of("transport_closed") == []


def test_media_alone_is_no_consent() -> None:
    call = Call()
    alice = call.join()
    call.connect()
    alice.publish_audio(frames_per_second=10)
    alice.peer.checking = False
    call.network.run_for(31)
    assert call.events_of("transport_closed") == [("transport_closed", alice.transport_id, "consent_expired")]


def test_a_check_with_a_wrong_password_is_no_consent() -> None:
    call = Call()
    alice = call.join()
    call.connect()
    alice.peer.checking = False
    for _ in range(16):
        alice.peer.check(pwd=b"y" * 24)
        call.network.run_for(2)
    assert call.events_of("transport_closed") == [("transport_closed", alice.transport_id, "consent_expired")]
