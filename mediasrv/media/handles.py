"""Handles of what a worker holds: ids, never pointers. Their methods are the worker's commands.

A handle whose object has gone ignores commands, as the worker would: between a close and the news of it both sides
are right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mediasrv.media.events import ConsumerEvent, ProducerEvent, TransportClosed, TransportEvent

if TYPE_CHECKING:
    from mediasrv.media.media_worker import MediaWorker
    from mediasrv.media.mixer import Mix
    from mediasrv.media.pipes import Pipes, PipeSource
    from mediasrv.media.speaker_group import SpeakerGroup


class TransportHandle:
    """One peer connection on a worker. `closed` becomes true with its `TransportClosed` event."""

    def __init__(self, worker: MediaWorker, transport_id: int, on_event: Callable[[TransportEvent], None]) -> None:
        self.worker = worker
        self.id = transport_id
        self.on_event = on_event
        self.closed = False
        self._closing = False
        self._producers: dict[int, ProducerHandle] = {}
        self._consumers: dict[int, ConsumerHandle] = {}

    @property
    def closing(self) -> bool:
        """Closed, or told to close."""
        return self._closing

    def update(self, *, extensions: Mapping[str, int], data_channel: bool = False) -> None:
        """Replace the map from header extension URIs to the ids the peer sends them with, and say whether application
        data is wanted."""
        if not self._closing:
            self.worker.command("update_transport", self.id, extensions=dict(extensions), data_channel=data_channel)

    def send_dtls(self, message: bytes) -> None:
        """Send application data; before the handshake is done it is dropped. At most 1,400 bytes."""
        if not self._closing:
            self.worker.command("send_dtls", self.id, message)

    def restart_ice(self, *, ice_ufrag: bytes, ice_pwd: bytes) -> None:
        """Take new local credentials; the old ones hold until the first valid check with the new ones."""
        if not self._closing:
            self.worker.command("restart_ice", self.id, ice_ufrag=ice_ufrag, ice_pwd=ice_pwd)

    def close(self) -> None:
        """End the transport with its producers and consumers; `TransportClosed` follows. Idempotent."""
        if not self._closing:
            self._closing = True
            self.worker.command("close_transport", self.id)

    async def request_stats(self) -> Mapping[str, Any]:
        """Counters of the transport; raises ConnectionError if it is closed before they come."""
        if self._closing:
            raise ConnectionError("the transport is closed")
        return await self.worker.request_stats(self.id)

    def create_producer(
        self,
        *,
        kind: str,
        mid: str,
        codecs: Sequence[tuple[int, str, int, int]],
        encodings: Sequence[tuple[str, int, int]],
        nack: bool,
        pli: bool,
        fir: bool,
        transport_cc: bool,
        speakers: SpeakerGroup | None = None,
        on_event: Callable[[ProducerEvent], None],
    ) -> ProducerHandle:
        """A source the peer sends. `codecs`: (payload type, name, clock rate in Hz, RTX payload type or 0);
        `encodings`: (rid or "", SSRC or 0, RTX SSRC or 0), lowest quality first; `speakers`: those of whom it tells
        who speaks."""
        producer = ProducerHandle(
            self,
            self.worker.allocate_id(),
            on_event,
            kind=kind,
            codecs=tuple(codecs),
            encoding_count=len(encodings),
            speakers=speakers,
        )
        self._producers[producer.id] = producer
        self.worker.register_producer(producer)
        if not self._closing:
            group_id = speakers.join(producer) if speakers is not None else 0
            self.worker.command(
                "create_producer",
                self.id,
                producer.id,
                kind=kind,
                mid=mid,
                codecs=list(codecs),
                encodings=list(encodings),
                nack=nack,
                pli=pli,
                fir=fir,
                transport_cc=transport_cc,
                speaker_group=group_id,
            )
        return producer

    def create_consumer(
        self,
        *,
        kind: str,
        mid: str,
        ssrc: int,
        rtx_ssrc: int,
        cname: str,
        extensions: Mapping[str, int],
        two_byte: bool,
        on_event: Callable[[ConsumerEvent], None],
    ) -> ConsumerHandle:
        """An empty receive slot of the peer. `extensions`: URI -> id, those the peer takes; `two_byte`: it takes
        two-byte header extensions (RFC 8285 §4.3) too."""
        consumer = ConsumerHandle(self, self.worker.allocate_id(), on_event)
        self._consumers[consumer.id] = consumer
        self.worker.register_consumer(consumer)
        if not self._closing:
            self.worker.command(
                "create_consumer",
                self.id,
                consumer.id,
                kind=kind,
                mid=mid,
                ssrc=ssrc,
                rtx_ssrc=rtx_ssrc,
                cname=cname,
                extensions=dict(extensions),
                two_byte=two_byte,
            )
        return consumer

    def deliver(self, event: TransportEvent) -> None:
        """Called by the worker with an event of this transport."""
        if isinstance(event, TransportClosed):
            self.closed = self._closing = True
            for producer in list(self._producers.values()):
                producer.forget()
            for consumer in list(self._consumers.values()):
                consumer.forget()
        self.on_event(event)

    def remove(self, handle: ProducerHandle | ConsumerHandle) -> None:
        self._producers.pop(handle.id, None)
        self._consumers.pop(handle.id, None)


class ProducerHandle:
    """One incoming source with all its encodings. `codecs` as in `TransportHandle.create_producer`."""

    def __init__(
        self,
        transport: TransportHandle,
        producer_id: int,
        on_event: Callable[[ProducerEvent], None],
        *,
        kind: str,
        codecs: Sequence[tuple[int, str, int, int]],
        encoding_count: int,
        speakers: SpeakerGroup | None = None,
    ) -> None:
        self.transport = transport
        self.id = producer_id
        self.on_event = on_event
        self.kind = kind
        self.codecs = codecs
        self.encoding_count = encoding_count
        self.closed = False
        self.speakers = speakers
        self.mix: Mix | None = None
        """The mix that it is heard in."""
        self.piped_to: set[Pipes] = set()
        """Of the other workers where it stands."""

    @property
    def worker(self) -> MediaWorker:
        """Where its packets come."""
        return self.transport.worker

    def set_open(self, is_open: bool) -> None:
        """Let packets pass, or drop and count them (muted, not permitted)."""
        if not self.closed:
            self.transport.worker.command("gate_producer", self.id, is_open)

    def limit_bitrate(self, bitrate_bps: int) -> None:
        """Drop and count what comes beyond so much payload, over all encodings; 0: nothing."""
        if not self.closed:
            self.transport.worker.command("limit_producer", self.id, bitrate_bps)

    def request_keyframe(self) -> None:
        if not self.closed:
            self.transport.worker.command("request_keyframe", self.id)

    def close(self) -> None:
        """Consumers that were connected to it become empty. Idempotent."""
        if not self.closed:
            if not self.transport.closing:
                self.transport.worker.command("close_producer", self.id)
            self.forget()

    def forget(self) -> None:
        """The worker has it no more; late events of it are dropped."""
        self.closed = True
        for pipes in list(self.piped_to):
            pipes.close(self)
        if self.speakers is not None:
            self.speakers.leave(self)
        if self.mix is not None:
            self.mix.remove(self)
        self.transport.remove(self)
        self.transport.worker.unregister_producer(self)


class ConsumerHandle:
    """One outgoing copy of a producer, or an empty receive slot."""

    def __init__(self, transport: TransportHandle, consumer_id: int, on_event: Callable[[ConsumerEvent], None]) -> None:
        self.transport = transport
        self.id = consumer_id
        self.on_event = on_event
        self.closed = False
        self._source: PipeSource | None = None

    def connect(self, producer: PipeSource | None, payload_types: Sequence[tuple[int, int, int]] = ()) -> None:
        """Forward this producer, also one of another worker of the pool, or a mix; None empties the slot.

        `payload_types`: (producer's, consumer's, consumer's RTX or 0).
        """
        if self.closed:
            return
        worker = self.transport.worker
        producer_id = worker.pipes.use(producer) if producer is not None else 0
        worker.command("connect_consumer", self.id, producer_id, list(payload_types))
        self._release()  # only now, so that a pipe which goes on being used is not laid anew
        self._source = producer if producer_id else None

    def _release(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            self.transport.worker.pipes.release(source)

    def set_open(self, is_open: bool) -> None:
        """Forward packets, or hold them back (paused, not permitted)."""
        if not self.closed:
            self.transport.worker.command("gate_consumer", self.id, is_open)

    def select_encoding(self, encoding: int) -> None:
        """Ask for an encoding of the producer by its index; -1: the highest that is alive."""
        if not self.closed:
            self.transport.worker.command("select_encoding", self.id, encoding)

    def close(self) -> None:
        """Idempotent."""
        if not self.closed:
            if not self.transport.closing:
                self.transport.worker.command("close_consumer", self.id)
            self.forget()

    def forget(self) -> None:
        """The worker has it no more; late events of it are dropped."""
        self.closed = True
        self._release()
        self.transport.remove(self)
        self.transport.worker.unregister_consumer(self)


StatsFuture = asyncio.Future[Mapping[str, Any]]
