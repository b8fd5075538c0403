"""What workers report, one frozen dataclass per event. Ids are those the control plane chose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TransportConnected:
    """DTLS is done and the peer's certificate is the one of its SDP."""

    transport_id: int
    srtp_profile: int
    """Protection profile as in the IANA registry of DTLS-SRTP (RFC 5764 §4.1.2)."""


@dataclass(frozen=True, slots=True)
class TransportTuple:
    """The peer's address: the first one, and every switch to another."""

    transport_id: int
    remote_ip: str
    remote_port: int


@dataclass(frozen=True, slots=True)
class TransportClosed:
    """The transport has ended; exactly one for each that was created.

    Reasons: `closed` (by us), `peer_closed`, `consent_expired`, `fingerprint_mismatch`, `dtls_failed`,
    `connect_timeout`, `no_memory`.
    """

    transport_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class EncodingChanged:
    """A consumer now forwards another of its producer's encodings (an index, lowest quality first)."""

    consumer_id: int
    encoding: int


@dataclass(frozen=True, slots=True)
class ProducerActive:
    """The first packet of an encoding came."""

    producer_id: int
    encoding: int


@dataclass(frozen=True, slots=True)
class ProducerBye:
    """The sender said by RTCP BYE that it stopped (RFC 3550 §6.6)."""

    producer_id: int


@dataclass(frozen=True, slots=True)
class DtlsData:
    transport_id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class AudioLevel:
    """Loudness from the audio level extension (RFC 6464): 0 is the loudest, 127 silence; at most 5 a second."""

    producer_id: int
    level_dbov: int
    voice: bool


@dataclass(frozen=True, slots=True)
class SpeakerScores:
    """One of those who speak. The first three are log-likelihoods of speech in thousandths, over 20 ms, 100 ms and a
    second; `activity` is its smoothed loudness above its own noise, in dB * 64."""

    producer_id: int
    immediate: int
    medium: int
    long_term: int
    activity: int


@dataclass(frozen=True, slots=True)
class Speakers:
    """Who speaks in a speaker group: the producers, the loudest first, and the one that has the floor, or 0.

    At most 10 a second, when the order or who has the floor has changed; with refreshed scores twice a second where
    that was asked for.
    """

    group_id: int
    dominant_id: int
    ranking: Sequence[SpeakerScores]


@dataclass(frozen=True, slots=True)
class Stats:
    """The answer to the request that carried the token."""

    token: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventsLost:
    """The event ring was full; counted since the start."""

    count: int


@dataclass(frozen=True, slots=True)
class WorkerFailed:
    """The worker's thread ended; nothing more will come from it."""

    reason: str


TransportEvent = TransportConnected | TransportTuple | TransportClosed | DtlsData
ProducerEvent = ProducerActive | ProducerBye | AudioLevel
ConsumerEvent = EncodingChanged
WorkerEvent = Speakers | Stats | EventsLost | WorkerFailed
MediaEvent = TransportEvent | ProducerEvent | ConsumerEvent | WorkerEvent


def _speakers(group_id: int, dominant_id: int, ranking: Sequence[tuple[int, int, int, int, int]]) -> Speakers:
    return Speakers(group_id, dominant_id, tuple(SpeakerScores(*scores) for scores in ranking))


_BY_NAME: dict[str, Callable[..., MediaEvent]] = {
    "transport_connected": TransportConnected,
    "transport_tuple": TransportTuple,
    "transport_closed": TransportClosed,
    "encoding_changed": EncodingChanged,
    "producer_active": ProducerActive,
    "producer_bye": ProducerBye,
    "dtls_data": DtlsData,
    "audio_level": AudioLevel,
    "speakers": _speakers,
    "stats": Stats,
    "events_lost": EventsLost,
    "worker_failed": WorkerFailed,
}


def from_native(record: tuple[Any, ...]) -> MediaEvent | None:
    """The event of a record from `poll_events`; None if this version does not know its name."""
    build = _BY_NAME.get(record[0])
    return build(*record[1:]) if build is not None else None
