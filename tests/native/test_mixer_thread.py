"""The real mixing thread between two real workers: what people say on loopback sockets, others hear mixed."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from loopback import LoopbackNetwork
from mediaplane.audio.mixer_thread import MixerThread
from mediaplane.worker import Worker
from scenarios.identity import SERVER
from scenarios.joined import PipedProducer
from scenarios.mixed import FRAME, MIXER_WORKER, RATE, Listener, Speaker, strength
from scenarios.negotiated import OPUS, OPUS_RECEIVED
from test_joined_workers import SharedNetwork, Side, new_worker

MIX = 500


class Server:
    def __init__(self) -> None:
        self.network: LoopbackNetwork = SharedNetwork()
        ids = itertools.count(1)
        self.sides = Side(0, self.network, ids), Side(1, self.network, ids)
        self.mixer = MixerThread()
        self.sides[0].plane.join(self.sides[1].plane)
        for side in self.sides:
            side.plane.attach(self.mixer)
        self.mixer.start()
        self.mixer.open_mix(MIX)
        self.mixes = [PipedProducer("audio", next(ids), MIX, 4) for _ in self.sides]
        for side, mix in zip(self.sides, self.mixes, strict=True):
            mix.stand_on(side.plane, from_worker=MIXER_WORKER)
            side.plane.start()

    def speak(self, side: int, frequency: int) -> Speaker:
        participant = self.sides[side].join()
        self.sides[side].connect(participant)
        speaker = Speaker(participant, frequency)
        self.mixer.add_source(
            MIX,
            worker=side,
            producer_id=speaker.publication.producer_id,
            transport_id=participant.transport_id,
            opus_payload_types=[OPUS],
        )
        return speaker

    def listen(self, side: int, speaker: Speaker | None = None) -> Listener:
        participant = speaker.participant if speaker else self.sides[side].join()
        self.sides[side].connect(participant)
        listener = Listener(participant)
        plane = self.sides[side].plane
        plane.connect_consumer(listener.slot.consumer_id, self.mixes[side].producer_id, [(111, OPUS_RECEIVED, 0)])
        return listener

    def close(self) -> None:
        for side in self.sides:
            side.plane.stop()
        self.mixer.stop()
        self.network.close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def test_people_on_two_workers_hear_each_other_and_not_themselves(server: Server) -> None:
    ada, bob = server.speak(0, 400), server.speak(1, 650)
    listeners = [server.listen(0, ada), server.listen(1, bob), server.listen(1)]
    assert server.network.run_until(lambda: all(len(each.packets) > 100 for each in listeners), limit_s=30)
    for listener in listeners:
        indices = [packet.index for packet in listener.packets]
        assert indices == list(range(indices[0], indices[0] + len(indices)))
        steps = np.diff([packet.header["timestamp"] for packet in listener.packets]) % 2**32
        assert np.all(steps % FRAME == 0)
        line = listener.heard()[-RATE // 2 :]
        for speaker in (ada, bob):
            loudness = strength(line, speaker.frequency)
            if speaker.participant is listener.participant:
                assert loudness < 800
            else:
                assert loudness > 1_500
    counters = server.mixer.counters()
    assert counters["ticks"] > 100
    assert counters["packets_refused"] == counters["commands_stale"] == counters["packets_unknown"] == 0


def test_orders_come_from_a_thread_while_it_mixes(server: Server) -> None:
    """Mixes open and close as fast as Python can say so; what there is goes on."""
    ada = server.speak(0, 400)
    listener = server.listen(1)
    assert server.network.run_until(lambda: len(listener.packets) > 5, limit_s=30)
    done = threading.Event()

    def order() -> None:
        for number in range(1_000, 1_200):
            server.mixer.open_mix(number)
            server.mixer.set_mix(number, complexity=1)
            server.mixer.open_tap(number).close()
            server.mixer.close_mix(number)
        done.set()

    ordering = threading.Thread(target=order)
    ordering.start()
    before = len(listener.packets)
    assert server.network.run_until(lambda: done.is_set() and len(listener.packets) > before + 20, limit_s=30)
    ordering.join()
    assert ada.publication.producer_id
    assert server.network.run_until(lambda: server.mixer.counters()["commands"] >= 1_000, limit_s=30)
    assert server.mixer.counters()["commands_stale"] == 0


def test_it_starts_once_and_only_with_workers_that_have_not_started() -> None:
    mixer = MixerThread()
    worker = new_worker(0)
    worker.attach(mixer)
    with pytest.raises(ValueError, match="attached already"):
        worker.attach(mixer)
    mixer.start()
    other = Worker(1, [("127.0.0.1", 0)], certificate=SERVER.certificate, private_key=SERVER.private_key)
    with pytest.raises(RuntimeError, match="before they start"):
        other.attach(mixer)
    with pytest.raises(RuntimeError, match="started before"):
        mixer.start()
    mixer.stop()
    mixer.stop()
    with pytest.raises(RuntimeError, match="started before"):
        mixer.start()
