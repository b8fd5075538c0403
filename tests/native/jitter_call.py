"""A sender, a network and a listener around a jitter buffer, in virtual time."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from mediaplane.testing.jitter_buffer import JitterBuffer
from mediaplane.testing.opus import Decoder, Encoder

from bench.speech import speech

FRAME, RATE = 960, 48_000
FRAME_US = 20_000
PATH_US = 30_000
TICK_US = 20_000


@dataclass(frozen=True)
class Packet:
    seq: int
    ts: int
    payload: bytes
    arrival_us: int


@functools.cache
def talk(seconds: float = 10.0, seed: int = 1, **settings: object) -> tuple[bytes, ...]:
    """Speech as Opus packets of 20 ms."""
    pcm = speech(seconds, seed)
    encoder = Encoder(**settings)  # type: ignore[arg-type]
    return tuple(encoder.encode(pcm[at : at + FRAME].tobytes()) for at in range(0, len(pcm), FRAME))


def sent(payloads: Iterable[bytes], *, delays_us: Iterable[float] | None = None, lost: Iterable[int] = (),
         seq: int = 65_500, ts: int = 2**32 - 48_000) -> list[Packet]:  # fmt: skip
    """Numbers begin so that both wrap soon. `delays_us` above the path's own."""
    payloads = list(payloads)
    delays = np.zeros(len(payloads)) if delays_us is None else np.asarray(list(delays_us))
    gone = set(lost)
    packets = [
        Packet(seq + k, ts + k * FRAME, payload, k * FRAME_US + PATH_US + round(delays[k]))
        for k, payload in enumerate(payloads)
        if k not in gone
    ]
    return sorted(packets, key=lambda packet: packet.arrival_us)


@dataclass
class Listener:
    """Fetches a tick every `tick_us`, and remembers it all."""

    buffer: JitterBuffer = field(default_factory=JitterBuffer)
    tick_us: int = TICK_US
    now_us: int = 0
    heard: list[bytes] = field(default_factory=list)
    ticks: list[dict[str, int]] = field(default_factory=list)

    def listen(self, packets: Iterable[Packet], until_us: int | None = None, **insert: int) -> Listener:
        queue = list(packets)
        until_us = queue[-1].arrival_us if until_us is None else until_us
        while self.now_us <= until_us:
            while queue and queue[0].arrival_us <= self.now_us:
                packet = queue.pop(0)
                self.buffer.insert(
                    packet.payload, packet.seq & 0xFFFF, packet.ts & 0xFFFFFFFF, packet.arrival_us, **insert
                )
            self.tick()
        return self

    def tick(self) -> None:
        self.heard.append(self.buffer.pull(self.now_us, self.tick_us * 6 // 125))
        self.ticks.append({**self.buffer.last, "at_us": self.now_us, "delay_us": self.statistics["delay_us"]})
        self.now_us += self.tick_us

    @property
    def statistics(self) -> dict[str, int]:
        return self.buffer.statistics

    @property
    def pcm(self) -> np.ndarray:
        return np.frombuffer(b"".join(self.heard), np.int16)

    @property
    def concealed(self) -> int:
        return sum(tick["concealed"] for tick in self.ticks)


def decoded(payloads: Iterable[bytes]) -> np.ndarray:
    decoder = Decoder()
    return np.frombuffer(b"".join(decoder.decode(payload) for payload in payloads), np.int16)


def steepest(pcm: np.ndarray) -> int:
    return int(np.abs(np.diff(pcm.astype(int))).max())


def loudness_db(pcm: np.ndarray, size: int = FRAME) -> np.ndarray:
    """Of each `size` samples."""
    frames = pcm[: len(pcm) // size * size].reshape(-1, size).astype(float)
    return 10 * np.log10((frames**2).mean(axis=1) + 1)
