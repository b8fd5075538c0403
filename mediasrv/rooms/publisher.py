"""Delivery of room events: one order for everybody."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from mediasrv.rooms.events import RoomEvent, RoomListener

_log = structlog.get_logger("rooms")


class Audience(Protocol):
    """Somebody who may be listening at the moment of delivery."""

    def listener_of(self, event: RoomEvent, /) -> RoomListener | None:
        """Who takes `event`, if anybody does."""


class Publisher:
    """Hands each event to the observers and to its audience.

    An event that a listener causes waits until the current one has reached everybody, so all see the same order. A
    listener that raises is logged and doesn't keep the event from the others.
    """

    def __init__(self) -> None:
        self._observers: list[RoomListener] = []
        self._pending: deque[tuple[RoomEvent, tuple[Audience, ...]]] = deque()
        self._delivering = False

    def observe(self, observer: RoomListener) -> Callable[[], None]:
        """Let `observer` have every event of every room from now on. Returns what ends that."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def publish(self, event: RoomEvent, audience: Iterable[Audience]) -> None:
        self._pending.append((event, tuple(audience)))
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._pending:
                self._deliver(*self._pending.popleft())
        finally:
            self._delivering = False

    def _deliver(self, event: RoomEvent, audience: tuple[Audience, ...]) -> None:
        for observer in tuple(self._observers):
            _call(observer, event)
        for member in audience:
            listener = member.listener_of(event)
            if listener is not None:
                _call(listener, event)


def _call(listener: RoomListener, event: RoomEvent) -> None:
    try:
        listener(event)
    except Exception:
        _log.exception("a listener failed", room=event.room, room_event=type(event).__name__)
