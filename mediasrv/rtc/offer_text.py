"""An offer's text, cut into what its client alone could write (names, keys, addresses) and what all of its kind write.

Most of an offer is the latter, and is known from the clients before: then nothing but the rest is read. Else all of it
is read line by line, which is also what finds the line of an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import repeat
from typing import NamedTuple, Self

from mediasrv.rtc.errors import SdpError
from mediasrv.rtc.sdp import (
    MAX_CHARACTERS,
    MAX_LINES,
    MAX_MEDIA,
    MEDIA_LINE,
    Section,
    SessionDescription,
)
from mediasrv.rtc.section_facts import SectionFacts, SectionKey, known_facts, remember

_OWN_NAMES = frozenset(
    ("fingerprint", "ice-options", "ice-pwd", "ice-ufrag", "mid", "msid", "setup", "ssrc", "ssrc-group")
)
# A whole line with the end of the one before. Addresses (`c=`, `a=rtcp`, `a=candidate`) are each client's own too, but
# an agent with ICE-lite looks at none.
_OWN_LINE = re.compile(
    r"\n(?:a=(fingerprint|ice-options|ice-pwd|ice-ufrag|mid|msid|setup|ssrc|ssrc-group):([^\r\n\0]{1,1000})"
    r"|c=[^\r\n\0]{0,1000}|a=(?:rtcp|candidate):[^\r\n\0]{0,1000})\r?(?=\n)"
)
_INHERITED = ("extmap", "extmap-allow-mixed", "inactive", "sendonly", "recvonly", "sendrecv")


class OwnLines:
    """Attributes that are a client's own, in order, each with the number of its line, or 0 where that is not known."""

    __slots__ = ("_lines",)

    def __init__(self, lines: Iterable[tuple[int, str | None, str]]) -> None:
        """`lines`: (number, name, value); those without a name are left out."""
        self._lines: dict[str, list[tuple[int, str]]] = {}
        for number, name, value in lines:
            if name is None:
                continue
            if name in self._lines:
                self._lines[name].append((number, value))
            else:
                self._lines[name] = [(number, value)]

    @classmethod
    def of(cls, section: Section) -> Self:
        attributes = ((line.number, *line.attribute) for line in section.lines if line.kind == "a")
        return cls(line for line in attributes if line[1] in _OWN_NAMES)

    def all(self, name: str) -> list[tuple[int, str]]:
        """(Line number, value) of each."""
        return self._lines.get(name, [])

    def first(self, name: str) -> str | None:
        lines = self._lines.get(name)
        return lines[0][1] if lines is not None else None

    def says_the_same(self, other: OwnLines) -> bool:
        """Line numbers aside."""
        return self._lines.keys() == other._lines.keys() and all(
            [value for _, value in lines] == [value for _, value in other.all(name)]
            for name, lines in self._lines.items()
        )


class SectionText(NamedTuple):
    """One m-line. `line` is the number of its first line, or 0."""

    line: int
    port: int
    facts: SectionFacts
    own: OwnLines


class OfferText(NamedTuple):
    """A whole offer; `session` is what comes before the first m-line, `own` the client's own of it."""

    session: SessionDescription
    own: OwnLines
    sections: list[SectionText]


def read_known(text: str) -> OfferText | None:
    """None: it has to be read closely, since something of it is not known, or wrong."""
    cut = _cut(text)
    if cut is None:
        return None
    session, cut_sections = cut
    sections = []
    for port, key, own in cut_sections:
        facts = known_facts(key)
        if facts is None:
            return None
        sections.append(SectionText(0, port, facts, own))
    return OfferText(session, OwnLines.of(session), sections)


def read_closely(text: str) -> OfferText:
    """Line by line, and remember what clients of this kind write. Raises `SdpError`."""
    description = SessionDescription.parse(text)
    sections = [
        SectionText(media.line_number, media.port, SectionFacts(media), OwnLines.of(media))
        for media in description.media
    ]
    if (cut := _cut(text)) is not None:
        for section, (port, key, own) in zip(sections, cut[1], strict=True):
            if port == section.port and own.says_the_same(section.own):
                remember(key, section.facts)
    return OfferText(description, OwnLines.of(description), sections)


class _CutSection(NamedTuple):
    port: int
    key: SectionKey
    own: OwnLines


def _cut(text: str) -> tuple[SessionDescription, list[_CutSection]] | None:
    """None: this has to be read line by line, and may be wrong."""
    if len(text) > MAX_CHARACTERS or text.count("\n") >= MAX_LINES or not text.endswith("\n"):
        return None
    head, *bodies = text.split("\nm=")
    if len(bodies) > MAX_MEDIA:
        return None
    try:
        session = SessionDescription.parse(head + "\n")
    except SdpError:
        return None
    inherited = "\n".join(line.value for name in _INHERITED for line in session.attribute_lines(name))
    bodies[-1:] = [body[:-1] for body in bodies[-1:]]  # its last line feed, which the others have lost
    sections = [_cut_section(inherited, body) for body in bodies]
    whole = [section for section in sections if section is not None]
    return (session, whole) if len(whole) == len(sections) else None


def _cut_section(inherited: str, body: str) -> _CutSection | None:
    first, _, _ = body.partition("\n")
    match = MEDIA_LINE.fullmatch(first.removesuffix("\r"))
    if match is None or (port := int(match[2])) > 65535:
        return None
    # What lies between the client's own lines, the name of the attribute and its value, and so on.
    pieces = _OWN_LINE.split(f"{body[len(first) :]}\n")
    own = OwnLines(zip(repeat(0), pieces[1::3], pieces[2::3], strict=False))
    return _CutSection(port, SectionKey(inherited, f"{match[1]} {match[4]}{match[5]}", "".join(pieces[::3])), own)
