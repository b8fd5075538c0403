"""The frame assembler in the shape of a judgement of video jitter buffers: insert and poll give back timestamps."""

from __future__ import annotations

from mediaplane.testing.video import FrameAssembler

FIRST_ROUND = 1 << 16  # so that no number becomes negative


class Video:
    """Times in milliseconds. The first frame is a keyframe, and so is the first one after a request."""

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
