"""One-way offers: WHIP only sends, WHEP only receives, and either may say so by `sendrecv` (RFC 9725 §4.2)."""

from __future__ import annotations

from mediasrv.http.problem import HttpError
from mediasrv.rtc.sdp import Direction, SessionDescription

_WORDS = {direction.word for direction in (Direction.INACTIVE, *Direction, Direction.SENDRECV)}


def narrow(offer: SessionDescription, direction: Direction) -> None:
    """Make every media section of `offer` one-way in `direction`.

    A section that is `sendrecv` offers more than is taken. The answer to the narrowed section also answers the original
    one (RFC 3264 §6.1). Raises `HttpError` 422 for a section that does not offer `direction`.
    """
    for media in offer.media:
        not_offered = media.port == 0 and media.direction is Direction.INACTIVE
        if media.kind not in ("audio", "video") or not_offered:
            continue
        if direction not in media.direction:
            detail = f"SDP line {media.line_number}: this {media.kind} is {media.direction.word}, not {direction.word}"
            raise HttpError(422, "wrong_direction", detail)
        kept = [line for line in media.lines if line.kind != "a" or line.value not in _WORDS]
        media.lines = [line._replace(ending="\r\n") for line in kept]
        media.add("a", direction.word)
