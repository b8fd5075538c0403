"""The mix of some peers' microphones, as a producer that receive slots take like any other."""

from __future__ import annotations

from mediasrv.media.handles import ProducerHandle
from mediasrv.media.mixer import MAX_TALKERS as MAX_TALKERS
from mediasrv.media.mixer import MIX_PAYLOAD_TYPE, Mixer
from mediasrv.media.mixer import MixSettings as MixSettings
from mediasrv.rtc.capabilities import Codec, CodecFormat
from mediasrv.rtc.codec_set import CodecSet
from mediasrv.rtc.producer import Producer, ProducerParameters
from mediasrv.rtc.sdp_attributes import RtpMap

_OPUS = Codec(
    rtpmap=RtpMap(MIX_PAYLOAD_TYPE, "opus", 48_000, 2),
    format=CodecFormat("opus", 48_000, 2),
    parameters=(),
    feedback=frozenset(),
    rtx_payload_type=0,
)
_PARAMETERS = ProducerParameters(kind="audio", mid="", codecs=CodecSet((_OPUS,)), encodings=(), transport_cc=False)


class AudioMix:
    """One mix. `producer` is what slots connect to; whoever is in the mix hears it there without themself."""

    def __init__(self, mixer: Mixer, settings: MixSettings) -> None:
        self._mix = mixer.open(settings)
        self.producer = Producer(_PARAMETERS, "", on_closed=lambda _: None)
        self.producer.handle = self._mix

    def add(self, producer: Producer) -> None:
        """Mix this one too, until it ends or is removed."""
        if isinstance(producer.handle, ProducerHandle):
            self._mix.add(producer.handle)

    def remove(self, producer: Producer) -> None:
        if isinstance(producer.handle, ProducerHandle):
            self._mix.remove(producer.handle)

    def set(self, settings: MixSettings) -> None:
        """Encode otherwise from now on."""
        self._mix.set(settings)

    def close(self) -> None:
        """Slots become empty. Idempotent."""
        self.producer.close()
