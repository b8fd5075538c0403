"""Session descriptions (RFC 8866) as lines.

A description keeps every line it was made of, known or not, in order and with its line ending, so it prints back to
the identical text. What the lines mean is read on demand by typed accessors, which raise `SdpError` for a line they
can't read; nothing else is ever raised, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Flag
from itertools import pairwise, repeat
from typing import NamedTuple, Self

from mediasrv.rtc import sdp_attributes as attributes
from mediasrv.rtc.errors import SdpError
from mediasrv.rtc.sdp_attributes import (
    Candidate,
    ExtMap,
    Fingerprint,
    Msid,
    Rid,
    RtpMap,
    Simulcast,
    SsrcGroup,
)

MAX_CHARACTERS = 1 << 20
MAX_LINES = 1 << 15
MAX_LINE_CHARACTERS = 8192
MAX_MEDIA = 128

MEDIA_LINE = re.compile(r"([!-~]+) ([0-9]{1,5})(?:/([0-9]{1,5}))? ([!-~]+)((?: [!-~]+)+)", re.ASCII)
# A text that is nothing but such lines needs no closer look: several times as fast as line by line.
_LINE = re.compile(r"([a-z])=([^\r\n\0]{0,8190})(\r?\n)")
_BANDWIDTH = re.compile(r"([!-9;-~]+):([0-9]{1,15})", re.ASCII)


class Direction(Flag):
    """Who sends, seen from the side whose description it is (RFC 3264 §5.1)."""

    INACTIVE = 0
    SENDONLY = 1
    RECVONLY = 2
    SENDRECV = 3

    @staticmethod
    def of(*, send: bool, recv: bool) -> Direction:
        return _DIRECTIONS[(1 if send else 0) | (2 if recv else 0)]

    @property
    def sends(self) -> bool:
        return self is Direction.SENDONLY or self is Direction.SENDRECV

    @property
    def receives(self) -> bool:
        return self is Direction.RECVONLY or self is Direction.SENDRECV

    @property
    def word(self) -> str:
        """As an attribute name: `sendonly`."""
        return _DIRECTION_WORDS[self.value]


_DIRECTION_WORDS = ("inactive", "sendonly", "recvonly", "sendrecv")
_DIRECTIONS = (Direction.INACTIVE, Direction.SENDONLY, Direction.RECVONLY, Direction.SENDRECV)


class Line(NamedTuple):
    """`kind` is the letter before `=`; `ending` is as it came, empty for a last line without one."""

    kind: str
    value: str
    number: int = 0
    ending: str = "\r\n"

    @property
    def attribute(self) -> tuple[str, str]:
        """(name, value) of an `a=` line; the value is empty for a property attribute."""
        name, _, value = self.value.partition(":")
        return name, value

    def __str__(self) -> str:
        return f"{self.kind}={self.value}{self.ending}"


@dataclass(slots=True)
class Section:
    """Lines that belong together: the session part, or one media description with its `m=` line first."""

    lines: list[Line] = field(default_factory=list)
    _index: dict[str, list[Line]] | None = field(default=None, repr=False, compare=False)

    def add(self, kind: str, value: str) -> None:
        self.lines.append(_make_line(Line, (kind, value, 0, "\r\n")))
        self._index = None

    def attribute_lines(self, name: str) -> list[Line]:
        """The `a=name` lines of this section."""
        if self._index is None:
            index: dict[str, list[Line]] = {}
            for line in self.lines:
                kind, value, _, _ = line
                if kind == "a":
                    found = value.partition(":")[0]
                    if found in index:
                        index[found].append(line)
                    else:
                        index[found] = [line]
            self._index = index
        return self._index.get(name, [])

    def values(self, name: str) -> list[str]:
        """The values of the `a=name` lines."""
        start = len(name) + 1
        return [line.value[start:] for line in self.attribute_lines(name)]

    def has(self, name: str) -> bool:
        return bool(self.attribute_lines(name))

    def value(self, name: str) -> str | None:
        """The value of the first `a=name` line."""
        lines = self.attribute_lines(name)
        return lines[0].value[len(name) + 1 :] if lines else None

    @property
    def bandwidths(self) -> dict[str, int]:
        """`b=` by type: AS in kilobits, TIAS in bits a second (RFC 8866 §5.8, RFC 3890)."""
        found = {}
        for line in self.lines:
            if line.kind == "b":
                match = _BANDWIDTH.fullmatch(line.value)
                if match is None:
                    raise SdpError(line.number, f"'b={line.value}' is not TYPE:NUMBER")
                found[match[1]] = int(match[2])
        return found

    def __str__(self) -> str:
        return "".join([f"{kind}={value}{ending}" for kind, value, _, ending in self.lines])


@dataclass(slots=True)
class MediaDescription(Section):
    """One `m=` line and what follows it. Accessors fall back to the session's lines where the RFCs say so."""

    session: Section = field(default_factory=Section, repr=False, compare=False)
    kind: str = ""
    port: int = 0
    protocol: str = ""
    formats: tuple[str, ...] = ()

    @classmethod
    def begin(cls, line: Line, session: Section) -> Self:
        match = MEDIA_LINE.fullmatch(line.value)
        if match is None:
            raise SdpError(line.number, f"'m={line.value[:80]}' is not 'm=MEDIA PORT PROTOCOL FORMAT…'")
        if int(match[2]) > 65535:
            raise SdpError(line.number, f"port {match[2]} is above 65535")
        return cls(
            lines=[line],
            session=session,
            kind=match[1],
            port=int(match[2]),
            protocol=match[4],
            formats=tuple(match[5].split()),
        )

    @property
    def line_number(self) -> int:
        return self.lines[0].number

    def inherited_lines(self, name: str) -> list[Line]:
        """The section's own `a=name` lines, or else the session's."""
        return self.attribute_lines(name) or self.session.attribute_lines(name)

    def inherited_value(self, name: str) -> str | None:
        own = self.value(name)
        return own if own is not None else self.session.value(name)

    @property
    def mid(self) -> str | None:
        """RFC 5888 §4."""
        for line in self.attribute_lines("mid"):
            return attributes.token(line.number, "mid", line.attribute[1])
        return None

    @property
    def direction(self) -> Direction:
        for section in (self, self.session):
            for value, word in enumerate(_DIRECTION_WORDS):
                if section.has(word):
                    return Direction(value)
        return Direction.SENDRECV

    @property
    def ice_ufrag(self) -> str | None:
        return self.inherited_value("ice-ufrag")

    @property
    def ice_pwd(self) -> str | None:
        return self.inherited_value("ice-pwd")

    @property
    def ice_options(self) -> tuple[str, ...]:
        return tuple((self.inherited_value("ice-options") or "").split())

    @property
    def fingerprints(self) -> list[Fingerprint]:
        """RFC 8122 §5; hash functions that are not known here are left out."""
        found = (Fingerprint.parse(line.number, line.attribute[1]) for line in self.inherited_lines("fingerprint"))
        return [fingerprint for fingerprint in found if fingerprint is not None]

    @property
    def setup(self) -> str | None:
        """`active`, `passive`, `actpass` or `holdconn` (RFC 4145 §4)."""
        for line in self.inherited_lines("setup"):
            value = line.attribute[1]
            if value not in ("active", "passive", "actpass", "holdconn"):
                raise SdpError(line.number, f"'{value[:40]}' is no setup role: it is active, passive or actpass")
            return value
        return None

    @property
    def rtpmaps(self) -> dict[int, RtpMap]:
        """By payload type."""
        found = (RtpMap.parse(line.number, line.attribute[1]) for line in self.attribute_lines("rtpmap"))
        return {rtpmap.payload_type: rtpmap for rtpmap in found}

    @property
    def format_parameters(self) -> dict[str, dict[str, str]]:
        """`a=fmtp` by format: names in lower case; one without `=` has an empty value."""
        found: dict[str, dict[str, str]] = {}
        for line in self.attribute_lines("fmtp"):
            format_, parameters = attributes.format_parameters(line.number, line.attribute[1])
            found.setdefault(format_, {}).update(parameters)
        return found

    @property
    def feedback(self) -> dict[str, set[str]]:
        """`a=rtcp-fb` by format, `*` included as it is (RFC 4585 §4.2)."""
        found: dict[str, set[str]] = {}
        for line in self.attribute_lines("rtcp-fb"):
            format_, _, kind = line.attribute[1].partition(" ")
            if not format_ or not kind:
                raise SdpError(line.number, f"'a={line.value[:80]}' is not 'a=rtcp-fb:FORMAT KIND'")
            found.setdefault(format_, set()).add(" ".join(kind.split()))
        return found

    @property
    def extmaps(self) -> list[ExtMap]:
        """RFC 8285 §5: those of the session hold for every section."""
        lines = [*self.attribute_lines("extmap"), *self.session.attribute_lines("extmap")]
        return [ExtMap.parse(line.number, line.attribute[1]) for line in lines]

    @property
    def extmap_allow_mixed(self) -> bool:
        return bool(self.inherited_lines("extmap-allow-mixed"))

    @property
    def rids(self) -> dict[str, Rid]:
        """RFC 8851 §4, in order."""
        found = (Rid.parse(line.number, line.attribute[1]) for line in self.attribute_lines("rid"))
        return {rid.id: rid for rid in found}

    @property
    def simulcast(self) -> Simulcast | None:
        """RFC 8853 §5.1."""
        for line in self.attribute_lines("simulcast"):
            return Simulcast.parse(line.number, line.attribute[1])
        return None

    @property
    def ssrcs(self) -> dict[int, dict[str, str]]:
        """`a=ssrc` attributes by SSRC, in order (RFC 5576 §4.1)."""
        found: dict[int, dict[str, str]] = {}
        for line in self.attribute_lines("ssrc"):
            ssrc, name, value = attributes.ssrc(line.number, line.attribute[1])
            found.setdefault(ssrc, {})[name] = value
        return found

    @property
    def ssrc_groups(self) -> list[SsrcGroup]:
        return [SsrcGroup.parse(line.number, line.attribute[1]) for line in self.attribute_lines("ssrc-group")]

    @property
    def msids(self) -> list[Msid]:
        """RFC 8830 §2; the form of older senders, an `msid` inside `a=ssrc`, counts if there is no other."""
        found = [Msid.parse(line.number, line.attribute[1]) for line in self.attribute_lines("msid")]
        if not found:
            of_ssrcs = (values["msid"] for values in self.ssrcs.values() if values.get("msid"))
            found = [Msid.parse(self.line_number, value) for value in dict.fromkeys(of_ssrcs)]
        return found

    @property
    def candidates(self) -> list[Candidate]:
        """RFC 8839 §5.1; transports other than UDP and TCP are left out."""
        found = (Candidate.parse(line.number, line.attribute[1]) for line in self.attribute_lines("candidate"))
        return [candidate for candidate in found if candidate is not None]

    @property
    def sctp_port(self) -> int | None:
        """RFC 8841 §5.1."""
        for line in self.attribute_lines("sctp-port"):
            return attributes.integer(line.number, "sctp-port", line.attribute[1], 65535)
        return None


