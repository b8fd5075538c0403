"""What negotiation refuses, in words for the person who made the offer."""

from __future__ import annotations


class NegotiationError(Exception):
    """An offer or request that can't be served; nothing was changed. `code` is stable, `message` is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class SdpError(NegotiationError):
    """Text that is not SDP; `line` counts from 1, 0 means the text as a whole."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__("bad_sdp", f"SDP line {line}: {problem}" if line else f"SDP: {problem}")
        self.line = line
