"""What an m-line says that all clients of its kind say alike: codecs, header extensions, direction, simulcast.

An offer has some three thousand characters of it for each m-line, so what they mean is remembered by the text.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from mediasrv.rtc.capabilities import CODEC_NAMES, shared_codecs
from mediasrv.rtc.codec_set import CodecSet
from mediasrv.rtc.data_channel import LOCAL_MAX_MESSAGE_SIZE, SctpParameters
from mediasrv.rtc.errors import SdpError
from mediasrv.rtc.policy import MediaPolicy
from mediasrv.rtc.sdp import MediaDescription
from mediasrv.rtc.sdp_attributes import ExtMap, Rid, Simulcast


class SectionFacts:
    """Read from an m-line's own lines and those that it inherits from the session. Never changed, and equal to itself
    alone.

    `problem` is what could not be read of it; then nothing else is there but what the first line says. `is_known`: it
    is kept for others who write the same.
    """

    def __init__(self, media: MediaDescription) -> None:
        self.is_known = False
        self.kind = media.kind
        self.protocol = media.protocol
        self.formats = media.formats
        self.direction = media.direction
        self.bundle_only = media.has("bundle-only")
        self.rtcp_mux = media.has("rtcp-mux")
        self.takes_two_byte_extensions = media.extmap_allow_mixed
        self.answer_flags = "".join(f"a={name}\r\n" for name in ("rtcp-rsize", "extmap-allow-mixed") if media.has(name))
        self.sctp = _sctp(media)
        self.codecs = CodecSet()
        self.extmaps: list[ExtMap] = []
        self.rids: Mapping[str, Rid] = {}
        self.simulcast: Simulcast | None = None
        self.encoding_names = ""
        self.problem: SdpError | None = None
        # By the codecs of a policy and whether it wants stereo: there are no more than some dozens of both.
        self._allowed: dict[tuple[frozenset[str], bool], CodecSet] = {}
        if self.kind in CODEC_NAMES:
            try:
                self._read(media)
            except SdpError as error:
                self.problem = error

    def _read(self, media: MediaDescription) -> None:
        self.codecs = CodecSet(shared_codecs(media), media.formats)
        self.encoding_names = ", ".join(dict.fromkeys(rtpmap.encoding for rtpmap in media.rtpmaps.values()))
        self.extmaps = media.extmaps
        if self.direction.sends:
            self.simulcast = media.simulcast
            self.rids = media.rids

    def allowed(self, policy: MediaPolicy) -> CodecSet:
        """The codecs that `policy` lets through."""
        key = policy.codecs, policy.stereo
        found = self._allowed.get(key)
        if found is None:
            found = self._allowed[key] = CodecSet(policy.allowed(self.kind, self.codecs.codecs), self.formats)
        return found


class SectionKey(NamedTuple):
    """The text that the facts are read from. `media` is the `m=` line without its port, `session` what is inherited."""

    session: str
    media: str
    lines: str


_KNOWN_MAX = 512
_KNOWN_MAX_CHARACTERS = 8192  # of an m-line; browsers write about 3,000
_known: OrderedDict[SectionKey, SectionFacts] = OrderedDict()
when_forgotten: list[Callable[[], None]] = []
"""What others remember of known facts goes with these, or whoever makes up ever new ones would fill the memory."""


def known_facts(key: SectionKey) -> SectionFacts | None:
    """What was read from this text lately."""
    found = _known.get(key)
    if found is not None:
        _known.move_to_end(key)
    return found


def remember(key: SectionKey, facts: SectionFacts) -> None:
    """Keep `facts` for the next client that writes the same, among the `_KNOWN_MAX` used last."""
    if facts.problem is not None or key in _known or sum(map(len, key)) > _KNOWN_MAX_CHARACTERS:
        return
    _known[key] = facts
    facts.is_known = True
    if len(_known) > _KNOWN_MAX:
        _, forgotten = _known.popitem(last=False)
        forgotten.is_known = False
        for forget in when_forgotten:
            forget()


def _sctp(media: MediaDescription) -> SctpParameters | None:
    """None: there is no valid port. Without a size the peer takes 64 kB (RFC 8841 §6)."""
    port, size = media.value("sctp-port"), media.value("max-message-size")
    if port is None or not port.isdecimal():
        return None
    return SctpParameters(int(port), int(size) if size is not None and size.isdecimal() else LOCAL_MAX_MESSAGE_SIZE)
