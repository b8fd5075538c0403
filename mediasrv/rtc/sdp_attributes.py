"""The values of SDP attributes. Each `parse` takes the line's number for its error and raises only `SdpError`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from mediasrv.rtc.errors import SdpError

# RFC 8866 §9: `token` is what names, mids and the like are made of.
_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
_RTPMAP = re.compile(r"([0-9]{1,3}) +([!-.0-~]+)/([0-9]{1,9})(?:/([0-9]{1,3}))? *", re.ASCII)
_EXTMAP = re.compile(r"([0-9]{1,5})(?:/([a-z]+))? +([!-~]+)(?: (.*))?", re.ASCII)
_RID = re.compile(r"([A-Za-z0-9_-]+) +(send|recv)(?: +([ -~]*?))? *", re.ASCII)
_SSRC = re.compile(r"([0-9]{1,10}) +([!-9;-~]+)(?::(.*))?", re.ASCII)
_HEX_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*", re.ASCII)

_REMEMBERED_MAX_CHARACTERS = 200
HASH_BYTES: Final = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}
ACCEPTED_HASHES: Final = ("sha-256", "sha-384", "sha-512")


def token(line: int, name: str, text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise SdpError(line, f"{text[:40]!r} is no {name}: it is empty or has characters that are not allowed")
    return text


def integer(line: int, name: str, text: str, highest: int) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > highest:
        raise SdpError(line, f"{name} {text[:40]!r} is not a number from 0 to {highest}")
    return int(text)


def format_parameters(line: int, text: str) -> tuple[str, dict[str, str]]:
    """The format and the parameters of an `a=fmtp` value (RFC 8866 §6.15)."""
    format_, _, rest = text.partition(" ")
    if not format_:
        raise SdpError(line, "'a=fmtp:' names no format")
    parameters = {}
    for item in rest.split(";"):
        name, _, value = item.strip().partition("=")
        if name:
            parameters[name.strip().lower()] = value.strip()
    return format_, parameters


def ssrc(line: int, text: str) -> tuple[int, str, str]:
    """(SSRC, attribute name, its value) of an `a=ssrc` value (RFC 5576 §4.1)."""
    match = _SSRC.fullmatch(text)
    if match is None:
        raise SdpError(line, f"'a=ssrc:{text[:60]}' is not 'a=ssrc:SSRC ATTRIBUTE'")
    return integer(line, "SSRC", match[1], 0xFFFFFFFF), match[2], match[3] or ""


@dataclass(frozen=True, slots=True)
class RtpMap:
    """RFC 8866 §6.6. `channels` is 1 where the line says nothing."""

    payload_type: int
    encoding: str
    clock_rate: int
    channels: int = 1

    @classmethod
    def parse(cls, line: int, text: str) -> Self:
        match = _RTPMAP.fullmatch(text)
        if match is None:
            raise SdpError(line, f"'a=rtpmap:{text[:60]}' is not 'a=rtpmap:TYPE NAME/CLOCK'")
        payload_type = integer(line, "payload type", match[1], 127)
        return cls(payload_type, match[2], int(match[3]), int(match[4] or 1))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """RFC 8122 §5. `algorithm` is in lower case."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, line: int, text: str) -> Self | None:
        """None for a hash function that is not known here."""
        algorithm, _, digits = text.partition(" ")
        size = HASH_BYTES.get(algorithm.lower())
        if size is None:
            return None
        digits = digits.strip()
        if not _HEX_PAIRS.fullmatch(digits) or len(digits) != 3 * size - 1:
            raise SdpError(line, f"a {algorithm} fingerprint is {size} pairs of hexadecimal digits with ':' between")
        return cls(algorithm.lower(), bytes.fromhex(digits.replace(":", "")))

    def __str__(self) -> str:
        return f"{self.algorithm} {self.digest.hex(':').upper()}"


@dataclass(frozen=True, slots=True)
class ExtMap:
    """RFC 8285 §5. `direction` is empty where the line says nothing; ids of 4096 and more are placeholders."""

    id: int
    uri: str
    direction: str = ""
    attributes: str = ""

    @classmethod
    def parse(cls, line: int, text: str) -> ExtMap:
        found = _extmap(text) if len(text) <= _REMEMBERED_MAX_CHARACTERS else _extmap.__wrapped__(text)
        if isinstance(found, str):
            raise SdpError(line, found)
        return found


@lru_cache(maxsize=512)
def _extmap(text: str) -> ExtMap | str:
    """What an `a=extmap` value says, or what is wrong with it. Clients of one kind all write the same."""
    match = _EXTMAP.fullmatch(text)
    if match is None:
        return f"'a=extmap:{text[:60]}' is not 'a=extmap:ID URI'"
    if match[2] not in (None, "sendonly", "recvonly", "sendrecv", "inactive"):
        return f"'{match[2][:20]}' is no direction"
    return ExtMap(int(match[1]), match[3], match[2] or "", match[4] or "")


