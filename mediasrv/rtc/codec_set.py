"""The codecs that an m-line agreed on, with what follows from them.

Clients of one kind all offer the same, so a set is made once and shared: equal to itself alone, it is cheap to look up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache

from mediasrv.rtc.capabilities import Codec, CodecFormat, names


class CodecSet:
    """Codecs in the order of preference, out of an m-line with these payload types. Never changed."""

    def __init__(self, codecs: Iterable[Codec] = (), offered: Iterable[str] = ()) -> None:
        self.codecs = tuple(codecs)
        self._offered = tuple(dict.fromkeys(offered))

    def __iter__(self) -> Iterator[Codec]:
        return iter(self.codecs)

    def __getitem__(self, index: int) -> Codec:
        return self.codecs[index]

    def __len__(self) -> int:
        return len(self.codecs)

    def __repr__(self) -> str:
        return f"<CodecSet {'/'.join(self.names)}>"

    @cached_property
    def names(self) -> list[str]:
        """The different codec names, in order."""
        return names(self.codecs)

    @cached_property
    def payload_types(self) -> frozenset[int]:
        """Without those of retransmissions."""
        return frozenset(codec.payload_type for codec in self.codecs)

    @cached_property
    def formats(self) -> str:
        """The formats of the answer's `m=` line: what was offered and is taken, in the offer's order."""
        repairs = {codec.rtx_payload_type for codec in self.codecs} - {0}
        taken = {str(payload_type) for payload_type in self.payload_types | repairs}
        return " ".join(format_ for format_ in self._offered if format_ in taken)

    @cached_property
    def feedback(self) -> frozenset[str]:
        """The rtcp-fb kinds that at least one of them has."""
        return frozenset().union(*(codec.feedback for codec in self.codecs))

    @cached_property
    def has_rtx(self) -> bool:
        return any(codec.rtx_payload_type for codec in self.codecs)

    @cached_property
    def meaning(self) -> frozenset[tuple[int, CodecFormat, int]]:
        """What the payload types stand for in packets."""
        return frozenset(codec.meaning for codec in self.codecs)

    @cached_property
    def for_the_plane(self) -> list[tuple[int, str, int, int]]:
        """(payload type, name, clock rate in Hz, RTX payload type or 0) of each."""
        return [
            (codec.payload_type, codec.format.name, codec.format.clock_rate, codec.rtx_payload_type)
            for codec in self.codecs
        ]

    @cached_property
    def lines(self) -> str:
        """The answer's attributes that say what they are."""
        return "".join(_lines(codec, codec.feedback) for codec in self.codecs)

    @cached_property
    def lines_without_transport_cc(self) -> str:
        return "".join(_lines(codec, codec.feedback - {"transport-cc"}) for codec in self.codecs)


@lru_cache(maxsize=512)
def map_payload_types(sent: CodecSet, received: CodecSet) -> list[tuple[int, int, int]]:
    """(publisher's payload type, subscriber's, subscriber's RTX or 0) of every codec that the subscriber can take.

    An equal format is preferred over one that merely decodes the stream.
    """
    mapping = []
    for codec in sent:
        fitting = [other for other in received if other.format.decodes(codec.format)]
        if fitting:
            best = next((other for other in fitting if other.format == codec.format), fitting[0])
            mapping.append((codec.payload_type, best.payload_type, best.rtx_payload_type))
    return mapping


def _lines(codec: Codec, feedback: Iterable[str]) -> str:
    number, rtpmap = codec.payload_type, codec.rtpmap
    channels = f"/{rtpmap.channels}" if rtpmap.channels > 1 else ""
    lines = [f"rtpmap:{number} {rtpmap.encoding}/{rtpmap.clock_rate}{channels}"]
    lines += [f"rtcp-fb:{number} {kind}" for kind in sorted(feedback)]
    if codec.parameters:
        parameters = ";".join(f"{name}={value}" if value else name for name, value in codec.parameters)
        lines.append(f"fmtp:{number} {parameters}")
    if codec.rtx_payload_type:
        lines.append(f"rtpmap:{codec.rtx_payload_type} rtx/{rtpmap.clock_rate}")
        lines.append(f"fmtp:{codec.rtx_payload_type} apt={number}")
    return "".join(f"a={line}\r\n" for line in lines)
