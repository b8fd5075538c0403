"""Offers put together by hand, for stories that no recorded client tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

FINGERPRINT = "sha-256 " + ":".join(["5A"] * 32)
VIDEO_FORMATS = (
    "rtpmap:96 VP8/90000",
    "rtcp-fb:96 nack",
    "rtcp-fb:96 nack pli",
    "rtpmap:97 rtx/90000",
    "fmtp:97 apt=96",
    "rtpmap:98 VP9/90000",
)
EXTENSIONS = (
    "extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
    "extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
)


@dataclass
class Line:
    """One m-line. `formats` are attribute lines; the m-line lists the payload types of its rtpmaps."""

    kind: str = "video"
    direction: str = "sendonly"
    mid: str | None = None
    port: int = 9
    protocol: str = "UDP/TLS/RTP/SAVPF"
    formats: Sequence[str] = ()
    attributes: Sequence[str] = EXTENSIONS
    mux: bool = True
    bundled: bool = True


@dataclass
class Description:
    """`bundle`: whether there is a group at all."""

    lines: list[Line] = field(default_factory=list)
    bundle: bool = True
    ufrag: str = "abcd"
    pwd: str = "remote-password-of-24-ch"
    fingerprint: str | None = FINGERPRINT
    setup: str | None = "actpass"
    session: Sequence[str] = ()

    def __str__(self) -> str:
        text = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
        mids = [self._mid(index) for index, line in enumerate(self.lines) if line.bundled and line.port]
        if self.bundle:
            text.append(f"a=group:BUNDLE {' '.join(mids)}")
        text += [f"a={attribute}" for attribute in self.session]
        for index, line in enumerate(self.lines):
            formats = line.formats or (VIDEO_FORMATS if line.kind == "video" else ("rtpmap:111 opus/48000/2",))
            numbers = [each.split(":")[1].split()[0] for each in formats if each.startswith("rtpmap:")]
            text.append(f"m={line.kind} {line.port} {line.protocol} {' '.join(numbers) or 'x'}")
            text += ["c=IN IP4 0.0.0.0", f"a=mid:{self._mid(index)}", f"a={line.direction}"]
            text += [f"a=ice-ufrag:{self.ufrag}", f"a=ice-pwd:{self.pwd}"] if self.ufrag else []
            text += [f"a=fingerprint:{self.fingerprint}"] if self.fingerprint else []
            text += [f"a=setup:{self.setup}"] if self.setup else []
            text += ["a=rtcp-mux"] if line.mux else []
            text += [f"a={attribute}" for attribute in (*formats, *line.attributes)]
        return "".join(f"{line}\r\n" for line in text)

    def _mid(self, index: int) -> str:
        mid = self.lines[index].mid
        return str(index) if mid is None else mid


def description(*lines: Line, **settings: object) -> str:
    return str(Description(list(lines), **settings))  # type: ignore[arg-type]
