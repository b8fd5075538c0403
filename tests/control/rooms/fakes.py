"""Media, tokens, time and clients as rooms see them, without any of the real ones.

A fake offer is text, an m-line each: `mid kind direction [codec] [rid,rid,…]`, such as `1 video send VP8 q,h,f`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mediasrv.rooms.grants import Term
from mediasrv.rooms.permissions import ALL, Permission
from mediasrv.rooms.registry import RoomRegistry
from mediasrv.rooms.room import Room, RoomLimits
from mediasrv.rtc.errors import SdpError
from mediasrv.rtc.events import Closed
from mediasrv.rtc.mix import MixSettings
from mediasrv.signaling.session import Session, SessionLimits


class VirtualClock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.now = 1_767_225_600.0
        self._timers: list[VirtualTimer] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> VirtualTimer:
        timer = VirtualTimer(self.now + delay_s, callback)
        self._timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := sorted((t for t in self._timers if t.at <= end and not t.cancelled), key=lambda t: t.at):
            self._timers.remove(due[0])
            self.now = max(self.now, due[0].at)
            due[0].callback()
        self.now = end

    @property
    def waiting(self) -> int:
        return sum(not timer.cancelled for timer in self._timers)


@dataclass(eq=False)
class VirtualTimer:
    at: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass(frozen=True)
class FakeGrant:
    identity: str
    room: str = "standup"
    name: str = ""
    permissions: Permission = ALL
    expires_at: float = 2e9
    admin: bool = False
    metadata: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    terms: dict[Permission, Term] = field(default_factory=dict)

    @property
    def grants(self) -> dict[Permission, Term]:
        return {flag: Term() for flag in Permission if flag & self.permissions} | self.terms


class FakeTokenError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


# --- media ---------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class FakeProducer:
    mid: str
    kind: str
    codec_names: list[str]
    rids: list[str]
    open: bool = False
    closed: bool = False

    def set_open(self, open: bool) -> None:
        assert not self.closed
        self.open = open

    def close(self) -> None:
        self.closed = True


@dataclass(eq=False)
class FakeSlot:
    mid: str
    kind: str
    codec: str
    producer: FakeProducer | None = None
    allowed: bool = True
    paused: bool = False
    encoding: str | None = None
    closed: bool = False

    def can_receive(self, producer: FakeProducer) -> bool:
        return producer.kind == self.kind and self.codec in producer.codec_names

    def connect(self, producer: FakeProducer | None) -> None:
        assert not self.closed
        self.producer = producer

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def set_allowed(self, allowed: bool) -> None:
        self.allowed = allowed

    def select_encoding(self, rid: str | None) -> None:
        self.encoding = rid


@dataclass(frozen=True)
class FakeOfferedTrack:
    mid: str
    kind: str


@dataclass
class FakeAnswer:
    sdp: str = "answer"
    added: list[FakeProducer] = field(default_factory=list)
    removed: list[FakeProducer] = field(default_factory=list)
    added_slots: list[FakeSlot] = field(default_factory=list)
    removed_slots: list[FakeSlot] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


class FakePeerConnection:
    """Answers fake offers; keeps producers and slots by mid as the real one does."""

    def __init__(self, room: Room, observer: Callable[[Any], None]) -> None:
        self.room = room
        self.observer = observer
        self.producers: dict[str, FakeProducer] = {}
        self.slots: dict[str, FakeSlot] = {}
        self.applied_bps: int | None = None
        self.closed = False

    def answer(self, offer: str, *, authorise: Callable[[FakeOfferedTrack], str | None]) -> FakeAnswer:
        if offer == "garbage":
            raise SdpError(1, "this is not SDP")
        answer = FakeAnswer()
        for line in offer.splitlines():
            mid, kind, direction, *more = line.split()
            codec = more[0] if more else {"audio": "opus", "video": "VP8"}[kind]
            rids = more[1].split(",") if len(more) > 1 else []
            if direction in ("send", "sendrecv"):
                self._send(answer, FakeProducer(mid, kind, [codec], rids), authorise)
            elif mid in self.producers:
                producer = self.producers.pop(mid)
                producer.close()
                answer.removed.append(producer)
            if direction in ("recv", "sendrecv"):
                if mid not in self.slots:
                    self.slots[mid] = FakeSlot(mid, kind, codec)
                    answer.added_slots.append(self.slots[mid])
            elif mid in self.slots:
                slot = self.slots.pop(mid)
                slot.closed = True
                answer.removed_slots.append(slot)
        return answer

    def _send(self, answer: FakeAnswer, producer: FakeProducer, authorise: Callable[[Any], str | None]) -> None:
        if producer.mid in self.producers:  # it goes on; only who begins to send is asked about
            return
        refusal = authorise(FakeOfferedTrack(producer.mid, producer.kind))
        if refusal is not None:
            answer.refused[producer.mid] = refusal
        else:
            self.producers[producer.mid] = producer
            answer.added.append(producer)

    def apply_policy(self) -> None:
        self.applied_bps = self.room.settings.media.track_bitrate_bps

    def restart_ice(self, remote: str) -> str:
        return f"ours for {remote}"

    def close(self) -> None:
        self.closed = True
        for producer in self.producers.values():
            producer.close()
        for slot in self.slots.values():
            slot.closed = True
        self.observer(Closed("closed"))


class FakeMix:
    """Knows who is in it."""

    def __init__(self, settings: MixSettings) -> None:
        self.settings = settings
        self.producer = FakeProducer("", "audio", ["opus"], [])
        self.sources: list[FakeProducer] = []

    @property
    def closed(self) -> bool:
        return self.producer.closed

    def add(self, producer: FakeProducer) -> None:
        assert not self.closed
        assert producer not in self.sources
        self.sources.append(producer)

    def remove(self, producer: FakeProducer) -> None:
        self.sources.remove(producer)

    def set(self, settings: MixSettings) -> None:
        self.settings = settings

    def close(self) -> None:
        self.producer.close()


# --- a server and its clients ---------------------------------------------------------------------------------------


class House:
    """Rooms with fake media, and all that they tell."""

    def __init__(self, **options: Any) -> None:
        self.clock = VirtualClock()
        self.peers: list[FakePeerConnection] = []
        self.mixes: list[FakeMix] = []
        limits = options.pop("limits", RoomLimits(resume_s=0))
        self.registry = RoomRegistry(self.connect, clock=self.clock, limits=limits, open_mix=self.open_mix, **options)
        self.events: list[Any] = []
        self.registry.observe(self.events.append)

    def connect(self, room: Room, observer: Callable[[Any], None]) -> FakePeerConnection:
        self.peers.append(FakePeerConnection(room, observer))
        return self.peers[-1]

    def open_mix(self, settings: MixSettings) -> FakeMix:
        self.mixes.append(FakeMix(settings))
        return self.mixes[-1]

    def verify(self, token: str) -> FakeGrant:
        """A token is `identity[@room][:flag,flag…]`, or `identity!` for an admin."""
        if token.endswith("!"):
            return FakeGrant(token[:-1], "", permissions=Permission(0), admin=True)
        if token == "expired":
            raise FakeTokenError("token_expired", "the token expired 3 minutes ago")
        who, _, flags = token.partition(":")
        identity, _, room = who.partition("@")
        permissions = ALL
        if flags:
            permissions = Permission(0)
            for name in flags.split(","):
                permissions |= Permission[name.upper()]
        return FakeGrant(identity, room or "standup", permissions=permissions)

    def client(self, **options: Any) -> Client:
        return Client(self, **options)

    def admin(self, token: str = "root!") -> Client:
        client = Client(self)
        client.request("authenticate", {"token": token})
        return client

    def joined(self, token: str, **options: Any) -> Client:
        client = Client(self, **options)
        client.joined = client.request("join", {"token": token})
        return client


class ReplyError(Exception):
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["code"], error["message"])
        self.code = error["code"]
        self.message = error["message"]
        self.details = error["details"]


class Client:
    """A control client that speaks JSON, and remembers in order what it heard."""

    def __init__(self, house: House, *, limits: SessionLimits | None = None, address: str | None = None) -> None:
        self.heard: list[Any] = []  # ("reply", id) and (method, params)
        self.replies: dict[int, Any] = {}
        self.closing: dict[str, str] | None = None
        self.is_closed = False
        self.takes_frames = True
        self.joined: dict[str, Any] = {}
        self._house = house
        self._next_id = 0
        self.session = Session(
            house.registry, house.verify, send=self.send, close=self.close, limits=limits, address=address
        )

    def send(self, frame: bytes | str) -> bool:
        assert isinstance(frame, str)
        assert not self.is_closed
        if not self.takes_frames:
            self.takes_frames = True  # as an outbox does: a refused frame makes room for the last one
            return False
        message = json.loads(frame)
        if message[0] == 1:
            self.replies[message[1]] = message
            self.heard.append(("reply", message[1]))
        else:
            assert message[0] == 2
            self.heard.append((message[1], message[2]))
            if message[1] == "closing":
                self.closing = message[2]
        return True

    def close(self) -> None:
        self.is_closed = True

    def request(self, method: str, params: dict[str, Any] | None = None) -> Any:
        self._next_id += 1
        self.session.feed(json.dumps([0, self._next_id, method, params or {}]))
        _, _, error, result = self.replies[self._next_id]
        if error is not None:
            raise ReplyError(error)
        return result

    def offer(self, *lines: str, **sources: str) -> Any:
        """Offer m-lines; `sources` are those of mids written as `m0="screen"`."""
        tracks = {mid[1:]: {"source": source} for mid, source in sources.items()}
        return self.request("offer", {"sdp": "\n".join(lines), "tracks": tracks})

    def drop(self) -> None:
        """The connection is gone."""
        self.session.closed()

    def told(self, *methods: str) -> list[Any]:
        """The notifications heard since the last call, all or those called `methods`."""
        told = [item for item in self.heard if item[0] != "reply" and (not methods or item[0] in methods)]
        self.heard.clear()
        return told

    @property
    def id(self) -> str:
        return str(self.joined["participant_id"])

    @property
    def participant(self) -> Any:
        return self._house.registry.rooms[self.joined["room"]].participants[self.id]

    @property
    def peer(self) -> FakePeerConnection:
        peer = self.participant._peer_connection
        assert isinstance(peer, FakePeerConnection)
        return peer
