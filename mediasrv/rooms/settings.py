"""What a room is like: what the server's settings say of rooms, or a control client of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mediasrv.rooms.errors import RoomError
from mediasrv.rooms.grants import Granted, Terms
from mediasrv.rooms.permissions import NONE, GrantsError, Permission, flag_called, from_names
from mediasrv.rtc.capabilities import CODEC_NAMES
from mediasrv.rtc.mix import MAX_TALKERS, MixSettings
from mediasrv.rtc.policy import MediaPolicy

METADATA_MAX_CHARACTERS = 16_384
HISTORY_MAX_MESSAGES = 1_000
CAPACITY_MAX = 10_000
IDLE_MAX_S = 7 * 86_400.0
BITRATE_MIN_BPS, BITRATE_MAX_BPS = 8_000, 100_000_000
KNOWN_CODECS = tuple(name for names in CODEC_NAMES.values() for name in names)
DEFAULT_MIX = MixSettings()
MIX_BOUNDS = {
    "channels": (1, 2),
    "talkers": (1, MAX_TALKERS),
    "bitrate_bps": (6_000, 510_000),
    "complexity": (0, 10),
    "expected_loss": (0, 100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSettings:
    """Raises `RoomError` `invalid_params` for values out of bounds."""

    capacity: int = 1_000
    """How many participants it has at most."""
    defaults: Permission = NONE
    """What it grants to everybody whose token does not say otherwise."""
    defaults_until: Mapping[str, float] = field(default_factory=dict)
    """Those of them that it grants until a time, by their names, in seconds since the Unix epoch."""
    lobby: bool = False
    """Whether moderators let people in one by one."""
    locked: bool = False
    """Whether nobody new comes in, but moderators."""
    codecs: tuple[str, ...] = ()
    """The codecs that are negotiated; of a kind of which none is named, all that the server forwards."""
    track_bitrate_bps: int | None = None
    """What publishers may send at most on each track."""
    idle_s: float = 0.0
    """How long it stays open with nobody in it."""
    history: int = 0
    """How many messages it keeps for those who come later."""
    mix_above: int | None = None
    """With more participants, those who have not chosen otherwise hear the mix; None: however many there are, not."""
    mix: MixSettings = DEFAULT_MIX
    """How its mix sounds, if somebody listens to it."""
    metadata: str = ""
    """Whatever an application wants to be told with the room."""

    def __post_init__(self) -> None:
        _within("capacity", self.capacity, 1, CAPACITY_MAX)
        _within("idle_s", self.idle_s, 0, IDLE_MAX_S)
        _within("history", self.history, 0, HISTORY_MAX_MESSAGES)
        if self.mix_above is not None:
            _within("mix_above", self.mix_above, 0, CAPACITY_MAX)
        for name, (least, most) in MIX_BOUNDS.items():
            _within(f"mix.{name}", getattr(self.mix, name), least, most)
        if self.track_bitrate_bps is not None:
            _within("track_bitrate_bps", self.track_bitrate_bps, BITRATE_MIN_BPS, BITRATE_MAX_BPS)
        try:
            from_names(self.defaults_until)
        except GrantsError as error:
            raise RoomError("invalid_params", f"default_permissions_until: {error}") from None
        if len(self.metadata) > METADATA_MAX_CHARACTERS:
            raise RoomError("invalid_params", f"metadata: at most {METADATA_MAX_CHARACTERS} characters are kept")
        for codec in self.codecs:
            if codec not in KNOWN_CODECS:
                raise RoomError("invalid_params", f"codecs: {codec!r} is not one of {', '.join(KNOWN_CODECS)}")

    @property
    def default_ends(self) -> Mapping[Permission, float]:
        """`defaults_until` by flag."""
        return {flag_called(name): until for name, until in self.defaults_until.items()}

    def granted(self, token: Terms) -> Granted:
        """What somebody with this token is granted in the room."""
        return Granted(token, self.defaults, default_ends=self.default_ends)

    @property
    def media(self) -> MediaPolicy:
        """What of it concerns negotiation."""
        return MediaPolicy(frozenset(self.codecs), self.track_bitrate_bps, stereo=self.mix.channels == 2)


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise RoomError("invalid_params", f"{name}: {value:g} is not from {least:g} to {most:g}")
