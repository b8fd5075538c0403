"""What a room's rules are for negotiation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mediasrv.rtc.capabilities import CODEC_NAMES, Codec


@dataclass(frozen=True, slots=True)
class MediaPolicy:
    """`codecs` are the names that may be negotiated; a kind of which none is named is not restricted.

    `track_bitrate_bps` is what a publisher is told to send at most on each track (RFC 3890); the media plane drops what
    goes beyond it for long.
    """

    codecs: frozenset[str] = frozenset()
    track_bitrate_bps: int | None = None

    def names(self, kind: str) -> Sequence[str]:
        """The codecs of `kind`, `audio` or `video`, that may be negotiated."""
        names = CODEC_NAMES[kind]
        return [name for name in names if name in self.codecs] or names

    def allowed(self, kind: str, codecs: Sequence[Codec]) -> list[Codec]:
        names = self.names(kind)
        return [codec for codec in codecs if codec.format.name in names]


ANYTHING = MediaPolicy()