@dataclass(frozen=True, slots=True)
class Rid:
    """RFC 8851 §4. `restrictions` is the text after the direction; `payload_types` is empty if all are meant."""

    id: str
    direction: str
    restrictions: str = ""
    payload_types: tuple[int, ...] = ()

    @classmethod
    def parse(cls, line: int, text: str) -> Self:
        match = _RID.fullmatch(text)
        if match is None:
            raise SdpError(line, f"'a=rid:{text[:60]}' is not 'a=rid:ID send' or 'a=rid:ID recv'")
        payload_types: tuple[int, ...] = ()
        for restriction in (match[3] or "").split(";"):
            name, _, value = restriction.strip().partition("=")
            if name == "pt":
                payload_types = tuple(integer(line, "payload type", item, 127) for item in value.split(","))
        return cls(match[1], match[2], match[3] or "", payload_types)


@dataclass(frozen=True, slots=True)
class SimulcastRid:
    id: str
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Simulcast:
    """RFC 8853 §5.1: for each direction the streams in order, each a tuple of alternatives, the preferred one first."""

    send: tuple[tuple[SimulcastRid, ...], ...] = ()
    recv: tuple[tuple[SimulcastRid, ...], ...] = ()

    @classmethod
    def parse(cls, line: int, text: str) -> Self:
        words = text.split()
        found = dict(zip(words[0::2], words[1::2], strict=False))
        if len(words) not in (2, 4) or not found.keys() <= {"send", "recv"} or len(found) * 2 != len(words):
            raise SdpError(line, f"'a=simulcast:{text[:60]}' is not 'a=simulcast:send RID;RID…'")
        return cls(*(_streams(line, found[word]) if word in found else () for word in ("send", "recv")))


def _streams(line: int, text: str) -> tuple[tuple[SimulcastRid, ...], ...]:
    streams = []
    for stream in text.split(";"):
        alternatives = [SimulcastRid(item.removeprefix("~"), item.startswith("~")) for item in stream.split(",")]
        for alternative in alternatives:
            token(line, "rid", alternative.id)
        streams.append(tuple(alternatives))
    return tuple(streams)


@dataclass(frozen=True, slots=True)
class SsrcGroup:
    """RFC 5576 §4.2: `FID` pairs a stream with its retransmissions, `SIM` lists the qualities of a source."""

    semantics: str
    ssrcs: tuple[int, ...]

    @classmethod
    def parse(cls, line: int, text: str) -> Self:
        semantics, *ssrcs = text.split() or [""]
        token(line, "kind of SSRC group", semantics)
        return cls(semantics, tuple(integer(line, "SSRC", item, 0xFFFFFFFF) for item in ssrcs))


@dataclass(frozen=True, slots=True)
class Msid:
    """RFC 8830 §2. `stream` is `-` for a track without a stream; `track` may be empty."""

    stream: str
    track: str = ""

    @classmethod
    def parse(cls, line: int, text: str) -> Self:
        words = text.split()
        if not 1 <= len(words) <= 2:
            raise SdpError(line, f"'a=msid:{text[:60]}' is not 'a=msid:STREAM TRACK'")
        return cls(*words)

    def __str__(self) -> str:
        return f"{self.stream} {self.track}".rstrip()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An ICE candidate (RFC 8839 §5.1). As ours: a host candidate of an ICE-lite agent, component 1."""

    address: str
    port: int
    protocol: str = "udp"
    foundation: str = "1"
    component: int = 1
    priority: int = 2130706431
    type: str = "host"
    extensions: str = ""

    @classmethod
    def host(cls, address: str, port: int, index: int = 0) -> Self:
        """The `index`-th local address, the most preferred first: type preference 126 (RFC 8445 §5.1.2.1)."""
        return cls(address, port, foundation=str(index + 1), priority=(126 << 24) + ((65535 - index) << 8) + 255)

    @classmethod
    def parse(cls, line: int, text: str) -> Self | None:
        """None for a transport other than UDP and TCP."""
        words = text.split()
        if len(words) < 8 or words[6] != "typ":
            raise SdpError(line, "a candidate is 'FOUNDATION COMPONENT TRANSPORT PRIORITY ADDRESS PORT typ TYPE'")
        if words[2].lower() not in ("udp", "tcp"):
            return None
        return cls(
            address=words[4],
            port=integer(line, "port", words[5], 65535),
            protocol=words[2].lower(),
            foundation=words[0],
            component=integer(line, "component", words[1], 256),
            priority=integer(line, "priority", words[3], 0xFFFFFFFF),
            type=words[7],
            extensions=" ".join(words[8:]),
        )

    def __str__(self) -> str:
        text = (
            f"{self.foundation} {self.component} {self.protocol} {self.priority} "
            f"{self.address} {self.port} typ {self.type}"
        )
        return f"{text} {self.extensions}" if self.extensions else text
