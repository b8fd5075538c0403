"""One native worker on the event loop: its commands in order, its events to the handles they belong to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import structlog

from mediasrv.media import events
from mediasrv.media.handles import ConsumerHandle, ProducerHandle, StatsFuture, TransportHandle
from mediasrv.media.native import NativeWorker
from mediasrv.media.pipes import Pipes

EVENTS_PER_POLL = 256
MAX_DEFERRED_COMMANDS = 1 << 16
DEFERRED_RETRY_S = 0.001  # a worker drains its ring between batches, well within a millisecond

SpeakersListener = Callable[[events.Speakers], None]

log = structlog.get_logger("media")


class MediaWorker:
    """Speaks to one native worker. All methods belong to the thread of the event loop."""

    def __init__(self, native: NativeWorker, index: int, on_failure: Callable[[MediaWorker, str], None]) -> None:
        self.native = native
        self.index = index
        self.events_lost = 0
        self.pipes = Pipes(self)
        self._on_failure = on_failure
        self._ids = count(1)
        self._transports: dict[int, TransportHandle] = {}
        self._producers: dict[int, ProducerHandle] = {}
        self._consumers: dict[int, ConsumerHandle] = {}
        self._speaker_groups: dict[int, SpeakersListener] = {}
        self._stats: dict[int, tuple[int, StatsFuture]] = {}  # by token: transport id, who waits
        self._deferred: deque[Callable[[], None]] = deque()
        self._retry: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False

    @property
    def port(self) -> int:
        """The UDP port that peers send to."""
        return self.native.port

    @property
    def transport_count(self) -> int:
        """Transports whose end was not reported yet."""
        return len(self._transports)

    @property
    def deferred_commands(self) -> int:
        """Commands that wait here for room in the worker's ring."""
        return len(self._deferred)

    def start(self) -> None:
        """Start the thread and listen to its events on the running loop."""
        self._loop = asyncio.get_running_loop()
        self.native.announce_by(self._loop.call_soon)
        self.native.start()
        self._loop.add_reader(self.native.event_fd, self.deliver_events)

    def stop(self) -> None:
        """Stop the thread; what it still had to report is delivered. Idempotent."""
        if self._stopped:
            return
        self._stopped = True
        if self._loop is not None:
            self._loop.remove_reader(self.native.event_fd)
        if self._retry is not None:
            self._retry.cancel()
        self.native.stop()
        while self.deliver_events():
            pass
        for _, future in self._stats.values():
            if not future.done():
                future.set_exception(ConnectionError("the worker was stopped"))

    def create_transport(
        self,
        *,
        ice_ufrag: bytes,
        ice_pwd: bytes,
        dtls_role: str,
        fingerprints: Sequence[tuple[str, bytes]],
        extensions: Mapping[str, int],
        data_channel: bool = False,
        on_event: Callable[[events.TransportEvent], None],
    ) -> TransportHandle:
        """A peer connection that waits for ICE checks with these local credentials.

        `dtls_role` is ours, `server` or `client`; `fingerprints` are the peer's, (hash name, digest); `extensions` maps
        header extension URIs to the ids that the peer sends.
        """
        transport = TransportHandle(self, self.allocate_id(), on_event)
        self._transports[transport.id] = transport
        self.command(
            "create_transport",
            transport.id,
            ice_ufrag=ice_ufrag,
            ice_pwd=ice_pwd,
            dtls_role=dtls_role,
            fingerprints=list(fingerprints),
            extensions=dict(extensions),
            data_channel=data_channel,
        )
        return transport

    def deliver_events(self) -> bool:
        """Deliver one poll's worth, so that other work of the loop gets its turn; false when there was nothing."""
        records = self.native.poll_events(EVENTS_PER_POLL)
        for record in records:
            try:
                self._dispatch(record)
            except Exception:
                # One listener's fault must not cost the others their events.
                log.exception("event_listener_failed", worker=self.index, media_event=record[0])
        return bool(records)

    def counters(self) -> dict[str, int]:
        """What the worker counted since its start."""
        return self.native.counters()

    # What handles need.

    def allocate_id(self) -> int:
        return next(self._ids)

    def register_producer(self, producer: ProducerHandle) -> None:
        self._producers[producer.id] = producer

    def unregister_producer(self, producer: ProducerHandle) -> None:
        self._producers.pop(producer.id, None)

    def producer(self, producer_id: int) -> ProducerHandle | None:
        return self._producers.get(producer_id)

    def register_speaker_group(self, group_id: int, listener: SpeakersListener) -> None:
        self._speaker_groups[group_id] = listener

    def unregister_speaker_group(self, group_id: int) -> None:
        self._speaker_groups.pop(group_id, None)

    def register_consumer(self, consumer: ConsumerHandle) -> None:
        self._consumers[consumer.id] = consumer

    def unregister_consumer(self, consumer: ConsumerHandle) -> None:
        self._consumers.pop(consumer.id, None)

    def command(self, name: str, *arguments: Any, **keywords: Any) -> None:
        """Give the worker a command. While its ring is full, commands wait here and keep their order.

        Raises BufferError once MAX_DEFERRED_COMMANDS wait: the worker's thread hangs.
        """

        def give() -> None:
            getattr(self.native, name)(*arguments, **keywords)

        if not self._deferred:
            try:
                return give()
            except BufferError:
                pass
        if len(self._deferred) >= MAX_DEFERRED_COMMANDS:
            raise BufferError(f"worker {self.index} takes no commands: {MAX_DEFERRED_COMMANDS} wait already")
        self._deferred.append(give)
        self._retry_later()

    async def request_stats(self, transport_id: int) -> Mapping[str, Any]:
        token = self.allocate_id()
        future: StatsFuture = asyncio.get_running_loop().create_future()
        self._stats[token] = (transport_id, future)
        self.command("request_stats", transport_id, token)
        try:
            return await future
        finally:
            self._stats.pop(token, None)

    def _retry_later(self) -> None:
        if self._retry is None and self._loop is not None and not self._stopped:
            self._retry = self._loop.call_later(DEFERRED_RETRY_S, self._give_deferred)

    def _give_deferred(self) -> None:
        self._retry = None
        while self._deferred:
            try:
                self._deferred[0]()
            except BufferError:
                return self._retry_later()
            except Exception:
                # Its caller has long returned, and the commands behind it must not wait forever.
                log.exception("command_failed", worker=self.index)
            self._deferred.popleft()

    def _dispatch(self, record: tuple[Any, ...]) -> None:
        match events.from_native(record):
            case events.TransportClosed() as event:
                self._close(event)
            case (events.TransportConnected() | events.TransportTuple() | events.DtlsData()) as event:
                if transport := self._transports.get(event.transport_id):
                    transport.deliver(event)
            case (events.ProducerActive() | events.ProducerBye() | events.AudioLevel()) as event:
                if producer := self._producers.get(event.producer_id):
                    producer.on_event(event)
            case events.EncodingChanged() as event:
                if consumer := self._consumers.get(event.consumer_id):
                    consumer.on_event(event)
            case events.Speakers() as event:
                if speakers := self._speaker_groups.get(event.group_id):
                    speakers(event)
            case events.Stats(token, values):
                _, future = self._stats.pop(token, (0, None))
                if future is not None and not future.done():
                    future.set_result(values)
            case events.EventsLost(lost):
                self.events_lost = lost
                log.warning("events_lost", worker=self.index, count=lost)
            case events.WorkerFailed(reason):
                self._on_failure(self, reason)
            case None:
                log.warning("unknown_event", worker=self.index, media_event=record[0])

    def _close(self, event: events.TransportClosed) -> None:
        for transport_id, future in list(self._stats.values()):
            if transport_id == event.transport_id and not future.done():
                future.set_exception(ConnectionError(f"the transport is closed: {event.reason}"))
        if transport := self._transports.pop(event.transport_id, None):
            transport.deliver(event)
