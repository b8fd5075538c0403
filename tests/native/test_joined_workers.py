"""Two real workers: what peers publish on the port of one, peers receive from the port of the other."""

from __future__ import annotations

import gc
import itertools
import os
import selectors
from collections.abc import Iterator
from typing import Any

import pytest
from loopback import LoopbackCall, LoopbackNetwork
from mediaplane.worker import Worker
from scenarios.call import Participant
from scenarios.identity import SERVER
from scenarios.joined import PipedProducer
from scenarios.network import Address
from scenarios.publication import Publication
from scenarios.test_simulcast import RIDS, assert_seamless, shown


class SharedNetwork(LoopbackNetwork):
    """Of peers that send to the ports of several workers."""

    def __init__(self) -> None:
        super().__init__(0)
        self.port_of: dict[Address, int] = {}

    def send(self, data: bytes, source: Address) -> None:
        self.sockets[source].sendto(data, (source[0], self.port_of[source]))


class Side(LoopbackCall):
    """One of the workers with its participants."""

    def __init__(self, index: int, network: SharedNetwork, ids: itertools.count[int]) -> None:
        self.plane = new_worker(index)
        self.network = network
        self.ids = ids
        self.events: list[tuple[Any, ...]] = []
        network.selector.register(self.plane.event_fd, selectors.EVENT_READ, self.take_events)

    def join(self, host: str = "127.0.0.1", **options: Any) -> Participant:
        address = self.network.open(host)
        self.network.port_of[address] = self.plane.port
        participant = Participant(self, address=address, **options)  # type: ignore[arg-type]
        participant.peer.start()
        return participant

    def pipe(self, publication: Publication) -> Any:
        piped = PipedProducer(publication.kind, next(self.ids), publication.producer_id, len(publication.encodings))
        piped.stand_on(self.plane, from_worker=1 - self.plane.index)
        return piped


def new_worker(index: int) -> Worker:
    pem = {"certificate": SERVER.certificate, "private_key": SERVER.private_key}
    return Worker(index, [("127.0.0.1", 0)], **pem)


@pytest.fixture
def sides() -> Iterator[tuple[Side, Side]]:
    network, ids = SharedNetwork(), itertools.count(1)
    first, second = Side(0, network, ids), Side(1, network, ids)
    first.plane.join(second.plane)
    first.plane.start()
    second.plane.start()
    yield first, second
    first.plane.stop()
    second.plane.stop()
    network.close()


def test_a_call_over_two_workers(sides: tuple[Side, Side]) -> None:
    first, second = sides
    alice, bob = first.join(), second.join()
    first.connect(alice)
    second.connect(bob)
    camera, microphone = alice.publish_video(RIDS, start=False), bob.publish_audio()
    seen = bob.subscribe(second.pipe(camera))
    heard = alice.subscribe(first.pipe(microphone))
    camera.start()
    network = first.network
    assert network.run_until(lambda: len(heard.track.packets) > 20 and len(seen.track.packets) > 20)
    for wanted in (0, 2, 1):
        seen.select(wanted)
        assert network.run_until(lambda wanted=wanted: shown(camera, seen) == wanted)  # type: ignore[misc]
    assert_seamless(camera, seen)
    assert heard.track.gaps == []
    assert heard.track.sender_reports
    camera.stop()
    microphone.stop()

    def all_taken() -> bool:
        counters = [side.plane.counters() for side in sides]
        return all(
            one["pipe_packets_sent"] == other["pipe_packets_received"] > 0
            for one, other in (counters, reversed(counters))
        )

    assert network.run_until(all_taken)
    assert all(side.plane.counters()["drop_pipe_full"] == 0 for side in sides)
    assert alice.peer.refused == [] == bob.peer.refused


def test_a_source_that_is_created_and_piped_at_once_is_there_at_once(sides: tuple[Side, Side]) -> None:
    """The second worker may ask before the first one knows of it; many times, for the order of threads is chance."""
    first, second = sides
    alice, bob = first.join(), second.join()
    first.connect(alice)
    second.connect(bob)
    slot = bob.receive("audio")
    for _ in range(30):
        microphone = alice.publish_audio(start=False)
        piped = second.pipe(microphone)
        slot.connect(piped)
        before = len(slot.track.packets)
        began_us = first.network.now_us
        microphone.start()
        assert first.network.run_until(lambda before=before: len(slot.track.packets) > before)  # type: ignore[misc]
        assert first.network.now_us - began_us < 900_000, "it did not wait for the next round of wishes"
        microphone.stop()
        second.plane.close_producer(piped.producer_id)
        first.plane.close_producer(microphone.producer_id)
    assert slot.track.gaps == []


def test_one_stops_while_the_other_goes_on(sides: tuple[Side, Side]) -> None:
    first, second = sides
    alice, bob, carol = first.join(), second.join(), first.join()
    first.connect(alice, carol)
    second.connect(bob)
    microphone = alice.publish_audio()
    there, here = bob.subscribe(second.pipe(microphone)), carol.subscribe(microphone)
    assert first.network.run_until(lambda: len(there.track.packets) > 5)
    second.plane.stop()
    before = len(here.track.packets)
    assert first.network.run_until(lambda: len(here.track.packets) > before + 10)
    assert here.track.gaps == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_workers_are_dropped_in_any_order(order: tuple[int, ...]) -> None:
    gc.collect()  # what earlier tests left is not counted
    descriptors = len(os.listdir("/proc/self/fd"))
    workers: list[Worker | None] = [new_worker(index) for index in range(3)]
    for one, other in itertools.combinations(workers, 2):
        assert one is not None
        assert other is not None
        one.join(other)
    for each in workers[:2]:
        assert each is not None
        each.start()
        each.create_piped_producer(
            1, source_id=1, from_worker=2, kind="audio", codecs=[(111, "opus", 48_000, 0)], encodings=1
        )
    del each, one, other
    for index in order:
        workers[index] = None
        gc.collect()
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_only_other_workers_are_joined_and_only_before_they_start() -> None:
    one, other, far = new_worker(0), new_worker(1), new_worker(64)
    one.join(other)
    for wrong, right in ((one, one), (one, other), (other, one), (one, far), (far, one)):
        with pytest.raises(ValueError, match="cannot join workers"):
            wrong.join(right)
    third = new_worker(2)
    one.start()
    for pair in ((one, third), (third, one)):
        with pytest.raises(RuntimeError, match="before they start"):
            pair[0].join(pair[1])
    one.stop()
