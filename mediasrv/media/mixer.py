"""The mixing thread on the event loop, and its mixes: to consumers each is a producer of another worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import structlog

from mediasrv.media.native import NativeMixer

if TYPE_CHECKING:
    from mediasrv.media.handles import ProducerHandle
    from mediasrv.media.pipes import Pipes

MIXER_WORKER = 63
"""The number under which workers know the mixing thread."""
MIX_PAYLOAD_TYPE = 111
MAX_TALKERS = 15
"""So many are heard at once at most: for each there is a mix without them."""

log = structlog.get_logger("media")


@dataclass(frozen=True, slots=True, kw_only=True)
class MixSettings:
    """How a mix sounds. `channels`, `talkers`, how many are heard at once, and `fec` hold for its whole life."""

    channels: int = 1
    talkers: int = 3
    bitrate_bps: int = 32_000
    complexity: int = 5
    fec: bool = False
    dtx: bool = False
    expected_loss: int = 0

    @property
    def encoder(self) -> dict[str, Any]:
        """What may change while it goes on."""
        return {
            "bitrate_bps": self.bitrate_bps,
            "complexity": self.complexity,
            "fec": self.fec,
            "dtx": self.dtx,
            "expected_loss": self.expected_loss,
        }


class Mixer:
    """Speaks to the native mixing thread. All methods belong to the thread of the event loop."""

    index = MIXER_WORKER

    def __init__(self, native: NativeMixer) -> None:
        self.native = native
        self._ids = count(1)
        self._running = False

    def start(self) -> None:
        self.native.start()
        self._running = True

    def stop(self) -> None:
        """Idempotent; mixes that are still open fall silent."""
        if self._running:
            self._running = False
            self.native.stop()

    def open(self, settings: MixSettings) -> Mix:
        """A mix of nobody yet."""
        return Mix(self, next(self._ids), settings)

    def counters(self) -> Mapping[str, int]:
        """What the thread counted since its start, by names that begin with `mixer_`."""
        return {f"mixer_{name}": value for name, value in self.native.counters().items()}

    def command(self, name: str, *arguments: Any, **keywords: Any) -> None:
        """Raises BufferError while the thread's ring is full, which holds what comes in thousands within 20 ms."""
        if self._running:
            getattr(self.native, name)(*arguments, **keywords)


class Mix:
    """One mix. Consumers connect to it as to any producer; each of them is left out of what it gets itself."""

    kind = "audio"
    codecs = ((MIX_PAYLOAD_TYPE, "opus", 48_000, 0),)

    def __init__(self, mixer: Mixer, mix_id: int, settings: MixSettings) -> None:
        self.worker = mixer
        self.id = mix_id
        self.settings = settings
        self.closed = False
        self.piped_to: set[Pipes] = set()
        """Of the workers where it stands."""
        self._sources: set[ProducerHandle] = set()
        # In-band FEC exists in Opus's voice modes alone. The others cost a quarter, and suit several voices better.
        mixer.command(
            "open_mix",
            mix_id,
            channels=settings.channels,
            talkers=settings.talkers,
            music=not settings.fec,
            **settings.encoder,
        )

    @property
    def encoding_count(self) -> int:
        return self.settings.talkers + 1

    def add(self, producer: ProducerHandle) -> None:
        """Mix this microphone too, until it is removed or ends. One that is in another mix is not taken."""
        if self.closed or producer.closed or producer.mix is not None:
            return
        opus = [codec[0] for codec in producer.codecs if codec[1].lower() == "opus"]
        if not opus:
            return
        self._sources.add(producer)
        producer.mix = self
        self.worker.command(
            "add_source",
            self.id,
            worker=producer.worker.index,
            producer_id=producer.id,
            transport_id=producer.transport.id,
            opus_payload_types=opus,
            red_payload_types=[codec[0] for codec in producer.codecs if codec[1].lower() == "red"],
        )

    def remove(self, producer: ProducerHandle) -> None:
        """Idempotent."""
        if producer in self._sources:
            self._sources.discard(producer)
            producer.mix = None
            self.worker.command("remove_source", self.id, worker=producer.worker.index, producer_id=producer.id)

    def statistics_of(self, producer: ProducerHandle) -> Mapping[str, int] | None:
        """What the jitter buffer of this microphone has counted; None if it is not decoded, as it is not heard."""
        if producer not in self._sources:
            return None
        return self.worker.native.source_statistics(self.id, worker=producer.worker.index, producer_id=producer.id)

    def set(self, settings: MixSettings) -> None:
        """Encode otherwise from now on."""
        if not self.closed and settings.encoder != self.settings.encoder:
            self.worker.command("set_mix", self.id, **settings.encoder | {"fec": self.settings.fec})
        self.settings = replace(settings, fec=self.settings.fec)

    def set_open(self, is_open: bool) -> None:
        """Nobody mutes a mix."""

    def limit_bitrate(self, bitrate_bps: int) -> None:
        """Its encoder keeps to what it was told."""

    def request_keyframe(self) -> None:
        """Sound has none."""

    def close(self) -> None:
        """Consumers that were connected to it become empty. Idempotent."""
        if self.closed:
            return
        self.closed = True
        for pipes in list(self.piped_to):
            pipes.close(self)
        for producer in self._sources:
            producer.mix = None
        self._sources.clear()
        self.worker.command("close_mix", self.id)
