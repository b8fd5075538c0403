"""The interface of the native worker, `mediaplane.worker.Worker`: what this package asks of it, and nothing else.

Commands return at once and raise BufferError when the command ring is full. Ids are positive, chosen by the caller and
never reused; a command for an id that has gone is ignored and counted by the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol


class NativeWorker(Protocol):
    """One native thread and its UDP port."""

    @property
    def port(self) -> int:
        """The bound UDP port, the same for every address."""

    @property
    def event_fd(self) -> int:
        """Readable while `poll_events` has something."""

    @property
    def srtp_backend(self) -> str:
        """`ipsec-mb` or `libcrypto`."""

    def join(self, other: Any) -> None:
        """Lay pipes to another worker of the same kind and back, before either starts."""

    def attach(self, mixer: Any) -> None:
        """Lay pipes to a mixing thread and back, before either starts."""

    def announce_by(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        """Wake the thread by `call_soon`, once for all commands that are given until then."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def poll_events(self, limit: int = 256) -> list[tuple[Any, ...]]: ...
    def counters(self) -> dict[str, int]: ...
    def distributions(self) -> dict[str, tuple[float, list[int], list[int], int]]:
        """By name: how large a unit is (s, or a ratio), bounds, counts (one more than bounds), and sum; in units."""

    def gauges(self) -> dict[str, int]:
        """What it holds now, by name, and the CPU time of its thread as `cpu_us`."""

    def create_transport(
        self,
        transport_id: int,
        *,
        ice_ufrag: bytes,
        ice_pwd: bytes,
        dtls_role: str,
        fingerprints: Sequence[tuple[str, bytes]],
        extensions: Mapping[str, int],
        data_channel: bool = False,
    ) -> None: ...
    def update_transport(
        self, transport_id: int, *, extensions: Mapping[str, int], data_channel: bool = False
    ) -> None: ...
    def restart_ice(self, transport_id: int, *, ice_ufrag: bytes, ice_pwd: bytes) -> None: ...
    def close_transport(self, transport_id: int) -> None: ...
    def send_dtls(self, transport_id: int, message: bytes) -> None: ...

    def create_producer(
        self,
        transport_id: int,
        producer_id: int,
        *,
        kind: str,
        mid: str,
        codecs: Sequence[tuple[int, str, int, int]],
        encodings: Sequence[tuple[str, int, int]],
        nack: bool,
        pli: bool,
        fir: bool,
        transport_cc: bool,
        speaker_group: int = 0,
    ) -> None: ...
    def create_piped_producer(
        self,
        producer_id: int,
        *,
        source_id: int,
        from_worker: int,
        kind: str,
        codecs: Sequence[tuple[int, str, int, int]],
        encodings: int,
    ) -> None: ...
    def close_producer(self, producer_id: int) -> None: ...
    def gate_producer(self, producer_id: int, open: bool) -> None: ...
    def limit_producer(self, producer_id: int, bitrate_bps: int) -> None: ...
    def request_keyframe(self, producer_id: int) -> None: ...
    def refresh_speakers(self, speaker_group: int, on: bool) -> None: ...

    def create_consumer(
        self,
        transport_id: int,
        consumer_id: int,
        *,
        kind: str,
        mid: str,
        ssrc: int,
        rtx_ssrc: int,
        cname: str,
        extensions: Mapping[str, int],
        two_byte: bool,
    ) -> None: ...
    def connect_consumer(
        self, consumer_id: int, producer_id: int, payload_types: Sequence[tuple[int, int, int]]
    ) -> None: ...
    def gate_consumer(self, consumer_id: int, open: bool) -> None: ...
    def select_encoding(self, consumer_id: int, encoding: int) -> None: ...
    def close_consumer(self, consumer_id: int) -> None: ...

    def request_stats(self, transport_id: int, token: int) -> None: ...


class NativeMixer(Protocol):
    """The mixing thread, `mediaplane.audio.mixer_thread.MixerThread`. Commands as those of a worker."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def counters(self) -> dict[str, int]: ...
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
    def close_mix(self, mix_id: int) -> None: ...
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


MixerFactory = Callable[[], NativeMixer]


class WorkerFactory(Protocol):
    """Binds a worker's port; raises OSError when it is taken."""

    def __call__(
        self,
        index: int,
        binds: Sequence[tuple[str, int]],
        *,
        certificate: bytes,
        private_key: bytes,
        srtp_backend: str = "auto",
        max_transports: int = 4096,
        max_linger_us: int = 0,
    ) -> NativeWorker: ...
