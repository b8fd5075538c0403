"""Pipes, and what stands at their ends, come and go in any order; what is still there goes on."""

from __future__ import annotations

import itertools
import random

import pytest

from scenarios.joined import PipedProducer, Worker, two_workers
from scenarios.network import Conditions
from scenarios.test_pipes import piped_video
from scenarios.test_simulcast import RIDS


@pytest.mark.parametrize("order", list(itertools.permutations(["producer", "piped", "slot", "alice", "bob"])))
def test_any_order_of_closing(order: tuple[str, ...]) -> None:
    first, second = two_workers(batch_us=20_000)
    alice, bob, carol = first.join(), second.join(), second.join()
    first.connect()
    second.connect()
    source = alice.publish_video()
    piped = second.pipe(source)
    slot, other = bob.subscribe(piped), carol.subscribe(piped)
    first.network.run_for(0.2)
    for what in order:
        if what == "producer":
            first.plane.close_producer(source.producer_id)
        elif what == "piped":
            second.plane.close_producer(piped.producer_id)
        elif what == "slot":
            second.plane.close_consumer(slot.consumer_id)
        else:
            (first if what == "alice" else second).plane.close_transport(
                (alice if what == "alice" else bob).transport_id
            )
        first.network.run_for(0.05)
    source.stop()
    first.network.run_for(0.05)
    before = first.counters["pipe_packets_sent"]
    again = carol.publish_audio()
    third = first.join()
    first.connect(third)
    slot = third.subscribe(first.pipe(again))
    first.network.run_for(0.3)
    assert len(slot.track.packets) > 10, "the other way"
    assert first.counters["pipe_packets_sent"] == before
    assert other.track.gaps == []
    first.check_nothing_broke()
    second.check_nothing_broke()


def test_nothing_is_handed_over_for_an_empty_slot_or_a_closed_pipe() -> None:
    first, second = two_workers()
    alice, bob = first.join(), second.join()
    first.connect()
    second.connect()
    microphone = alice.publish_audio()
    piped = second.pipe(microphone)
    slot = bob.subscribe(piped)
    for end in (lambda: slot.connect(None), lambda: second.plane.close_producer(piped.producer_id)):
        slot.connect(piped)  # type: ignore[arg-type]
        first.network.run_for(0.3)
        before = first.counters["pipe_packets_sent"]
        assert before > 0
        end()
        first.network.run_for(0.05)
        before = first.counters["pipe_packets_sent"]
        first.network.run_for(1)
        assert first.counters["pipe_packets_sent"] == before


def test_an_end_that_was_lost_is_said_again() -> None:
    """The pipe back was full when the piped producer closed; its packets are what reminds of it."""
    first, second = two_workers(pipe_bytes=1 << 15)
    alice, bob, carol = first.join(), second.join(), first.join()
    first.connect()
    second.connect()
    microphone = alice.publish_audio()
    piped = second.pipe(microphone)
    slot = bob.subscribe(piped)
    carol.subscribe(first.pipe(bob.publish_audio()))
    first.network.run_for(0.5)
    first.server.stalled.add(first.plane)
    for number in range(1000):
        slot.gate(bool(number % 2))  # a wish each
    second.plane.close_producer(piped.producer_id)
    first.network.run_for(0.2)
    first.server.stalled.clear()
    first.network.run_for(0.2)
    before = first.counters["pipe_packets_sent"]
    first.network.run_for(1)
    assert first.counters["pipe_packets_sent"] == before


def test_a_pipe_may_be_asked_for_before_its_source_is_there() -> None:
    first, second = two_workers()
    alice, bob = first.join(), second.join()
    first.connect()
    second.connect()
    slot = bob.receive("audio")
    number = next(first.ids)
    piped = PipedProducer("audio", number, source_id=number + 1)
    piped.stand_on(second.plane, from_worker=0)
    slot.connect(piped)  # type: ignore[arg-type]
    microphone = alice.publish_audio(start=False)
    assert microphone.producer_id == piped.source_id
    first.network.run_for(1.1)
    microphone.start()
    first.network.run_for(1)
    assert len(slot.track.packets) > 40


def test_a_source_stands_on_a_worker_once() -> None:
    first, second, _, _, camera, slot = piped_video()
    second.pipe(camera)
    first.network.run_for(0.5)
    assert second.counters["commands_refused"] == 1
    assert slot.track.gaps == []


def test_a_pipe_from_a_worker_that_there_is_not_is_refused() -> None:
    _, second = two_workers()
    for worker in (1, 2, 63, 64, 2**31):
        second.plane.create_piped_producer(
            1, source_id=1, from_worker=worker, kind="audio", codecs=[(111, "opus", 48_000, 0)], encodings=1
        )
    second.network.do_commands()
    assert second.counters["commands_stale"] == 5
    with pytest.raises(ValueError, match="must not be 0"):
        second.plane.create_piped_producer(
            1, source_id=0, from_worker=0, kind="audio", codecs=[(111, "opus", 48_000, 0)], encodings=1
        )


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_orders(seed: int) -> None:
    """Sources on both workers, slots that change; every packet opens and no number has two contents."""
    chance = random.Random(seed)
    workers = two_workers(seed=seed, batch_us=chance.choice([0, 5_000]), pipe_bytes=chance.choice([1 << 15, 1 << 21]))
    network = workers[0].network
    people = [worker.join() for worker in workers for _ in range(2)]
    for worker in workers:
        worker.connect()
    sources = [(person, person.publish_video(chance.choice([("",), RIDS]))) for person in people]
    piped: dict[tuple[int, int], PipedProducer] = {}
    slots = [person.receive("video") for person in people for _ in range(3)]
    network.conditions = Conditions(loss=0.02, jitter_us=3_000)
    for _ in range(120):
        action = chance.randrange(7)
        slot = chance.choice(slots)
        owner, source = chance.choice(sources)
        here = slot.owner.call
        assert isinstance(here, Worker)
        if action <= 2:
            if owner.call is here:
                slot.connect(source)
            else:
                key = here.index, source.producer_id
                if key not in piped:
                    piped[key] = here.pipe(source)
                slot.connect(piped[key])  # type: ignore[arg-type]
        elif action == 3:
            slot.select(chance.choice([-1, 0, 1, 2]))
        elif action == 4:
            slot.gate(chance.random() < 0.7)
        elif action == 5:
            owner.call.plane.gate_producer(source.producer_id, chance.random() < 0.7)
        elif piped:
            key = chance.choice(list(piped))
            workers[key[0]].plane.close_producer(piped.pop(key).producer_id)
        stalled = workers[chance.randrange(2)].plane
        if chance.random() < 0.1:
            workers[0].server.stalled.add(stalled)
        elif chance.random() < 0.5:
            workers[0].server.stalled.clear()
        network.run_for(chance.choice([0.0, 0.01, 0.1]))
    for worker in workers:
        worker.check_nothing_broke()
    for person in people:
        person.call.plane.close_transport(person.transport_id)
    workers[0].server.stalled.clear()
    network.run_for(0.2)
    assert sum(len(worker.events_of("transport_closed")) for worker in workers) == 4