@dataclass(slots=True)
class SessionDescription(Section):
    """A whole description: its own lines are those before the first `m=`."""

    media: list[MediaDescription] = field(default_factory=list)
    trailer: str = ""
    """Empty lines after the last line, which some senders add."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `SdpError`."""
        lines = list(split_lines(text))
        kinds = [line[0] for line in lines]
        end = len(lines)
        while end and not kinds[end - 1]:
            end -= 1
        if not end:
            raise SdpError(0, "the text is empty")
        first = lines[0]
        if (first.kind, first.value) != ("v", "0"):
            raise SdpError(first.number, f"a description begins with 'v=0', not with '{str(first).strip()[:40]}'")
        if "" in kinds[:end]:
            raise SdpError(kinds.index("") + 1, "an empty line in the middle of a description")
        starts = [*(index for index, kind in enumerate(kinds) if kind == "m"), end]
        description = cls(lines[: starts[0]], trailer="".join(line.ending for line in lines[end:]))
        for start, next_start in pairwise(starts):
            description._begin_media(lines[start]).lines = lines[start:next_start]
        if "o" not in kinds[: starts[0]]:
            raise SdpError(0, "there is no 'o=' line (RFC 8866 §5.2)")
        return description

    def begin_media(self, kind: str, port: int, protocol: str, formats: Iterable[str]) -> MediaDescription:
        """Append a media description."""
        return self._begin_media(Line("m", f"{kind} {port} {protocol} {' '.join(formats)}"))

    def _begin_media(self, line: Line) -> MediaDescription:
        if len(self.media) == MAX_MEDIA:
            raise SdpError(line.number, f"more than {MAX_MEDIA} m-lines")
        self.media.append(MediaDescription.begin(line, self))
        return self.media[-1]

    @property
    def bundle(self) -> tuple[str, ...] | None:
        """The mids of the first BUNDLE group (RFC 9143 §5); None: there is none."""
        for line in self.attribute_lines("group"):
            words = line.attribute[1].split()
            if words[:1] == ["BUNDLE"]:
                return tuple(words[1:])
        return None

    @property
    def ice_lite(self) -> bool:
        return self.has("ice-lite")

    def __str__(self) -> str:
        return Section.__str__(self) + "".join(map(str, self.media)) + self.trailer


