"""What load is made: rooms, who is in them, and what they send."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

from mediasrv.loadtest.errors import ScenarioError

Kind = Literal["audio", "video"]
Pacing = Literal["burst", "spread"]
Cut = Literal["equal", "full"]
Profile = Literal["gcm-128", "gcm-256", "cm-sha1"]
Growth = Literal["subscribers", "rooms"]

MAX_STREAMS = 128  # that one synthetic peer receives
FRAME_MIN_BYTES = 80
# Simulcast as a browser sends 720p: rid and share of the highest encoding's bitrate, lowest first.
ENCODINGS = (("q", 0.1), ("h", 1 / 3), ("f", 1.0))


@dataclass(frozen=True, slots=True)
class Scenario:
    """`rooms` rooms of `publishers` and `subscribers`, or of `participants` who publish to each other.

    `video_kbps` is that of each publisher, with `simulcast` of its highest encoding; 0: no video. `srtp_profile` None:
    the server chooses. Raises `ScenarioError`.
    """

    rooms: int = 1
    publishers: int = 1
    subscribers: int = 1
    participants: int = 0
    audio: bool = True
    video_kbps: int = 1500
    fps: float = 30.0
    simulcast: bool = False
    pacing: Pacing = "burst"
    packets: Cut = "equal"
    srtp_profile: Profile | None = None

    def __post_init__(self) -> None:
        if self.rooms < 1:
            raise ScenarioError("there must be a room at least (--rooms)")
        if self.participants == 1 or self.participants < 0:
            raise ScenarioError("one participant alone has nobody to send to: give --participants 2 or more")
        if not self.all_to_all and (self.publishers < 1 or self.subscribers < 1):
            raise ScenarioError("a room has a publisher and a subscriber at least (--publishers, --subscribers)")
        if not self.kinds:
            raise ScenarioError("neither audio nor video is left to send: give --video-kbps, or leave out --no-audio")
        if self.fps <= 0 or self.video_kbps < 0:
            raise ScenarioError("frame rate and bitrate are above zero")
        if self.video_kbps and self.lowest_frame_bytes < FRAME_MIN_BYTES:
            what = "the lowest simulcast encoding" if self.simulcast else "video"
            raise ScenarioError(
                f"--video-kbps {self.video_kbps} at {self.fps:g} frames a second leaves {what} "
                f"{self.lowest_frame_bytes:.0f} bytes a frame; it takes {FRAME_MIN_BYTES} at least"
            )
        if self.streams > MAX_STREAMS:
            raise ScenarioError(
                f"everybody would receive {self.streams} streams; a synthetic peer takes {MAX_STREAMS}: "
                "let fewer publish in a room"
            )

    @property
    def all_to_all(self) -> bool:
        return self.participants > 0

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What each publisher sends, an m-line each."""
        kinds: tuple[Kind, ...] = ("audio",) if self.audio else ()
        return (*kinds, "video") if self.video_kbps else kinds

    @property
    def encodings(self) -> tuple[tuple[str, int], ...]:
        """(rid, bit/s) of what a publisher's video is sent as, lowest first."""
        if not self.simulcast:
            return (("", self.video_kbps * 1000),)
        return tuple((rid, round(self.video_kbps * 1000 * share)) for rid, share in ENCODINGS)

    @property
    def lowest_frame_bytes(self) -> float:
        return self.encodings[0][1] / 8 / self.fps

    @property
    def streams(self) -> int:
        """What each receiver gets."""
        return len(self.kinds) * (self.participants - 1 if self.all_to_all else self.publishers)

    @property
    def people(self) -> int:
        """In all rooms."""
        return self.rooms * (self.participants or self.publishers + self.subscribers)

    def grown_to(self, growth: Growth, count: int) -> Self:
        return replace(self, subscribers=count) if growth == "subscribers" else replace(self, rooms=count)

    def size(self, growth: Growth) -> int:
        return self.subscribers if growth == "subscribers" else self.rooms

    def __str__(self) -> str:
        rooms = f"{self.rooms} rooms of " if self.rooms > 1 else ""
        people = f"{self.participants} all to all" if self.all_to_all else f"{self.publishers} -> {self.subscribers}"
        media = ["audio"] if self.audio else []
        if self.video_kbps:
            simulcast = " simulcast" if self.simulcast else ""
            media.append(
                f"{self.video_kbps} kbit/s{simulcast} video, frames {'at once' if self.pacing == 'burst' else 'spread'}"
            )
        return f"{rooms}{people}, {' + '.join(media)}"
