"""The workers of a server: binds, joins, starts and stops them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import structlog

from mediasrv.media.media_worker import MediaWorker
from mediasrv.media.mixer import Mixer
from mediasrv.media.native import MixerFactory, NativeMixer, NativeWorker, WorkerFactory

log = structlog.get_logger("media")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """`binds`: local addresses of every worker's socket; worker i has UDP port `port + i`, or any with port 0."""

    binds: Sequence[str]
    port: int
    workers: int
    srtp_backend: str = "auto"
    max_linger_us: int = 0
    max_transports: int = 4096


class DtlsCertificate(Protocol):
    """What the peers see in the DTLS handshake, as PEM."""

    @property
    def certificate(self) -> bytes: ...
    @property
    def private_key(self) -> bytes: ...


def native_worker(
    index: int,
    binds: Sequence[tuple[str, int]],
    *,
    certificate: bytes,
    private_key: bytes,
    srtp_backend: str = "auto",
    max_transports: int = 4096,
    max_linger_us: int = 0,
) -> NativeWorker:
    """A worker of the native media plane, which is imported here and nowhere else."""
    from mediaplane.worker import Worker  # type: ignore[import-not-found, unused-ignore]

    worker: NativeWorker = Worker(
        index,
        binds,
        certificate=certificate,
        private_key=private_key,
        srtp_backend=srtp_backend,
        max_transports=max_transports,
        max_linger_us=max_linger_us,
    )
    return worker


def native_mixer() -> NativeMixer:
    """The mixing thread of the native media plane."""
    from mediaplane.audio.mixer_thread import MixerThread  # type: ignore[import-not-found, unused-ignore]

    mixer: NativeMixer = MixerThread()
    return mixer


class WorkerPool:
    """All workers of this process, in the order of their indices, and `mixer`, which is there once it has started."""

    def __init__(
        self,
        settings: MediaSettings,
        certificate: DtlsCertificate,
        *,
        worker_factory: WorkerFactory = native_worker,
        mixer_factory: MixerFactory = native_mixer,
    ) -> None:
        self.workers: list[MediaWorker] = []
        self.mixer: Mixer | None = None
        self._mixer_factory = mixer_factory
        self._settings = settings
        self._certificate = certificate
        self._worker_factory = worker_factory
        self._failure_listeners: list[Callable[[int, str], None]] = []

    def on_failure(self, listener: Callable[[int, str], None]) -> None:
        """Call `listener(worker index, reason)` when a worker's thread ended by itself; the server must stop then."""
        self._failure_listeners.append(listener)

    def start(self) -> None:
        """Bind every port, then start the threads, on the running loop. Raises OSError when a port is taken; then
        nothing runs and no port is held."""
        try:
            for index in range(self._settings.workers):
                self.workers.append(MediaWorker(self._bind(index), index, self._failed))
            for one, other in combinations(self.workers, 2):
                one.native.join(other.native)
            self.mixer = Mixer(self._mixer_factory())
            for worker in self.workers:
                worker.native.attach(self.mixer.native)
            self.mixer.start()
            for worker in self.workers:
                worker.start()
        except BaseException:
            self.stop()
            self.workers.clear()
            raise

    def stop(self) -> None:
        """Stop the threads; what they still had to report is delivered. Idempotent."""
        if self.mixer is not None:
            self.mixer.stop()
        for worker in self.workers:
            worker.stop()

    def counters(self) -> dict[str, int]:
        """The workers' counters, summed, and the mixing thread's."""
        total: dict[str, int] = {}
        for worker in self.workers:
            for name, value in worker.counters().items():
                total[name] = total.get(name, 0) + value
        total.update(self.mixer_counters())
        return total

    def mixer_counters(self) -> Mapping[str, int]:
        """Those of the mixing thread alone; empty before it has started."""
        return self.mixer.counters() if self.mixer is not None else {}

    def _bind(self, index: int) -> NativeWorker:
        settings = self._settings
        port = settings.port + index if settings.port else 0
        return self._worker_factory(
            index,
            [(address, port) for address in settings.binds],
            certificate=self._certificate.certificate,
            private_key=self._certificate.private_key,
            srtp_backend=settings.srtp_backend,
            max_transports=settings.max_transports,
            max_linger_us=settings.max_linger_us,
        )

    def _failed(self, worker: MediaWorker, reason: str) -> None:
        log.error("worker_failed", worker=worker.index, reason=reason)
        for listener in self._failure_listeners:
            listener(worker.index, reason)
