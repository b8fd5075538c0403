"""A server that mixes, two workers and a mixing thread in one virtual time, and people who send and take real Opus."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
from mediaplane.testing.mixing import VirtualMixing
from mediaplane.testing.opus import Decoder, Encoder

from scenarios.call import Participant, Slot
from scenarios.joined import Datagrams, JoinedPlanes, PipedProducer, Worker
from scenarios.negotiated import AUDIO_LEVEL, MID, OPUS, OPUS_RECEIVED
from scenarios.network import Network
from scenarios.payloads import Content
from scenarios.peer import Packet
from scenarios.publication import Publication, SentPacket

FRAME, RATE, TICK_US = 960, 48_000, 20_000
MIXER_WORKER = 63
LOUD, SILENT = 20, 127
RED, STEREO_OPUS = 60, 112
CODECS = [(OPUS, "opus", RATE, 0), (STEREO_OPUS, "opus", RATE, 0), (RED, "red", RATE, 0)]
"""What every speaker negotiates."""


class MixingPlanes(JoinedPlanes):
    """The joined planes with a tick every 20 ms."""

    def __init__(self, now_us: int) -> None:
        super().__init__(1 << 18)
        self.mixing = VirtualMixing(now_us)
        for index, plane in enumerate(self.planes):
            plane.attach(self.mixing, index, pipe_bytes=1 << 17)
        self.next_tick_us = now_us
        self.to_skip = 0

    def timeout(self, now_us: int) -> Datagrams:
        while self.next_tick_us <= now_us:
            self.mixing.tick(self.next_tick_us, skipped=self.to_skip > 0)
            self.to_skip -= self.to_skip > 0
            self.next_tick_us += TICK_US
        return super().timeout(now_us)

    def deadline(self) -> int | None:
        others = super().deadline()
        return self.next_tick_us if others is None else min(others, self.next_tick_us)


@cache
def tone(frequency: int, seconds: float = 2.0) -> tuple[bytes, ...]:
    """Opus packets of a tone; the frequency is a multiple of 50 Hz, so that they may be repeated."""
    time = np.arange(round(RATE * seconds)) / RATE
    pcm = (8_000 * np.sin(2 * np.pi * frequency * time)).astype(np.int16)
    encoder = Encoder(music=True, bitrate_bps=64_000)
    return tuple(encoder.encode(pcm[at : at + FRAME].tobytes()) for at in range(0, len(pcm), FRAME))


def red(payload_type: int, earlier: bytes, payload: bytes) -> bytes:
    """A redundant payload: what was sent a frame earlier, and the newest."""
    block = (FRAME << 10 | len(earlier)).to_bytes(3, "big")
    return bytes([0x80 | payload_type]) + block + bytes([payload_type]) + earlier + payload


class Speaker:
    """Sends a tone every 20 ms; others hear it while `level` says that somebody speaks."""

    def __init__(self, participant: Participant, frequency: int, level: int = LOUD) -> None:
        self.payload_type = OPUS
        self.inside_red = False
        """Each packet brings the one before along (RFC 2198)."""
        self.loses = lambda number: False
        self.participant = participant
        self.frequency = frequency
        self.level = level
        self.publication: Publication = participant.publish_audio(start=False, nack=False, codecs=CODECS)
        self.encoding = self.publication.encodings[0]
        self._again()

    def _again(self) -> None:
        number = self.encoding.frame
        packets = tone(self.frequency)
        payload = packets[number % len(packets)]
        payload_type = self.payload_type
        if self.inside_red and number:
            payload = red(payload_type, packets[(number - 1) % len(packets)], payload)
            payload_type = RED
        content = Content(self.encoding.stream, number, 0, 1, self.publication.network.now_us)
        packet = SentPacket(
            content, payload, payload_type, False, self.encoding.timestamp_base + number * FRAME & 0xFFFFFFFF,
            self.encoding.next_index, self.publication.network.now_us, True,
        )  # fmt: skip
        self.encoding.frame += 1
        self.encoding.next_index += 1
        elements = [(MID, self.publication.mid.encode()), (AUDIO_LEVEL, bytes([0x80 | self.level]))]
        if not self.loses(number):
            self.publication.write(packet, self.encoding.ssrc, packet.index, payload_type, payload, elements)
        self.publication.network.after(TICK_US, self._again)


class Listener:
    """A receive slot for sound, and what comes in it."""

    def __init__(self, participant: Participant) -> None:
        self.participant = participant
        self.slot = Slot(participant, "audio", repairs=False)
        self.packets: list[Packet] = []
        participant.peer.tracks[self.slot.track.ssrc] = self.packets.append

    def heard(self, channels: int = 1) -> np.ndarray:
        """All of it decoded, in order."""
        decoder = Decoder(channels)
        pcm = b"".join(decoder.decode(packet.payload) for packet in sorted(self.packets, key=lambda each: each.index))
        return np.frombuffer(pcm, np.int16).reshape(-1, channels)[:, 0].astype(float)

    def assert_continuous(self) -> None:
        """No packet is missing or doubled, in numbers and in time, and each has its 20 ms."""
        for before, after in itertools.pairwise(self.packets):
            assert after.index == before.index + 1
            assert (after.header["timestamp"] - before.header["timestamp"]) & 0xFFFFFFFF == FRAME
            assert after.arrived_us - before.arrived_us == TICK_US


def strength(line: np.ndarray, frequency: int) -> float:
    """Amplitude of a tone in `line`."""
    time = np.arange(len(line)) / RATE
    window = np.hanning(len(line))
    return float(2 * np.abs(np.sum(line * window * np.exp(-2j * np.pi * frequency * time))) / window.sum())


class MixingCall:
    """Two workers whose participants may listen to one mix, `mix_id`."""

    mix_id = 500

    def __init__(self, **settings: object) -> None:
        self.server = MixingPlanes(1_000_000)
        self.network = Network(self.server)  # type: ignore[arg-type]
        ids = itertools.count(1)
        self.workers = tuple(Worker(self.server, index, self.network, ids) for index in range(2))
        self.mixing = self.server.mixing
        self.mixing.open_mix(self.mix_id, **settings)  # type: ignore[arg-type]
        self.ids = ids
        encodings = int(settings.get("talkers", 3)) + 1  # type: ignore[call-overload]
        self.mixes = [PipedProducer("audio", next(ids), self.mix_id, encodings) for _ in self.workers]
        for worker, mix in zip(self.workers, self.mixes, strict=True):
            mix.stand_on(worker.plane, from_worker=MIXER_WORKER)

    def people(self, count: int, worker: int = 0) -> list[Participant]:
        everyone = [self.workers[worker].join() for _ in range(count)]
        self.workers[worker].connect(*everyone)
        return everyone

    def _worker_of(self, participant: Participant) -> int:
        return self.workers.index(participant.call)  # type: ignore[arg-type]

    def speak(self, participant: Participant, frequency: int, level: int = LOUD) -> Speaker:
        """Begin to send, into the mix."""
        speaker = Speaker(participant, frequency, level)
        self.mixing.add_source(
            self.mix_id,
            worker=self._worker_of(participant),
            producer_id=speaker.publication.producer_id,
            transport_id=participant.transport_id,
            opus_payload_types=[OPUS, STEREO_OPUS],
            red_payload_types=[RED],
        )
        return speaker

    def listen(self, participant: Participant) -> Listener:
        listener = Listener(participant)
        self.connect(listener)
        return listener

    def connect(self, listener: Listener) -> None:
        """To the mix, whatever it heard before."""
        mix = self.mixes[self._worker_of(listener.participant)]
        plane = listener.participant.call.plane
        plane.connect_consumer(listener.slot.consumer_id, mix.producer_id, [(111, OPUS_RECEIVED, 0)])
        self.network.do_commands()

    def gate(self, speaker: Speaker, open: bool) -> None:
        speaker.participant.call.plane.gate_producer(speaker.publication.producer_id, open)
        self.network.do_commands()

    def check_nothing_broke(self) -> None:
        for worker in self.workers:
            worker.check_nothing_broke()
