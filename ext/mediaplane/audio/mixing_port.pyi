from collections.abc import Sequence

class MixingPort:
    def open_mix(
        self,
        mix_id: int,
        *,
        channels: int = 1,
        talkers: int = 3,
        bitrate_bps: int = 32_000,
        complexity: int = 5,
        music: bool = False,
        fec: bool = False,
        dtx: bool = False,
        expected_loss: int = 0,
    ) -> None: ...
    def close_mix(self, mix_id: int) -> None: ...
    def set_mix(
        self,
        mix_id: int,
        *,
        bitrate_bps: int = 32_000,
        complexity: int = 5,
        fec: bool = False,
        dtx: bool = False,
        expected_loss: int = 0,
    ) -> None: ...
    def add_source(
        self,
        mix_id: int,
        *,
        worker: int,
        producer_id: int,
        transport_id: int,
        opus_payload_types: Sequence[int],
        red_payload_types: Sequence[int] = (),
    ) -> None: ...
    def remove_source(self, mix_id: int, *, worker: int, producer_id: int) -> None: ...
    def source_statistics(self, mix_id: int, *, worker: int, producer_id: int) -> dict[str, int] | None: ...
    def open_tap(self, mix_id: int, *, output: int = 0, ticks: int = 50) -> Tap: ...

class SourceReport: ...

class Tap:
    @property
    def channels(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def release(self) -> None: ...
    def close(self) -> None: ...
