"""The jitter buffer behind the interface of the trace judge: `insert(now_ms, seq16, ts32)`, `pull(now_ms)`.

It is the whole buffer, with Opus and sound: whether speed can be changed now depends on what is being said. The packets
carry made-up speech. One tick has one word for all of it ("play" or "conceal"), so what is concealed for a part of a
tick is carried on until it is half a tick or more; over time the sum is right.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from mediaplane.testing.jitter_buffer import JitterBuffer
from mediaplane.testing.opus import Encoder

FRAME = 960
SECONDS = 30


@functools.cache
def packets() -> list[bytes]:
    sys.path.append(str(Path(__file__).resolve().parents[1]))  # wherever the judge was started
    from bench.speech import speech

    pcm = speech(SECONDS)
    encoder = Encoder(bitrate_bps=32_000)
    return [encoder.encode(pcm[at : at + FRAME].tobytes()) for at in range(0, len(pcm), FRAME)]


class Audio:
    def __init__(self, tick_ms: float) -> None:
        self.samples = round(tick_ms * 48)
        self.buffer = JitterBuffer()
        self.packets = packets()
        self.origin: int | None = None  # the buffer's own count of timestamps begins elsewhere
        self.first_ts = 0
        self.concealed = 0
        self.begins: int | None = None  # of what was played in ticks that were called concealed
        self.end = 0

    def insert(self, now_ms: float, seq16: int, ts32: int) -> None:
        if self.origin is None:
            self.first_ts = ts32
        self.buffer.insert(self.packets[ts32 // FRAME % len(self.packets)], seq16, ts32, round(now_ms * 1000))

    def pull(self, now_ms: float) -> tuple[str, int, int]:
        self.buffer.pull(round(now_ms * 1000), self.samples)
        tick = self.buffer.last
        if self.origin is None:
            if not tick["started"]:
                return "idle", 0, 0
            self.origin = tick["from_ts64"] - self.first_ts
        begin, end = tick["from_ts64"] - self.origin, tick["to_ts64"] - self.origin
        if self.begins is None or begin != self.end:
            self.begins = begin
        self.end = end
        self.concealed += tick["concealed"] + tick["silent"]
        if 2 * self.concealed >= self.samples:
            self.concealed -= self.samples
            return "conceal", 0, 0
        begin, self.begins = self.begins, None
        return "play", begin, end
