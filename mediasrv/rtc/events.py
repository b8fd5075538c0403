"""What a peer connection tells its observer."""

from __future__ import annotations

from dataclasses import dataclass

from mediasrv.rtc.data_channel import DataChannel


@dataclass(frozen=True, slots=True)
class Connected:
    """ICE and DTLS are done; media flows."""


@dataclass(frozen=True, slots=True)
class TupleChanged:
    """The peer's address, first or new."""

    remote_ip: str
    remote_port: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The end, exactly once. Reasons are those of `mediasrv.media.events.TransportClosed`."""

    reason: str


@dataclass(frozen=True, slots=True)
class EncodingChanged:
    """A receive slot forwards another encoding; `rid` is empty for a source that has but one."""

    mid: str
    rid: str


@dataclass(frozen=True, slots=True)
class ProducerActive:
    """The first packet of an encoding came; `rid` is empty for a source that has but one."""

    mid: str
    rid: str


@dataclass(frozen=True, slots=True)
class ProducerBye:
    mid: str


@dataclass(frozen=True, slots=True)
class AudioLevel:
    """0 is the loudest, 127 silence (RFC 6464)."""

    mid: str
    level: int
    voice: bool


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """The peer has opened a data channel."""

    channel: DataChannel


PeerEvent = (
    Connected | TupleChanged | Closed | EncodingChanged | ProducerActive | ProducerBye | AudioLevel | ChannelOpened
)
