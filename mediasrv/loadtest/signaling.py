"""How synthetic participants get into a server, whatever protocol that speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mediasrv.loadtest.answer import Negotiated
from mediasrv.loadtest.offer import Sending
from mediasrv.loadtest.scenario import Kind


class Signaling(Protocol):
    """Each call is one participant, `identity`, of `room`. All raise `LoadTestError`."""

    own_tracks_return: bool
    """A participant who publishes and receives gets its own tracks too: for the server it is two people."""

    async def publish(self, room: str, identity: str, sends: Sequence[Sending]) -> Negotiated: ...

    async def subscribe(self, room: str, identity: str, kinds: Sequence[Kind]) -> Negotiated:
        """`kinds`: of the m-lines that shall be received."""

    async def join(
        self, room: str, identity: str, sends: Sequence[Sending], kinds: Sequence[Kind]
    ) -> Sequence[Negotiated]:
        """Publish and receive; the peer connections that takes."""

    async def close(self) -> None:
        """Tell the server that all of them leave."""
