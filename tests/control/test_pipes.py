"""A producer stands on another worker for as long as a consumer there forwards it, however they come and go."""

from __future__ import annotations

import random
from typing import Any

import pytest
from peers import Peer, offer
from recording_worker import RecordingWorker

from mediasrv.media.handles import ConsumerHandle, ProducerHandle, TransportHandle
from mediasrv.media.media_worker import MediaWorker

CODECS = [(96, "VP8", 90_000, 97)]


class Side:
    """A worker that records, with one transport."""

    def __init__(self, index: int) -> None:
        self.native = RecordingWorker(index)
        self.worker = MediaWorker(self.native, index, lambda *_: None)
        self.transport = self.join()

    def join(self) -> TransportHandle:
        return self.worker.create_transport(
            ice_ufrag=b"", ice_pwd=b"", dtls_role="server", fingerprints=[], extensions={}, on_event=lambda _: None
        )

    def publish(self) -> ProducerHandle:
        encodings = [("q", 0, 0), ("h", 0, 0)]
        return self.transport.create_producer(
            kind="video", mid="0", codecs=CODECS, encodings=encodings, nack=True, pli=True, fir=True, transport_cc=True,
            on_event=lambda _: None,
        )  # fmt: skip

    def slot(self, transport: TransportHandle | None = None) -> ConsumerHandle:
        return (transport or self.transport).create_consumer(
            kind="video", mid="1", ssrc=1, rtx_ssrc=0, cname="c", extensions={}, two_byte=False, on_event=lambda _: None
        )  # fmt: skip

    def lose(self, transport: TransportHandle) -> None:
        self.native.report("transport_closed", transport.id, "consent_expired")
        self.worker.deliver_events()

    def piped(self) -> dict[int, int]:
        """What stands here now, as the worker was told: its id -> the producer's."""
        standing: dict[int, int] = {}
        for command in self.native.commands:
            if command.name == "create_piped_producer":
                standing[command.arguments[0]] = command.keywords["source_id"]
            elif command.name == "close_producer":
                standing.pop(command.arguments[0], None)
        return standing


@pytest.fixture
def sides() -> tuple[Side, Side]:
    return Side(0), Side(1)


def test_the_first_consumer_lays_the_pipe_and_the_last_takes_it_away(sides: tuple[Side, Side]) -> None:
    here, there = sides
    producer = here.publish()
    first, second = there.slot(), there.slot()
    there.native.take()
    first.connect(producer, [(96, 100, 0)])
    piped, connect = there.native.take()
    assert piped.name == "create_piped_producer"
    assert piped.keywords == {
        "source_id": producer.id, "from_worker": 0, "kind": "video", "codecs": CODECS, "encodings": 2,
    }  # fmt: skip
    assert connect == ("connect_consumer", (first.id, piped.arguments[0], [(96, 100, 0)]), {})
    second.connect(producer)
    assert [command.arguments[1] for command in there.native.take()] == [piped.arguments[0]]
    first.connect(None)
    assert there.native.named("close_producer") == []
    second.close()
    assert [command.arguments for command in there.native.named("close_producer")] == [piped.arguments]
    assert len(there.worker.pipes) == 0
    assert [command.name for command in here.native.commands] == ["create_transport", "create_producer"]


def test_consumers_of_the_same_worker_need_no_pipe(sides: tuple[Side, Side]) -> None:
    here, _ = sides
    producer = here.publish()
    slot = here.slot()
    slot.connect(producer)
    slot.connect(None)
    assert [command.arguments[1] for command in here.native.named("connect_consumer")] == [producer.id, 0]
    assert here.native.named("create_piped_producer") == []


def test_the_same_source_again_is_not_laid_anew(sides: tuple[Side, Side]) -> None:
    here, there = sides
    producer = here.publish()
    slot = there.slot()
    for _ in range(3):
        slot.connect(producer)
    assert len(there.native.named("create_piped_producer")) == 1
    assert there.native.named("close_producer") == []
    slot.connect(None)
    assert len(there.native.named("close_producer")) == 1


def test_a_producer_that_ends_ends_everywhere(sides: tuple[Side, Side]) -> None:
    here, there = sides
    producer = here.publish()
    slot = there.slot()
    slot.connect(producer)
    producer.close()
    assert there.piped() == {}
    slot.connect(None)
    slot.close()
    assert len(there.native.named("close_producer")) == 1
    assert producer.piped_to == set()


def test_a_closed_producer_leaves_the_slot_empty(sides: tuple[Side, Side]) -> None:
    here, there = sides
    producer = here.publish()
    producer.close()
    slot = there.slot()
    slot.connect(producer)
    assert there.native.commands[-1].arguments == (slot.id, 0, [])
    assert there.native.named("create_piped_producer") == []


def test_transports_that_are_lost_take_their_pipes_along(sides: tuple[Side, Side]) -> None:
    here, there = sides
    producer = here.publish()
    viewer = there.join()
    there.slot(viewer).connect(producer)
    there.lose(viewer)
    assert there.piped() == {}
    there.slot().connect(producer)
    assert list(there.piped().values()) == [producer.id]
    here.lose(here.transport)
    assert there.piped() == {}


@pytest.mark.parametrize("seed", range(10))
def test_what_stands_is_what_is_used_whatever_happens(seed: int) -> None:
    chance = random.Random(seed)
    everywhere = [Side(index) for index in range(3)]
    producers = [(side, side.publish()) for side in everywhere for _ in range(2)]
    slots: list[tuple[Side, ConsumerHandle]] = [(side, side.slot()) for side in everywhere for _ in range(3)]
    shown: dict[ConsumerHandle, Any] = {}
    for _ in range(200):
        side, slot = chance.choice(slots)
        owner, producer = chance.choice(producers)
        action = chance.random()
        if action < 0.7:
            slot.connect(producer)
            shown[slot] = (owner, producer)
        elif action < 0.9:
            slot.connect(None)
            shown.pop(slot, None)
        elif action < 0.95:
            slot.close()
            shown.pop(slot, None)
            slots[slots.index((side, slot))] = (side, side.slot())
        else:
            producer.close()
            shown = {each: source for each, source in shown.items() if source[1] is not producer}
            producers[producers.index((owner, producer))] = (owner, owner.publish())
        for each in everywhere:
            used = {
                (source.transport.worker.index, source.id)
                for user, (source_side, source) in shown.items()
                if user.transport.worker is each.worker and source_side is not each and not user.closed
            }
            standing = {(source.transport.worker.index, source.id) for source in each.worker.pipes._piped}
            assert standing == used
            assert sorted(each.piped().values()) == sorted(source_id for _, source_id in used)


def test_a_receive_slot_takes_a_producer_of_another_worker() -> None:
    ada = Peer()
    native = RecordingWorker(1)
    bob = Peer(native, MediaWorker(native, 1, lambda *_: None))
    ada.connection.answer(offer("chromium-send-simulcast"))
    bob.connection.answer(offer("chromium-recvonly"))
    camera = ada.connection.producers["1"]
    slot = next(slot for slot in bob.connection.slots.values() if slot.kind == "video")
    slot.connect(camera)
    [piped] = native.named("create_piped_producer")
    assert piped.keywords["source_id"] == camera.id
    assert piped.keywords["encodings"] == 3
    assert (96 in [codec[0] for codec in piped.keywords["codecs"]]) == (
        96 in [c.payload_type for c in camera.parameters.codecs]
    )
    camera.close()
    assert native.commands[-1] == ("close_producer", piped.arguments, {})
