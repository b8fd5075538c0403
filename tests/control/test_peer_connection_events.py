"""What a peer connection tells its observer, and how it ends."""

from __future__ import annotations

import pytest
from offer_builder import Line, description
from peers import Peer, offer

from mediasrv.rtc.errors import NegotiationError
from mediasrv.rtc.events import (
    AudioLevel,
    Closed,
    Connected,
    EncodingChanged,
    ProducerActive,
    ProducerBye,
    TupleChanged,
)


def transport_id(peer: Peer) -> int:
    return int(peer.worker.named("create_transport")[-1].arguments[0])


def test_facts_of_the_transport() -> None:
    peer = Peer()
    peer.connection.answer(description(Line()))
    peer.report("transport_tuple", transport_id(peer), "198.51.100.7", 50000)
    peer.report("transport_connected", transport_id(peer), 7)
    assert peer.events == [TupleChanged("198.51.100.7", 50000), Connected()]
    assert peer.connection.connected


def test_facts_of_producers_and_slots_are_told_by_mid_and_rid() -> None:
    sender = Peer()
    audio, camera, screen = sender.connection.answer(offer("chromium-send-simulcast")).added
    receiver = sender.neighbour()
    [_, slot] = receiver.connection.answer(offer("chromium-recvonly")).added_slots
    slot.connect(camera)
    sender.report("producer_active", camera.id, 2)
    sender.report("producer_active", screen.id, 0)
    sender.report("audio_level", audio.id, 30, True)
    sender.report("producer_bye", camera.id)
    assert sender.events == [
        ProducerActive("1", "f"),
        ProducerActive("2", ""),
        AudioLevel("0", 30, True),
        ProducerBye("1"),
    ]
    assert slot.handle is not None
    receiver.report("encoding_changed", slot.handle.id, 1)
    slot.connect(screen)
    receiver.report("encoding_changed", slot.handle.id, 0)
    assert receiver.events == [EncodingChanged("1", "h"), EncodingChanged("1", "")]


@pytest.mark.parametrize(
    "reason", ["peer_closed", "consent_expired", "fingerprint_mismatch", "dtls_failed", "connect_timeout", "no_memory"]
)
def test_the_end_that_the_worker_reports(reason: str) -> None:
    sender = Peer()
    [producer] = sender.connection.answer(description(Line())).added
    receiver = sender.neighbour()
    [slot] = receiver.connection.answer(description(Line("video", "recvonly"))).added_slots
    slot.connect(producer)
    sender.report("transport_closed", producer.handle.transport.id if producer.handle else 0, reason)
    assert sender.events == [Closed(reason)]
    assert producer.closed
    assert sender.connection.closed
    assert slot.producer is None
    assert not slot.closed
    sender.worker.take()
    producer.set_open(False)
    producer.close()
    sender.connection.close()
    assert sender.worker.commands == []
    assert sender.events == [Closed(reason)]


def test_our_end_is_told_once_the_worker_has_carried_it_out() -> None:
    peer = Peer()
    answer = peer.connection.answer(description(Line("video", "sendrecv")))
    peer.worker.take()
    peer.connection.close()
    peer.connection.close()
    assert peer.worker.names() == ["close_transport"]
    assert answer.added[0].closed
    assert answer.added_slots[0].closed
    assert peer.events == []
    peer.report("transport_closed", 1, "closed")
    assert peer.events == [Closed("closed")]
    assert peer.media.transport_count == 0


def test_the_end_without_a_transport() -> None:
    peer = Peer()
    peer.connection.close()
    peer.connection.close()
    assert peer.events == [Closed("closed")]
    with pytest.raises(NegotiationError, match="make a new one"):
        peer.connection.answer(description(Line()))


def test_late_news_of_what_has_gone() -> None:
    peer = Peer()
    [producer] = peer.connection.answer(description(Line())).added
    producer.close()
    peer.report("producer_active", producer.id, 0)
    peer.report("encoding_changed", 999, 0)
    peer.report("transport_connected", 999, 7)
    assert peer.events == []


def test_sessions_have_names_that_nobody_guesses() -> None:
    names = {Peer().connection.session_id for _ in range(10)}
    assert len(names) == 10
    assert all(len(name) >= 22 for name in names)
