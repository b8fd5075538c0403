"""A server that is being stopped: calls go on until a deadline, and nobody new comes in."""

from __future__ import annotations

from dataclasses import dataclass

from mediasrv.rooms.errors import RoomError


@dataclass(frozen=True, slots=True)
class Draining:
    """`until`: when everybody has to leave, in seconds since the Unix epoch. `reconnect_url`: where to go on; empty:
    nowhere that is known."""

    until: float
    reconnect_url: str = ""

    def refusal(self) -> RoomError:
        """What somebody is told who would come in."""
        where = f"join at {self.reconnect_url}" if self.reconnect_url else "join again when it runs"
        return RoomError(
            "server_draining",
            f"the server is being stopped and takes nobody new: {where}",
            {"reconnect_url": self.reconnect_url, "until": self.until},
        )
