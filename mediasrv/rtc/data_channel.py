"""Data channels as rooms see them (RFC 8831), whatever speaks SCTP below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Frame = str | bytes
"""A message of a channel: text or binary."""

DEFAULT_SCTP_PORT = 5000
LOCAL_MAX_MESSAGE_SIZE = 65_536
"""What the answer says that we take (RFC 8841 §6); also what no message of ours exceeds."""


@dataclass(frozen=True, slots=True)
class SctpParameters:
    """Of the peer's end: its port, and the largest message that it takes (0: any)."""

    port: int
    max_message_size: int


class DataChannel(Protocol):
    """One channel that the peer has opened. `on_frame` gets what it sends, `on_closed` is called once, at the end."""

    on_frame: Callable[[Frame], None]
    on_closed: Callable[[], None]

    @property
    def label(self) -> str: ...
    @property
    def protocol(self) -> str:
        """The subprotocol that the peer named, or empty."""

    @property
    def is_open(self) -> bool: ...
    def send(self, frame: Frame) -> bool:
        """False: the channel is closed, or more waits in it than it may hold, or the frame is larger than the peer
        takes; then the frame is dropped."""

    def close(self) -> None:
        """Idempotent."""
