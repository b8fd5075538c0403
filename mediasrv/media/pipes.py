"""The producers of other workers that stand on a worker too, each for as long as a consumer there forwards it.

A consumer asks for a producer's id on its own worker and lets go of it later; the first to ask has the pipe laid, the
last to let go has it closed. The workers themselves see to what travels through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mediasrv.media.media_worker import MediaWorker


class NumberedWorker(Protocol):
    @property
    def index(self) -> int: ...


class PipeSource(Protocol):
    """What stands on other workers: a producer, or a mix, whose worker is the mixing thread."""

    @property
    def id(self) -> int: ...
    @property
    def worker(self) -> NumberedWorker: ...
    @property
    def kind(self) -> str: ...
    @property
    def codecs(self) -> Sequence[tuple[int, str, int, int]]: ...
    @property
    def encoding_count(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    @property
    def piped_to(self) -> set[Pipes]: ...


@dataclass(slots=True)
class PipedProducer:
    """`id`: on the worker where it stands for another one's producer; `users`: consumers that it has there."""

    id: int
    users: int = 0


class Pipes:
    """Those that end on one worker."""

    def __init__(self, worker: MediaWorker) -> None:
        self._worker = worker
        self._piped: dict[PipeSource, PipedProducer] = {}

    def __len__(self) -> int:
        return len(self._piped)

    def use(self, producer: PipeSource) -> int:
        """The id under which a consumer of this worker forwards the producer; 0 if the producer is closed.

        Each use of an open one is to be released.
        """
        if producer.closed:
            return 0
        if producer.worker is self._worker:
            return producer.id
        piped = self._piped.get(producer)
        if piped is None:
            piped = self._piped[producer] = PipedProducer(self._worker.allocate_id())
            producer.piped_to.add(self)
            self._worker.command(
                "create_piped_producer",
                piped.id,
                source_id=producer.id,
                from_worker=producer.worker.index,
                kind=producer.kind,
                codecs=list(producer.codecs),
                encodings=producer.encoding_count,
            )
        piped.users += 1
        return piped.id

    def release(self, producer: PipeSource) -> None:
        """A consumer that used it does not forward it any more."""
        piped = self._piped.get(producer)
        if piped is None:
            return  # of this worker, or closed since
        piped.users -= 1
        if piped.users == 0:
            self.close(producer)

    def close(self, producer: PipeSource) -> None:
        """The producer has ended, or nobody uses it here; consumers that still do become empty."""
        piped = self._piped.pop(producer, None)
        if piped is not None:
            producer.piped_to.discard(self)
            self._worker.command("close_producer", piped.id)
