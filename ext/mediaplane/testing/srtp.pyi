from collections.abc import Sequence

class SrtpEngine:
    """A back end on one thread. `backend`: "auto", "libcrypto" or "ipsec-mb"; LookupError where it is not available."""

    def __init__(self, backend: str = "auto") -> None: ...
    @property
    def backend(self) -> str: ...
    def protect_batch(
        self, jobs: Sequence[tuple[SrtpSession, bytes, bytes, int]], in_place: bool = False
    ) -> list[bytes]:
        """Seal (session, header, payload, index) all in one batch. MediaPlaneError if any of them fails."""
    def unprotect_batch(
        self, jobs: Sequence[tuple[SrtpSession, ReplayWindow, bytes, int]]
    ) -> list[tuple[int, bytes | None, int]]:
        """Open (session, window, packet, header size) in one batch: (status, header and payload or None, index)."""
    def protect_rtcp(self, session: SrtpSession, packet: bytes, index: int, room: int | None = None) -> bytes:
        """Seal a compound; `room` is how many bytes the buffer is larger than `packet` (default: what is needed)."""
    def unprotect_rtcp(self, session: SrtpSession, window: ReplayWindow, packet: bytes) -> bytes: ...

class SrtpSession:
    """One direction of one transport; `profile` is a `SrtpProfile`. ValueError if key or salt have another size.

    `derived`: key and salt are session keys already, for SRTP and SRTCP alike, and are used as they are.
    """

    def __init__(self, engine: SrtpEngine, profile: int, key: bytes, salt: bytes, derived: bool = False) -> None: ...
    @property
    def overhead(self) -> int: ...

class ReplayWindow:
    """The replay state of one SSRC."""

    @property
    def highest_index(self) -> int | None: ...
    def estimate(self, seq16: int) -> int: ...
    def accepts(self, index: int) -> bool: ...
    def commit(self, index: int) -> None: ...

class ProtectBench:
    """One packet per session, sealed out of place from one common payload, as in a fan-out."""

    def __init__(
        self, engine: SrtpEngine, sessions: list[SrtpSession], header_size: int, payload_size: int
    ) -> None: ...
    def run(self, rounds: int) -> None: ...

class UnprotectBench:
    """One packet per session, opened in place; every round first copies the sealed packets to where they are opened."""

    def __init__(
        self, engine: SrtpEngine, sessions: list[SrtpSession], header_size: int, payload_size: int
    ) -> None: ...
    def run(self, rounds: int) -> None: ...

def derive(master_key: bytes, master_salt: bytes, label: int, size: int) -> bytes:
    """AES-CM key derivation (RFC 3711 section 4.3.3)."""

def overhead(profile: int) -> int:
    """Bytes of the tag of an SRTP packet."""
