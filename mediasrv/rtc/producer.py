"""A producer: one track that the peer sends, with all its encodings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mediasrv.media import events as media_events
from mediasrv.media.handles import ProducerHandle, TransportHandle
from mediasrv.media.mixer import Mix
from mediasrv.media.speaker_group import SpeakerGroup
from mediasrv.rtc.codec_set import CodecSet
from mediasrv.rtc.encodings import Encoding
from mediasrv.rtc.events import AudioLevel, PeerEvent, ProducerActive, ProducerBye

if TYPE_CHECKING:
    from mediasrv.rtc.receive_slot import ReceiveSlot


@dataclass(frozen=True, slots=True)
class ProducerParameters:
    """What was negotiated for an m-line that the peer sends. `encodings`: lowest quality first."""

    kind: str
    mid: str
    codecs: CodecSet
    encodings: tuple[Encoding, ...]
    transport_cc: bool

    def takes(self, feedback: str) -> bool:
        return feedback in self.codecs.feedback

    def same_media(self, other: ProducerParameters) -> bool:
        """Whether packets mean the same under both, so that a producer can go on over a renegotiation."""
        return (
            self.kind == other.kind
            and self.encodings == other.encodings
            and self.transport_cc == other.transport_cc
            and all(self.takes(feedback) == other.takes(feedback) for feedback in ("nack", "nack pli", "ccm fir"))
            and self.codecs.meaning == other.codecs.meaning
        )


class Producer:
    """Belongs to one peer connection, which starts it. `id` is the media plane's; 0 until it is started."""

    def __init__(self, parameters: ProducerParameters, msid: str, on_closed: Callable[[Producer], None]) -> None:
        self.parameters = parameters
        self.msid = msid
        self.closed = False
        self.handle: ProducerHandle | Mix | None = None
        self.receivers: set[ReceiveSlot] = set()
        """The slots that forward it now."""
        self._on_closed = on_closed
        self._bound_bps = 0

    def __repr__(self) -> str:
        return f"<Producer {self.mid} {self.kind} {'/'.join(self.codec_names)}{' closed' if self.closed else ''}>"

    @property
    def id(self) -> int:
        return self.handle.id if self.handle is not None else 0

    @property
    def kind(self) -> str:
        """`audio` or `video`."""
        return self.parameters.kind

    @property
    def mid(self) -> str:
        return self.parameters.mid

    @property
    def codec_names(self) -> list[str]:
        """Of what the peer may send, in its order of preference."""
        return self.parameters.codecs.names

    @property
    def rids(self) -> list[str]:
        """The names of its encodings, lowest quality first; empty if it is not simulcast."""
        return [encoding.rid for encoding in self.parameters.encodings if encoding.rid]

    def rid_of(self, encoding: int) -> str:
        """The name of an encoding by its index; empty if it has none."""
        rids = self.rids
        return rids[encoding] if 0 <= encoding < len(rids) else ""

    def set_open(self, is_open: bool) -> None:
        """Its gate: closed means that packets are dropped before anything looks at them."""
        if self.handle is not None:
            self.handle.set_open(is_open)

    def limit_bitrate(self, bitrate_bps: int | None) -> None:
        """What the peer may send at most; more is dropped. None: anything."""
        bound = bitrate_bps or 0
        if self.handle is not None and bound != self._bound_bps:
            self._bound_bps = bound
            self.handle.limit_bitrate(bound)

    def request_keyframe(self) -> None:
        if self.handle is not None:
            self.handle.request_keyframe()

    def close(self) -> None:
        """End it for good: slots become empty. The m-line stays; an offer that still sends on it makes a new producer.

        Idempotent.
        """
        if self.closed:
            return
        for slot in list(self.receivers):
            slot.connect(None)
        self.closed = True
        if self.handle is not None:
            self.handle.close()
        self._on_closed(self)

    # What the peer connection does with it.

    def start(
        self, transport: TransportHandle, observer: Callable[[PeerEvent], None], speakers: SpeakerGroup | None = None
    ) -> None:
        def on_event(event: media_events.ProducerEvent) -> None:
            match event:
                case media_events.ProducerActive(encoding=encoding):
                    observer(ProducerActive(self.mid, self.rid_of(encoding)))
                case media_events.ProducerBye():
                    observer(ProducerBye(self.mid))
                case media_events.AudioLevel(level_dbov=level, voice=voice):
                    observer(AudioLevel(self.mid, level, voice))

        parameters = self.parameters
        self.handle = transport.create_producer(
            kind=parameters.kind,
            mid=parameters.mid,
            codecs=parameters.codecs.for_the_plane,
            encodings=[(encoding.rid, encoding.ssrc, encoding.rtx_ssrc) for encoding in parameters.encodings],
            nack=parameters.takes("nack"),
            pli=parameters.takes("nack pli"),
            fir=parameters.takes("ccm fir"),
            transport_cc=parameters.transport_cc,
            speakers=speakers if parameters.kind == "audio" else None,
            on_event=on_event,
        )
        self.handle.set_open(True)
