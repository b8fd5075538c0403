"""What a room's rules are for negotiation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mediasrv.rtc.capabilities import CODEC_NAMES, RED, Codec


@dataclass(frozen=True, slots=True)
class MediaPolicy:
    """`codecs` are the names that may be negotiated; a kind of which none is named is not restricted.

    `track_bitrate_bps` is what a publisher is told to send at most on each track (RFC 3890); the media plane drops what
    goes beyond it for long.
    """

    codecs: frozenset[str] = frozenset()
    track_bitrate_bps: int | None = None
    stereo: bool = False
    """Whether publishers of audio are asked for both channels (RFC 7587 §6.1): for a mix that has two."""

    def names(self, kind: str) -> Sequence[str]:
        """The codecs of `kind`, `audio` or `video`, that may be negotiated."""
        names = CODEC_NAMES[kind]
        return [name for name in names if name in self.codecs] or names

    def allowed(self, kind: str, codecs: Sequence[Codec]) -> list[Codec]:
        names = self.names(kind)
        allowed = [codec for codec in codecs if ("opus" if codec.format.name == RED else codec.format.name) in names]
        return [_in_stereo(codec) for codec in allowed] if self.stereo else allowed


def _in_stereo(codec: Codec) -> Codec:
    if codec.format.name != "opus" or ("stereo", "1") in codec.parameters:
        return codec
    return replace(codec, parameters=(*codec.parameters, ("stereo", "1")))


ANYTHING = MediaPolicy()
