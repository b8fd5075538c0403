"""Ways on which one participant gets messages, besides its signaling connection."""

from __future__ import annotations

from mediasrv.rooms.events import MessageDelivered, MessageSent, RoomEvent, RoomListener


class MessageRoutes:
    """The latest way of each kind counts, while it is open; one that is not reliable takes what need not arrive."""

    __slots__ = ("_routes",)

    def __init__(self) -> None:
        self._routes: list[tuple[RoomListener, bool]] = []

    def __bool__(self) -> bool:
        """Whether a message can go out on one of them."""
        return bool(self._routes)

    def open(self, listener: RoomListener, *, reliable: bool) -> None:
        self._routes.append((listener, reliable))

    def close(self, listener: RoomListener) -> None:
        """Idempotent."""
        self._routes = [route for route in self._routes if route[0] != listener]

    def of(self, event: RoomEvent, signaling: RoomListener | None) -> RoomListener | None:
        """Who takes `event`: one of these, `signaling`, or None if there is nobody."""
        if not self._routes or not isinstance(event, MessageSent | MessageDelivered):
            return signaling
        latest = {reliable: listener for listener, reliable in self._routes}
        if isinstance(event, MessageSent) and not event.reliable:
            return latest.get(False) or latest.get(True) or signaling
        return latest.get(True) or signaling or latest.get(False)
