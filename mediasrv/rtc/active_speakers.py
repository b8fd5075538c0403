"""Who speaks of the producers of several peer connections, those of one room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

from mediasrv.media.handles import ProducerHandle
from mediasrv.media.speaker_group import SpeakerGroup
from mediasrv.rtc.producer import Producer


class ActiveSpeakers:
    """`changed` gets who has the floor, if anybody, and those who speak, the loudest first; see `SpeakerGroup`."""

    def __init__(self, changed: Callable[[Producer | None, Sequence[Producer]], None]) -> None:
        self.group = SpeakerGroup(self._translate)
        self._changed = changed
        self._producers: WeakKeyDictionary[ProducerHandle, Producer] = WeakKeyDictionary()

    def add(self, producer: Producer) -> None:
        """A producer that was started in the group."""
        if isinstance(producer.handle, ProducerHandle):
            self._producers[producer.handle] = producer

    def _translate(self, dominant: ProducerHandle | None, ranking: Sequence[ProducerHandle]) -> None:
        found = [self._producers[handle] for handle in ranking if handle in self._producers]
        self._changed(self._producers.get(dominant) if dominant is not None else None, found)
