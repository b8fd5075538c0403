"""What a session needs of whatever carries its frames, and how patient carriers are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mediasrv.signaling.codec import Frame

IDLE_S = 300.0
"""A TCP connection on which nothing comes for so long is closed: its other end may have gone without a word."""
FRAME_TIMEOUT_S = 30.0
"""So long may a frame take from its first to its last byte."""

Send = Callable[[Frame], bool]
"""Queues a frame and returns at once. False: too many wait and it was not taken; the next one is, in their place."""
Close = Callable[[], None]
"""Closes the connection after what was sent."""


class CarriedSession(Protocol):
    """One client's side of the control protocol, as what carries it sees it."""

    @property
    def frame_limit(self) -> int:
        """The bytes that a frame may have now."""

    def feed(self, frame: Frame) -> None:
        """Take a frame: bytes are MessagePack, text is JSON."""

    def drained(self) -> None:
        """All that was sent is on its way."""

    def end(self, reason: str, message: str | None = None) -> None:
        """Say why, and close."""

    def closed(self) -> None:
        """The connection has gone; called exactly once."""
