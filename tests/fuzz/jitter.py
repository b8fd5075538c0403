"""A jitter buffer under a sender that lies about everything, and an honest one beside it."""

from __future__ import annotations

import functools
import random

from mediaplane.testing.jitter_buffer import JitterBuffer
from mediaplane.testing.opus import Encoder

from bench.speech import FRAME, speech

MOST_WAITING = 256
MOST_READY = 5_760 + 4 * 960


@functools.cache
def payloads() -> list[bytes]:
    """Valid Opus of several kinds."""
    pcm = speech(2)
    made = []
    for samples, settings in [(960, {}), (960, {"fec": True, "expected_loss": 20}), (2_880, {}), (120, {})]:
        encoder = Encoder(**settings)  # type: ignore[arg-type]
        made += [encoder.encode(pcm[at : at + samples].tobytes()) for at in range(0, FRAME * 30, samples)]
    return made


class Liar:
    """Sequence numbers, timestamps, sizes, RED lengths and Opus that lie; ticks that come late."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.channels = self.chance.choice([1, 2])
        self.buffer = JitterBuffer(self.channels, red_payload_type=63)
        self.now_us = self.chance.choice([0, 10**9, 10**15])
        self.seq = self.chance.randrange(65_536)
        self.ts = self.chance.randrange(2**32)
        self.place = 0
        self.fetched = 0

    def payload(self) -> bytes:
        chance = self.chance
        data = bytearray(chance.choice(payloads()))
        kind = chance.randrange(8)
        if kind == 0:
            data = bytearray(chance.randbytes(chance.randrange(0, 1_500)))
        elif kind == 1 and data:
            data[chance.randrange(min(len(data), 4))] = chance.randrange(256)
        elif kind == 2:
            del data[chance.randrange(len(data) + 1) :]
        elif kind == 3:
            data = data[:1]  # DTX
        return bytes(data)

    def red(self) -> bytes:
        chance = self.chance
        blocks = [self.payload()[: chance.choice([0, 50, 1_023])] for _ in range(chance.randrange(0, 9))]
        heads = b"".join(
            bytes([0x80 | chance.choice([111, 111, 63, 5])])
            + (chance.choice([960, 1_920, 0, 16_383]) << 10 | (len(block) + chance.choice([0, 0, 0, 7, -1])) & 0x3FF)
            .to_bytes(3, "big")
            for block in blocks
        )  # fmt: skip
        return heads + bytes([111]) + b"".join(blocks) + self.payload()

    def step(self) -> None:
        chance = self.chance
        for _ in range(chance.choice([0, 1, 1, 1, 2, 5, 40, 400])):
            move = chance.choice([1, 1, 1, 1, 0, -1, 2, 30, 600, -600])
            self.seq += move
            self.ts += move * FRAME + chance.choice([0, 0, 0, 0, 1, -7, 48_000, -48_000, 2**31])
            kind, data = (
                (63, self.red()) if chance.random() < 0.3 else (chance.choice([111, 111, 111, 5]), self.payload())
            )
            ssrc = 1 if chance.random() < 0.995 else 2
            self.buffer.insert(data, self.seq & 0xFFFF, self.ts & 0xFFFFFFFF, self.now_us, payload_type=kind, ssrc=ssrc)
        samples = chance.choice([480, 960, 960, 120, 1, 441])
        if chance.random() < 0.1:
            self.buffer.skip(self.now_us, samples)
        else:
            assert len(self.buffer.pull(self.now_us, samples)) == 2 * self.channels * samples
        self.fetched += samples
        self.now_us += chance.choice(
            [samples * 125 // 6, samples * 125 // 6, samples * 125 // 6, 0, 200_000, 5_000_000]
        )
        self.check()

    def check(self) -> None:
        waiting, ready = self.buffer.waiting
        assert waiting <= MOST_WAITING
        assert ready <= MOST_READY
        tick = self.buffer.last
        assert tick["to_ts64"] >= self.place, "places never go back"
        self.place = tick["to_ts64"]
        statistics = self.buffer.statistics
        assert statistics["played"] + statistics["concealed"] + statistics["silent"] == self.fetched


def liar(seed: int) -> None:
    story = Liar(seed)
    for _ in range(300):
        story.step()
