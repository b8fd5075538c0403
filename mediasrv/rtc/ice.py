"""ICE credentials and the fragments that carry them in WHIP and WHEP (RFC 8840 §9, RFC 9725 §4.3)."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from mediasrv.rtc.errors import SdpError
from mediasrv.rtc.sdp import Line, split_lines
from mediasrv.rtc.sdp_attributes import Candidate

_UFRAG_CHARACTERS = 8
_PWD_CHARACTERS = 24


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """RFC 8839 §5.4; the password is a secret."""

    ufrag: str
    pwd: str

    @classmethod
    def generate(cls) -> Self:
        return cls(_random(_UFRAG_CHARACTERS), _random(_PWD_CHARACTERS))

    def __repr__(self) -> str:
        return f"IceCredentials({self.ufrag!r})"


def _random(length: int) -> str:
    """`length`, a multiple of 4, of the characters that ICE has: they are those of base64 (RFC 8839 §5.4)."""
    return base64.b64encode(secrets.token_bytes(length * 3 // 4)).decode()


@dataclass(frozen=True, slots=True)
class IceFragment:
    """An `application/trickle-ice-sdpfrag` body. `media` is the value of its first `m=` line, if it has one."""

    credentials: IceCredentials
    candidates: tuple[Candidate, ...] = ()
    end_of_candidates: bool = False
    mid: str = ""
    media: str = ""
    bundle: tuple[str, ...] = ()
    ice_lite: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `SdpError`; credentials are required, since they tell an ICE restart from a trickled candidate."""
        lines = [line for line in split_lines(text) if line.kind]
        values: dict[str, str] = {}
        for name, value, _ in _attributes(lines):
            values.setdefault(name, value)
        if not values.get("ice-ufrag") or not values.get("ice-pwd"):
            raise SdpError(0, "the fragment has no 'a=ice-ufrag' and 'a=ice-pwd' (RFC 8840 §9.1)")
        candidates = (
            Candidate.parse(number, value) for name, value, number in _attributes(lines) if name == "candidate"
        )
        group = values.get("group", "").split()
        return cls(
            IceCredentials(values["ice-ufrag"], values["ice-pwd"]),
            tuple(candidate for candidate in candidates if candidate is not None),
            "end-of-candidates" in values,
            values.get("mid", ""),
            next((line.value for line in lines if line.kind == "m"), ""),
            tuple(group[1:]) if group[:1] == ["BUNDLE"] else (),
            "ice-lite" in values,
        )

    def __str__(self) -> str:
        lines = ["a=ice-lite"] if self.ice_lite else []
        if self.bundle:
            lines.append(f"a=group:BUNDLE {' '.join(self.bundle)}")
        if self.media:
            lines.append(f"m={self.media}")
        if self.mid:
            lines.append(f"a=mid:{self.mid}")
        lines += [f"a=ice-ufrag:{self.credentials.ufrag}", f"a=ice-pwd:{self.credentials.pwd}"]
        lines += [f"a=candidate:{candidate}" for candidate in self.candidates]
        if self.end_of_candidates:
            lines.append("a=end-of-candidates")
        return "".join(f"{line}\r\n" for line in lines)


def _attributes(lines: list[Line]) -> Iterator[tuple[str, str, int]]:
    for line in lines:
        if line.kind == "a":
            yield *line.attribute, line.number
