from typing import TypedDict

class Pulled(TypedDict):
    from_ts64: int
    to_ts64: int
    concealed: int
    silent: int
    started: bool

class JitterBuffer:
    def __init__(
        self, channels: int = 1, *, opus_payload_type: int = 111, red_payload_type: int | None = None
    ) -> None: ...
    def insert(
        self, payload: bytes, seq16: int, ts32: int, now_us: int, *, payload_type: int = 111, ssrc: int = 1
    ) -> None: ...
    def pull(self, now_us: int, samples: int = 960) -> bytes: ...
    def skip(self, now_us: int, samples: int = 960) -> None: ...
    @property
    def last(self) -> Pulled: ...
    @property
    def statistics(self) -> dict[str, int]: ...
    @property
    def waiting(self) -> tuple[int, int]: ...
