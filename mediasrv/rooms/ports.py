"""What rooms need of the world: the shapes of a media connection and of a token's grant.

The `rtc` package and the token verifier fulfil these; tests put fakes in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from mediasrv.rooms.grants import Terms
from mediasrv.rooms.permissions import Permission
from mediasrv.rtc.events import PeerEvent
from mediasrv.rtc.mix import MixSettings
from mediasrv.rtc.statistics import PeerStatistics


class Grant(Protocol):
    """What a valid token says."""

    @property
    def identity(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def room(self) -> str: ...
    @property
    def permissions(self) -> Permission:
        """The flags that it grants at this moment."""

    @property
    def grants(self) -> Terms:
        """What it says of flags, and until when."""

    @property
    def metadata(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...
    @property
    def expires_at(self) -> float: ...
    @property
    def admin(self) -> bool:
        """For a control session, and no room."""


class Producer(Protocol):
    """One incoming RTP source of a peer connection, with all its simulcast encodings."""

    @property
    def mid(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def codec_names(self) -> Sequence[str]: ...
    @property
    def rids(self) -> Sequence[str]:
        """The simulcast encodings, lowest quality first; empty or `[""]` without simulcast."""

    @property
    def closed(self) -> bool: ...

    def set_open(self, open: bool, /) -> None:
        """Let its packets through, or drop them."""


class ReceiveSlot(Protocol):
    """A receiving m-line whose source can be switched without renegotiation."""

    @property
    def mid(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def closed(self) -> bool: ...

    # Any: a slot of one implementation takes only producers of the same one.
    def can_receive(self, producer: Any, /) -> bool: ...
    def connect(self, producer: Any, /) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def set_allowed(self, allowed: bool, /) -> None: ...
    def select_encoding(self, rid: str | None, /) -> None:
        """Forward the encoding `rid`; None is the highest that is alive."""


class AudioMix(Protocol):
    """A mix of microphones. Whoever is in it does not hear themself."""

    @property
    def producer(self) -> Producer:
        """What receive slots connect to."""

    # Any: as with slots.
    def add(self, producer: Any, /) -> None: ...
    def remove(self, producer: Any, /) -> None: ...
    def set(self, settings: MixSettings, /) -> None: ...
    def close(self) -> None: ...


class OfferedTrack(Protocol):
    """A sending m-line of an offer."""

    @property
    def mid(self) -> str: ...
    @property
    def kind(self) -> str: ...


class Answer(Protocol):
    """What an offer led to."""

    @property
    def sdp(self) -> str: ...
    @property
    def added(self) -> Sequence[Producer]: ...
    @property
    def removed(self) -> Sequence[Producer]: ...
    @property
    def added_slots(self) -> Sequence[ReceiveSlot]: ...
    @property
    def removed_slots(self) -> Sequence[ReceiveSlot]: ...
    @property
    def refused(self) -> Mapping[str, str]: ...


class PeerConnection(Protocol):
    """The one media connection of a participant."""

    @property
    def producers(self) -> Mapping[str, Producer]: ...
    @property
    def slots(self) -> Mapping[str, ReceiveSlot]: ...

    def answer(self, offer: str, *, authorise: Callable[[OfferedTrack], str | None]) -> Answer:
        """Answer `offer`. Raises `NegotiationError` when it can't be answered; then nothing has changed."""

    def apply_policy(self) -> None:
        """Have the room's rules, which have changed, hold for those who send already, as far as that takes no offer."""

    async def statistics(self) -> PeerStatistics | None:
        """What has been counted of it; None if there is nothing, or nothing any more."""

    def restart_ice(self, remote: Any, /) -> Any:
        """Our new ICE credentials for the remote's (RFC 8840). Raises `NegotiationError`."""

    def close(self) -> None: ...


PeerObserver = Callable[[PeerEvent], None]
