"""Shapes of the server's statistics. Counts only grow, from the start of what they count; rates are differences."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from mediasrv.signaling.schema import Id, Seconds, Shape
from mediasrv.signaling.slot_reason import REASONS


class ServerStatistics(Shape):
    """The server as a whole."""

    version: Annotated[str, Meta(description="of mediasrv")]
    started_at: Annotated[Seconds, Meta(description="seconds since the Unix epoch")]
    rooms: Annotated[int, Meta(description="how many are open")]
    participants: Annotated[int, Meta(description="how many are in them")]
    connections: Annotated[
        dict[str, int], Meta(description="control connections by what carries them: `websocket`, `tcp`, `unix`")
    ]
    memory_bytes: Annotated[int, Meta(description="resident memory of the process")]
    cpu_s: Annotated[float, Meta(description="processor time of the process, in seconds")]
    counters: Annotated[dict[str, int], Meta(description="of the control plane, by name; they only grow")]


class WorkerStatistics(Shape):
    """One media worker. `docs/architecture.md` explains the counters."""

    index: Annotated[int, Meta(description="counted from 0")]
    port: Annotated[int, Meta(description="its UDP port")]
    counters: Annotated[dict[str, int], Meta(description="by name; they only grow")]
    gauges: Annotated[
        dict[str, int],
        Meta(description="what it holds now, by name; `cpu_us` is the CPU time of its thread, in microseconds"),
    ]


class EncodingStatistics(Shape):
    """One encoding of a track, as it comes from its publisher."""

    rid: Annotated[str, Meta(description="its name; empty without simulcast")]
    active: Annotated[bool, Meta(description="whether packets of it came lately")]
    packets: Annotated[int, Meta(description="received")]
    octets: Annotated[int, Meta(description="of their payloads")]
    packets_lost: Annotated[int, Meta(description="expected and not received (RFC 3550)")]
    jitter_s: Annotated[float, Meta(description="interarrival jitter (RFC 3550), in seconds")]
    nacked: Annotated[int, Meta(description="packets asked for again")]
    recovered: Annotated[int, Meta(description="packets that came then")]


class HearingStatistics(Shape):
    """A microphone as the mix hears it, a second ago at most. What it repairs is repaired for the mix alone."""

    target_delay_s: Annotated[
        float, Meta(description="how long packets are kept back on purpose, beyond the quickest, in seconds")
    ]
    delay_s: Annotated[float, Meta(description="how long what is heard now was kept back, likewise")]
    packets: Annotated[int, Meta(description="that came to the mix")]
    late: Annotated[int, Meta(description="of those: too late to be heard")]
    red_recovered: Annotated[int, Meta(description="lost packets that came inside later ones (RFC 2198)")]
    fec_recovered: Annotated[int, Meta(description="lost packets restored by Opus's in-band FEC")]
    played_s: Annotated[float, Meta(description="sound that was played as it was sent, in seconds")]
    concealed_s: Annotated[float, Meta(description="sound that was missing and made up, in seconds")]
    removed_s: Annotated[float, Meta(description="sound left out to shorten the delay, in seconds")]
    added_s: Annotated[float, Meta(description="sound stretched to lengthen the delay, in seconds")]


class TrackStatistics(Shape):
    """What a participant publishes."""

    track_id: Annotated[Id, Meta(description="the track")]
    encodings: Annotated[list[EncodingStatistics], Meta(description="lowest quality first")]
    hearing: Annotated[
        HearingStatistics | None,
        Meta(description="a microphone as the mix of the room hears it; null: the mix does not decode it now"),
    ] = None


class SlotStatistics(Shape):
    """What a participant receives in a slot."""

    mid: Annotated[str, Meta(description="the receive slot")]
    track_id: Annotated[Id | None, Meta(description="the track that it shows; null: none")]
    rid: Annotated[str | None, Meta(description="the encoding that is forwarded; null: none yet")]
    target_rid: Annotated[str | None, Meta(description="the encoding that it is about to change to, or shows already")]
    why: Annotated[str, Meta(description=f"why it is that one: {', '.join(f'`{word}`' for word in REASONS)}")]
    packets: Annotated[int, Meta(description="sent")]
    octets: Annotated[int, Meta(description="of their payloads")]
    retransmitted_packets: Annotated[int, Meta(description="sent again")]
    fraction_lost: Annotated[float, Meta(description="from 0 to 1, in the receiver's last report")]


class ParticipantStatistics(Shape):
    """The media of one participant."""

    participant_id: Annotated[Id, Meta(description="who")]
    rtt_s: Annotated[float | None, Meta(description="round-trip time to it, in seconds; null: not known")]
    tracks: Annotated[list[TrackStatistics], Meta(description="what it publishes")]
    slots: Annotated[list[SlotStatistics], Meta(description="what it receives")]


EXAMPLE_SERVER = ServerStatistics(
    version="0.1.0",
    started_at=1767222000.0,
    rooms=1,
    participants=2,
    connections={"websocket": 2, "tcp": 0, "unix": 1},
    memory_bytes=81_264_640,
    cpu_s=73.4,
    counters={"events": 1832, "requests": 20114},
)
EXAMPLE_WORKER = WorkerStatistics(
    index=0,
    port=7882,
    counters={"rtp_received": 918_223, "rtp_forwarded": 917_990},
    gauges={"transports": 2, "cpu_us": 73_400_000},
)


def example_participant(participant_id: str, track_id: str) -> ParticipantStatistics:
    encoding = EncodingStatistics(
        rid="h", active=True, packets=9_120, octets=7_840_500, packets_lost=3, jitter_s=0.004, nacked=5, recovered=5
    )
    slot = SlotStatistics(
        mid="1",
        track_id=track_id,
        rid="h",
        target_rid="h",
        why="asked",
        packets=9_117,
        octets=7_838_100,
        retransmitted_packets=12,
        fraction_lost=0.004,
    )
    tracks = [TrackStatistics(track_id=track_id, encodings=[encoding], hearing=None)]
    return ParticipantStatistics(participant_id=participant_id, rtt_s=0.018, tracks=tracks, slots=[slot])
