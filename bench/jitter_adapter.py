"""Both buffers in the shape of a judgement of jitter buffers, thin over the real ones. Times in milliseconds.

`Audio`: insert(now_ms, seq16, ts32), pull(now_ms). It is the whole buffer, with Opus and sound: whether speed can be
changed now depends on what is being said. The packets carry made-up speech. One tick has one word for all of it, "play"
or "conceal", so what is concealed for a part of a tick is carried on until it is half a tick or more; over time the sum
is right.

`Video`: the frame assembler; insert and poll give back timestamps.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from mediaplane.testing.jitter_buffer import JitterBuffer
from mediaplane.testing.opus import Encoder
from mediaplane.testing.video import FrameAssembler

FRAME = 960
SECONDS = 30
FIRST_ROUND = 1 << 16  # so that no number becomes negative


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


class Video:
    """The first frame is a keyframe, and so is the first one after a request."""

    def __init__(self) -> None:
        self._assembler = FrameAssembler()
        self._highest = -1
        self._keyframe_at: int | None = None
        self._keyframe_due = True
        self.keyframe_requests = 0

    def insert(self, now: float, seq: int, ts: int, marker: bool) -> list[int]:
        now_us = round(now * 1000)
        if self._keyframe_due and (self._keyframe_at is None or ts > self._keyframe_at):
            self._keyframe_at, self._keyframe_due = ts, False
        self._assembler.insert(self._unwrap(seq), ts, marker, now_us, keyframe=ts == self._keyframe_at)
        return self._take(now_us)

    def poll(self, now: float) -> list[int]:
        return self._take(round(now * 1000))

    def _take(self, now_us: int) -> list[int]:
        frames = [timestamp for _, _, timestamp, _, _ in self._assembler.take(now_us)]
        if self._assembler.take_keyframe_request():
            self.keyframe_requests += 1
            self._keyframe_due = True
        return frames

    def _unwrap(self, seq: int) -> int:
        if self._highest < 0:
            self._highest = FIRST_ROUND + seq
            return self._highest
        seq64 = self._highest + ((seq - self._highest + 0x8000) & 0xFFFF) - 0x8000
        self._highest = max(self._highest, seq64)
        return seq64
