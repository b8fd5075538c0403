"""A receive slot's source, gate and encoding."""

from __future__ import annotations

import pytest
from offer_builder import Line, description
from peers import Peer, offer
from recording_worker import RecordingWorker

from mediasrv.rtc.errors import NegotiationError
from mediasrv.rtc.producer import Producer
from mediasrv.rtc.receive_slot import ReceiveSlot


@pytest.fixture
def sender() -> Peer:
    return Peer()


@pytest.fixture
def camera(sender: Peer) -> Producer:
    """A simulcast camera of Chromium."""
    return sender.connection.answer(offer("chromium-send-simulcast")).added[1]


@pytest.fixture
def receiver(sender: Peer) -> Peer:
    return sender.neighbour()


@pytest.fixture
def slot(receiver: Peer, camera: Producer) -> ReceiveSlot:
    slot = receiver.connection.answer(offer("chromium-recvonly")).added_slots[1]
    receiver.worker.take()
    return slot


def commands(worker: RecordingWorker) -> list[tuple[object, ...]]:
    return [(command.name, *command.arguments[1:]) for command in worker.take()]


def test_connecting_and_emptying(slot: ReceiveSlot, camera: Producer, receiver: Peer) -> None:
    assert slot.producer is None
    slot.connect(camera)
    assert slot.producer is camera
    [(name, producer_id, payload_types)] = commands(receiver.worker)
    assert (name, producer_id) == ("connect_consumer", camera.id)
    # VP8, VP9 profiles 0 and 2, the H.264 variants and AV1, each with the subscriber's own RTX.
    assert {(96, 96, 97), (98, 98, 99), (100, 100, 101), (102, 102, 103), (39, 39, 40), (45, 45, 46)} <= set(
        payload_types
    )
    slot.connect(camera)
    assert commands(receiver.worker) == []
    slot.connect(None)
    assert slot.producer is None
    assert commands(receiver.worker) == [("connect_consumer", 0, [])]


def test_only_what_the_peer_can_take(sender: Peer, receiver: Peer, slot: ReceiveSlot, camera: Producer) -> None:
    audio = sender.connection.producers["0"]
    assert slot.can_receive(camera)
    assert not slot.can_receive(audio)
    other = sender.neighbour().connection.answer(
        description(Line(formats=["rtpmap:96 VP9/90000", "fmtp:96 profile-id=1"]))
    )
    narrow = receiver.neighbour().connection.answer(
        description(Line("video", "recvonly", formats=["rtpmap:96 VP8/90000"]))
    )
    with pytest.raises(NegotiationError, match="takes VP8, and the track is sent as VP9") as caught:
        narrow.added_slots[0].connect(other.added[0])
    assert caught.value.code == "no_shared_codec"
    assert narrow.added_slots[0].producer is None


def test_a_producer_that_has_ended(slot: ReceiveSlot, camera: Producer) -> None:
    camera.close()
    with pytest.raises(NegotiationError, match="has ended"):
        slot.connect(camera)


def test_the_gate_is_open_only_if_allowed_and_not_paused(slot: ReceiveSlot, receiver: Peer) -> None:
    for change in (
        slot.pause,
        lambda: slot.set_allowed(False),
        slot.resume,
        lambda: slot.set_allowed(True),
    ):
        change()
    assert commands(receiver.worker) == [
        ("gate_consumer", False),
        ("gate_consumer", False),
        ("gate_consumer", False),
        ("gate_consumer", True),
    ]


def test_choosing_an_encoding(slot: ReceiveSlot, camera: Producer, receiver: Peer) -> None:
    slot.connect(camera)
    receiver.worker.take()
    slot.select_encoding("q")
    slot.select_encoding("f")
    slot.select_encoding(None)
    assert commands(receiver.worker) == [("select_encoding", 0), ("select_encoding", 2), ("select_encoding", -1)]
    with pytest.raises(NegotiationError, match=r"no encoding 'x' \(there are: q, h, f\)"):
        slot.select_encoding("x")


def test_the_choice_ends_with_its_source(slot: ReceiveSlot, camera: Producer, sender: Peer, receiver: Peer) -> None:
    slot.connect(camera)
    slot.select_encoding("q")
    receiver.worker.take()
    slot.connect(sender.connection.producers["2"])
    assert [name for name, *_ in commands(receiver.worker)] == ["connect_consumer", "select_encoding"]


def test_the_end_of_a_producer_empties_its_slots(slot: ReceiveSlot, camera: Producer) -> None:
    slot.connect(camera)
    camera.close()
    assert slot.producer is None
    assert camera.receivers == set()


def test_a_slot_that_has_gone_ignores_commands(slot: ReceiveSlot, camera: Producer, receiver: Peer) -> None:
    slot.connect(camera)
    receiver.connection.close()
    receiver.worker.take()
    assert slot.closed
    assert camera.receivers == set()
    slot.connect(camera)
    slot.pause()
    slot.select_encoding(None)
    assert commands(receiver.worker) == []
