"""What the media plane has counted of one peer connection, by mid and rid instead of by the plane's own numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mediasrv.media.handles import ProducerHandle
from mediasrv.rtc.producer import Producer
from mediasrv.rtc.receive_slot import ReceiveSlot

OPUS_CLOCK_RATE = 48_000


@dataclass(frozen=True, slots=True)
class EncodingStatistics:
    """One encoding as it comes from the peer. `jitter_s` is RFC 3550's; `rid` is empty without simulcast."""

    rid: str
    active: bool
    packets: int
    octets: int
    packets_lost: int
    jitter_s: float
    nacked: int
    recovered: int


@dataclass(frozen=True, slots=True)
class SlotStatistics:
    """What goes to the peer in one slot. `rid` is the encoding that is forwarded, None if nothing is; `asked_rid` the
    one that the peer asked for, None if it takes the highest."""

    mid: str
    rid: str | None
    target_rid: str | None
    asked_rid: str | None
    paused: bool
    allowed: bool
    packets: int
    octets: int
    retransmitted_packets: int
    fraction_lost: float


@dataclass(frozen=True, slots=True)
class HearingStatistics:
    """A microphone as the mix hears it, from its jitter buffer. Delays are above those of a packet that met no queue;
    `removed_s` and `added_s` are sound that was left out or repeated, so that the delay becomes the target."""

    target_delay_s: float
    delay_s: float
    packets: int
    late: int
    red_recovered: int
    fec_recovered: int
    played_s: float
    concealed_s: float
    removed_s: float
    added_s: float


@dataclass(frozen=True, slots=True)
class PeerStatistics:
    """`encodings` by the mid of their m-line, lowest quality first; `rtt_s` is None while it is not known; `hearing` of
    those microphones that are decoded, by mid."""

    rtt_s: float | None
    encodings: Mapping[str, Sequence[EncodingStatistics]]
    slots: Sequence[SlotStatistics]
    hearing: Mapping[str, HearingStatistics] = field(default_factory=dict)


def peer_statistics(
    counted: Mapping[str, Any], producers: Iterable[Producer], slots: Iterable[ReceiveSlot]
) -> PeerStatistics:
    """`counted` is the media plane's snapshot of the transport. What was closed since is left out."""
    rtt_us = counted["rtt_us"]
    by_id = {producer.id: producer for producer in producers if producer.id}
    encodings: dict[str, list[EncodingStatistics]] = {producer.mid: [] for producer in by_id.values()}
    for each in sorted(counted["encodings"], key=lambda each: int(each["encoding"])):
        producer = by_id.get(each["producer_id"])
        if producer is not None:
            encodings[producer.mid].append(_encoding(producer, each))
    consumers = {each["consumer_id"]: each for each in counted["consumers"]}
    return PeerStatistics(
        rtt_s=None if rtt_us is None else rtt_us / 1e6,
        encodings=encodings,
        slots=[_slot(slot, consumers[slot.handle.id]) for slot in slots if slot.handle and slot.handle.id in consumers],
        hearing={mid: heard for mid, heard in _hearing(by_id.values()) if heard is not None},
    )


def _hearing(producers: Iterable[Producer]) -> Iterator[tuple[str, HearingStatistics | None]]:
    for producer in producers:
        handle = producer.handle
        if isinstance(handle, ProducerHandle) and handle.mix is not None:
            counted = handle.mix.statistics_of(handle)
            yield producer.mid, None if counted is None else _heard(counted)


def _heard(counted: Mapping[str, int]) -> HearingStatistics:
    return HearingStatistics(
        target_delay_s=counted["target_us"] / 1e6,
        delay_s=counted["delay_us"] / 1e6,
        packets=counted["packets"],
        late=counted["late"],
        red_recovered=counted["red_recovered"],
        fec_recovered=counted["fec_recovered"],
        played_s=counted["played"] / OPUS_CLOCK_RATE,
        concealed_s=counted["concealed"] / OPUS_CLOCK_RATE,
        removed_s=counted["removed"] / OPUS_CLOCK_RATE,
        added_s=counted["added"] / OPUS_CLOCK_RATE,
    )


def _encoding(producer: Producer, counted: Mapping[str, Any]) -> EncodingStatistics:
    clock_rate = producer.parameters.codecs[0].format.clock_rate  # jitter is in units of the RTP clock
    return EncodingStatistics(
        rid=producer.rid_of(counted["encoding"]),
        active=counted["active"],
        packets=counted["packets"],
        octets=counted["octets"],
        packets_lost=counted["packets_lost"],
        jitter_s=counted["jitter"] / clock_rate,
        nacked=counted["nacked"],
        recovered=counted["recovered"],
    )


def _slot(slot: ReceiveSlot, counted: Mapping[str, Any]) -> SlotStatistics:
    source = slot.producer

    def rid(encoding: int | None) -> str | None:
        return None if encoding is None or source is None else source.rid_of(encoding)

    return SlotStatistics(
        mid=slot.mid,
        rid=rid(counted["encoding"]),
        target_rid=rid(counted["target_encoding"]),
        asked_rid=slot.asked_rid,
        paused=slot.paused,
        allowed=slot.allowed,
        packets=counted["packets"],
        octets=counted["octets"],
        retransmitted_packets=counted["retransmitted_packets"],
        fraction_lost=counted["fraction_lost"],
    )