_make_line: Callable[[type[Line], tuple[str, str, int, str]], Line] = tuple.__new__


def split_lines(text: str) -> Iterable[Line]:
    """The lines of SDP, or of a fragment of it; an empty line has an empty `kind`. Raises `SdpError`."""
    if len(text) > MAX_CHARACTERS:
        raise SdpError(0, f"{len(text)} characters, more than the {MAX_CHARACTERS} that are read")
    if text.count("\n") >= MAX_LINES:
        raise SdpError(0, f"more than {MAX_LINES} lines")
    if found := _LINE.findall(text):
        kinds, values, endings = zip(*found, strict=True)
        if 2 * len(found) + sum(map(len, values)) + sum(map(len, endings)) == len(text):
            # What `Line` itself would do for each in Python.
            rows = zip(kinds, values, range(1, len(found) + 1), endings, strict=True)
            return map(_make_line, repeat(Line), rows)
    return _split_closely(text)


def _split_closely(text: str) -> Iterator[Line]:
    *terminated, last = text.split("\n")
    for number, raw in enumerate(terminated, start=1):
        yield _split_line(number, raw, "\n")
    if last:
        yield _split_line(len(terminated) + 1, last, "")


def _split_line(number: int, raw: str, ending: str) -> Line:
    text, ending = (raw[:-1], "\r" + ending) if raw.endswith("\r") else (raw, ending)
    if not text:
        return Line("", "", number, ending)
    if len(text) > MAX_LINE_CHARACTERS:
        raise SdpError(number, f"longer than {MAX_LINE_CHARACTERS} characters")
    if text[1:2] != "=" or not "a" <= text[0] <= "z":
        raise SdpError(number, f"{text[:40]!r} is not of the form 'x=value'")
    if "\r" in text or "\0" in text:
        raise SdpError(number, "a carriage return or a zero byte inside a line")
    return Line(text[0], text[2:], number, ending)
