"""Whatever comes as an offer is answered or refused by NegotiationError, and a refusal leaves everything as it was."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from peers import OFFER_NAMES, Peer, offer
from test_sdp_round_trip import mutated_offers

from mediasrv.rtc.errors import NegotiationError
from mediasrv.rtc.sdp import SessionDescription


def state(peer: Peer) -> tuple[object, ...]:
    connection = peer.connection
    return dict(connection.producers), dict(connection.slots), connection.local_ufrag, connection.remote_ufrag


@settings(max_examples=150)
@given(mutated_offers())
def test_first_offers(text: str) -> None:
    peer = Peer()
    try:
        answer = peer.connection.answer(text)
    except NegotiationError:
        assert peer.worker.commands == []
    else:
        offered, answered = SessionDescription.parse(text), SessionDescription.parse(answer.sdp)
        assert [media.kind for media in answered.media] == [media.kind for media in offered.media]


@settings(max_examples=150)
@given(mutated_offers())
def test_later_offers(text: str) -> None:
    peer = Peer()
    first = peer.connection.answer(offer("chromium-send-simulcast"))
    peer.worker.take()
    before = state(peer)
    try:
        peer.connection.answer(text)
    except NegotiationError:
        assert peer.worker.commands == []
        assert state(peer) == before
        assert not any(producer.closed for producer in first.added)


@pytest.mark.parametrize("name", OFFER_NAMES)
def test_the_same_offer_again_changes_nothing(name: str) -> None:
    peer = Peer()
    first = peer.connection.answer(offer(name))
    peer.worker.take()
    before = state(peer)
    again = peer.connection.answer(offer(name))
    assert (again.added, again.removed, again.added_slots, again.removed_slots) == ([], [], [], [])
    assert peer.worker.commands == []
    assert state(peer) == before
    assert again.sdp.split("\r\n")[2:] == first.sdp.split("\r\n")[2:]
