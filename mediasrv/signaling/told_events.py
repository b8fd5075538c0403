"""What clients are told of an event: many are told of the same one after the other, so it is encoded once."""

from __future__ import annotations

from mediasrv.rooms.events import RoomEvent
from mediasrv.signaling import codec
from mediasrv.signaling.codec import Frame
from mediasrv.signaling.notifications import METHOD_OF, notification_of


class ToldEvents:
    """Remembers the frames of the last event alone."""

    def __init__(self) -> None:
        self._event: RoomEvent | None = None
        self._frames: dict[bool, Frame | None] = {}

    def frame(self, event: RoomEvent, *, text: bool) -> Frame | None:
        """The notification, as JSON if `text`, else as MessagePack; None: nothing is told of it."""
        if event is not self._event:
            self._event, self._frames = event, {}
        if text not in self._frames:
            told = notification_of(event)
            self._frames[text] = (
                None if told is None else codec.encode_notification(METHOD_OF[type(told)], told, text=text)
            )
        return self._frames[text]


TOLD = ToldEvents()
"""Of all sessions: they are on one thread, and an event reaches everybody before the next one."""
