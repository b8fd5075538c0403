from collections.abc import Iterable

WINDOW: int
HOLE_US: int

class FrameAssembler:
    def __init__(self, hole_us: int = ...) -> None: ...
    def insert(
        self, seq64: int, timestamp: int, marker: bool, now_us: int, *, start: int = 0, keyframe: bool = False
    ) -> bool:
        """False: a duplicate, or too late. `start`: 0 not known, 1 no, 2 yes."""
    def take(self, now_us: int) -> list[tuple[int, int, int, bool, bool]]:
        """Frames: first and last number, timestamp, keyframe, decodable."""
    def deadline(self) -> int | None: ...
    def missing(self, now_us: int, rtt_us: int = 0) -> list[int]: ...
    def take_keyframe_request(self) -> bool: ...
    def counters(self) -> dict[str, int]: ...
    def run(self, packets: int, packets_per_frame: int) -> int: ...

def depacketize(codec: int, payloads: Iterable[bytes], capacity: int = ...) -> bytes:
    """The frame of these payloads. Raises MediaPlaneError."""

def frame_start(codec: int, payload: bytes) -> int:
    """0 not known, 1 no, 2 yes."""
