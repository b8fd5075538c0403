"""A receive slot: an m-line on which the peer receives, whose source changes without renegotiation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mediasrv.media import events as media_events
from mediasrv.media.handles import ConsumerHandle, TransportHandle
from mediasrv.rtc.codec_set import CodecSet, map_payload_types
from mediasrv.rtc.errors import NegotiationError
from mediasrv.rtc.events import EncodingChanged, PeerEvent
from mediasrv.rtc.producer import Producer
from mediasrv.rtc.sdp_attributes import Msid

HIGHEST = -1


@dataclass(frozen=True, slots=True)
class SlotParameters:
    """What was negotiated for an m-line on which the peer receives. `extensions`: URI -> id."""

    kind: str
    mid: str
    codecs: CodecSet
    extensions: tuple[tuple[str, int], ...]
    two_byte: bool
    """The peer takes two-byte header extensions next to one-byte ones (RFC 8285 §4.3)."""

    def same_media(self, other: SlotParameters) -> bool:
        """Whether packets mean the same under both, so that a slot can go on over a renegotiation."""
        return (
            self.kind == other.kind
            and set(self.extensions) == set(other.extensions)
            and self.two_byte == other.two_byte
            and self.codecs.meaning == other.codecs.meaning
        )


@dataclass(frozen=True, slots=True)
class SlotIdentity:
    """How the peer knows the slot's packets (RFC 5576, RFC 8830); the same for the slot's whole life."""

    ssrc: int
    rtx_ssrc: int
    cname: str
    msid: Msid


class ReceiveSlot:
    """Belongs to one peer connection, which starts it; empty until a producer is connected."""

    def __init__(self, parameters: SlotParameters, identity: SlotIdentity) -> None:
        self.parameters = parameters
        self.identity = identity
        self.closed = False
        self.handle: ConsumerHandle | None = None
        self._producer: Producer | None = None
        self._paused = False
        self._allowed = True
        self._encoding = HIGHEST

    def __repr__(self) -> str:
        return f"<ReceiveSlot {self.mid} {self.kind} of {self._producer}{' closed' if self.closed else ''}>"

    @property
    def kind(self) -> str:
        """`audio` or `video`."""
        return self.parameters.kind

    @property
    def mid(self) -> str:
        return self.parameters.mid

    @property
    def producer(self) -> Producer | None:
        """What it forwards; None while it is empty."""
        return self._producer

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def allowed(self) -> bool:
        """Whether the peer may receive at all."""
        return self._allowed

    @property
    def asked_rid(self) -> str | None:
        """The encoding that was asked for; None: the highest that is alive."""
        return None if self._encoding == HIGHEST or self._producer is None else self._producer.rid_of(self._encoding)

    def can_receive(self, producer: Producer) -> bool:
        """Whether the peer can take at least one codec that the producer may send."""
        return producer.kind == self.kind and bool(
            map_payload_types(producer.parameters.codecs, self.parameters.codecs)
        )

    def connect(self, producer: Producer | None) -> None:
        """Forward this producer, in its highest encoding; None empties the slot.

        Raises `NegotiationError` (`no_shared_codec`, `producer_closed`).
        """
        if self.closed or self.handle is None or producer is self._producer:
            return
        if producer is None:
            self.handle.connect(None)
        else:
            if producer.closed or producer.handle is None:
                raise NegotiationError("producer_closed", f"the track of mid '{producer.mid}' has ended")
            if not self.can_receive(producer):
                taken, sent = ", ".join(self.parameters.codecs.names), ", ".join(producer.codec_names)
                raise NegotiationError(
                    "no_shared_codec", f"receive slot '{self.mid}' takes {taken}, and the track is sent as {sent}"
                )
            mapping = map_payload_types(producer.parameters.codecs, self.parameters.codecs)
            self.handle.connect(producer.handle, mapping)
        if self._producer is not None:
            self._producer.receivers.discard(self)
        self._producer = producer
        if producer is not None:
            producer.receivers.add(self)
        if self._encoding != HIGHEST:
            self._encoding = HIGHEST
            self.handle.select_encoding(HIGHEST)

    def pause(self) -> None:
        """The peer does not want it now."""
        self._paused = True
        self._gate()

    def resume(self) -> None:
        self._paused = False
        self._gate()

    def set_allowed(self, allowed: bool) -> None:
        """Whether the peer may receive at all; a slot forwards only while it is allowed and not paused."""
        self._allowed = allowed
        self._gate()

    def select_encoding(self, rid: str | None) -> None:
        """Ask for an encoding of the connected producer by its rid; None: the highest that is alive.

        Raises `NegotiationError` (`unknown_rid`).
        """
        rids = self._producer.rids if self._producer is not None else []
        if rid is not None and rid not in rids:
            known = ", ".join(rids) or "none: it is sent in one quality, or the slot is empty"
            raise NegotiationError(
                "unknown_rid", f"slot '{self.mid}' has no encoding '{rid[:40]}' (there are: {known})"
            )
        self._encoding = HIGHEST if rid is None else rids.index(rid)
        if self.handle is not None:
            self.handle.select_encoding(self._encoding)

    def _gate(self) -> None:
        if self.handle is not None:
            self.handle.set_open(self._allowed and not self._paused)

    # What the peer connection does with it.

    def start(self, transport: TransportHandle, observer: Callable[[PeerEvent], None]) -> None:
        def on_event(event: media_events.ConsumerEvent) -> None:
            rid = self._producer.rid_of(event.encoding) if self._producer is not None else ""
            observer(EncodingChanged(self.mid, rid))

        self.handle = transport.create_consumer(
            kind=self.parameters.kind,
            mid=self.parameters.mid,
            ssrc=self.identity.ssrc,
            rtx_ssrc=self.identity.rtx_ssrc,
            cname=self.identity.cname,
            extensions=dict(self.parameters.extensions),
            two_byte=self.parameters.two_byte,
            on_event=on_event,
        )
        self._gate()

    def close(self) -> None:
        """Idempotent."""
        if self.closed:
            return
        self.closed = True
        if self._producer is not None:
            self._producer.receivers.discard(self)
            self._producer = None
        if self.handle is not None:
            self.handle.close()
