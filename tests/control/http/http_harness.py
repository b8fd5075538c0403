"""The HTTP server over real rooms, whose peer connections are made of Python: no media flows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

from mediasrv import tokens
from mediasrv.http.server import HttpServer
from mediasrv.rooms.permissions import ALL, Permission, flag_names
from mediasrv.rooms.registry import RoomRegistry
from mediasrv.rtc.errors import NegotiationError
from mediasrv.rtc.ice import IceCredentials, IceFragment
from mediasrv.tokens import TokenVerifier

KEYS = {"main": "0123456789abcdef0123456789abcdef"}
CREDENTIALS = "a=ice-ufrag:EsAw\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\n"


CODECS = {"audio": "opus/48000/2", "video": "VP8/90000"}


def offer(*sections: tuple[str, str | None]) -> str:
    """An offer with a section for each (kind, direction)."""
    lines = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", *CREDENTIALS.split()]
    lines += [
        f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}",
        f"a=group:BUNDLE {' '.join(map(str, range(len(sections))))}",
    ]
    for mid, (kind, direction) in enumerate(sections):
        lines += [f"m={kind} 9 UDP/TLS/RTP/SAVPF 96", "a=rtcp-mux", f"a=mid:{mid}", f"a=rtpmap:96 {CODECS[kind]}"]
        lines += [f"a={direction}"] if direction else []
    return "\r\n".join(lines) + "\r\n"


@dataclass(eq=False)
class FakeProducer:
    mid: str
    kind: str
    codec_names: tuple[str, ...] = ("opus",)
    rids: tuple[str, ...] = ()
    closed: bool = False
    open: bool = False

    def set_open(self, open: bool) -> None:
        self.open = open

    def close(self) -> None:
        self.closed = True


class FakeMix:
    def __init__(self, settings: Any) -> None:
        self.producer = FakeProducer("", "audio")

    def add(self, producer: Any) -> None: ...
    def remove(self, producer: Any) -> None: ...
    def set(self, settings: Any) -> None: ...
    def close(self) -> None:
        self.producer.close()


@dataclass
class FakeSlot:
    mid: str
    kind: str
    closed: bool = False
    producer: Any = None

    def can_receive(self, producer: Any) -> bool:
        return True

    def connect(self, producer: Any) -> None:
        self.producer = producer

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def set_allowed(self, allowed: bool) -> None: ...
    def select_encoding(self, rid: str | None) -> None: ...


@dataclass(frozen=True)
class Offered:
    mid: str
    kind: str
    simulcast_rids: tuple[str, ...] = ()
    msid: str | None = None


@dataclass
class FakeAnswer:
    sdp: str
    added: list[FakeProducer] = field(default_factory=list)
    removed: list[FakeProducer] = field(default_factory=list)
    added_slots: list[FakeSlot] = field(default_factory=list)
    removed_slots: list[FakeSlot] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


class FakePeerConnection:
    """Answers by the directions in the offer; `a=x-codec:none` stands for a codec that the room does not take."""

    def __init__(self, observer: Callable[[Any], None]) -> None:
        self.observer = observer
        self.producers: dict[str, FakeProducer] = {}
        self.slots: dict[str, FakeSlot] = {}
        self.offers: list[str] = []
        self.restarts = 0
        self.closed = False

    def answer(self, text: str, *, authorise: Callable[[Offered], str | None]) -> FakeAnswer:
        self.offers.append(text)
        if "a=x-conflict" in text:
            raise NegotiationError("ssrc_conflict", "two tracks with one SSRC")
        if "candidate-that-explodes" in text:
            raise RuntimeError("a fault of the server")
        answer = FakeAnswer("v=0\r\ns=answer\r\n")
        for section in re.split(r"^(?=m=)", text, flags=re.MULTILINE)[1:]:
            kind, mid = section[2:7], section.split("a=mid:")[1].split()[0]
            if "a=x-codec:none" in section:
                answer.refused[mid] = "no common codec"
            elif "a=sendonly" in section:
                if reason := authorise(Offered(mid, kind)):
                    answer.refused[mid] = reason
                else:
                    answer.added.append(FakeProducer(mid, kind))
            elif "a=recvonly" in section:
                answer.added_slots.append(FakeSlot(mid, kind))
        self.producers |= {producer.mid: producer for producer in answer.added}
        self.slots |= {slot.mid: slot for slot in answer.added_slots}
        return answer

    def restart_ice(self, remote: IceFragment) -> IceFragment:
        self.restarts += 1
        return IceFragment(IceCredentials(f"server{self.restarts}", "s" * 24), ice_lite=True)

    def close(self) -> None:
        self.closed = True


class Harness:
    """A server, a client for it, and what happened behind it."""

    def __init__(self, web_folder: Path) -> None:
        self.peers: list[FakePeerConnection] = []
        self.now = 1_800_000_000.0
        self.rooms = RoomRegistry(lambda _room, observer: self._connect(observer), open_mix=FakeMix)
        self.wrong: dict[str, str] = {}
        self.warnings: dict[str, str] = {}
        self.sessions: list[Any] = []
        self.open_session: Callable[[Any, Any], Any] = lambda _send, _close: None
        self.verifier = TokenVerifier(KEYS, clock=lambda: self.now)
        self.server = HttpServer(
            web_folder=web_folder,
            rooms=self.rooms,
            verifier=self.verifier,
            open_session=lambda send, close, _address: self.open_session(send, close),
            checks=self.checks,
            warnings=lambda: self.warnings,
            dev_key=("main", KEYS["main"]),
        )
        self.client: TestClient[web.Request, web.Application]

    async def checks(self) -> Mapping[str, str]:
        return {"server": "ok", "database": "ok", **self.wrong}

    def _connect(self, observer: Callable[[Any], None]) -> FakePeerConnection:
        self.peers.append(FakePeerConnection(observer))
        return self.peers[-1]

    def token(
        self,
        permissions: Permission = ALL,
        *,
        identity: str = "ada",
        room: str = "blue",
        ttl_s: int = 60,
        grants: dict[str, bool | float] | None = None,
    ) -> str:
        grants = grants or dict.fromkeys(flag_names(permissions), True)
        arguments = {"identity": identity, "room": room, "grants": grants, "ttl_s": ttl_s, "now": self.now}
        return tokens.mint("main", KEYS["main"], **arguments)

    def bearer(self, *arguments: Any, **keywords: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(*arguments, **keywords)}"}

    async def post(self, path: str, body: str, headers: Mapping[str, str] | None = None) -> Any:
        headers = self.bearer() if headers is None else headers
        return await self.client.post(path, data=body.encode(), headers={"Content-Type": "application/sdp", **headers})

    async def publish(self, **keywords: Any) -> str:
        """The URL of a new WHIP session with audio."""
        response = await self.post("/whip/blue", offer(("audio", "sendonly")), self.bearer(**keywords))
        assert response.status == 201, await response.text()
        return response.headers["Location"]

    def participants(self) -> list[str]:
        return [p.identity for room in self.rooms.rooms.values() for p in room.participants.values()]
