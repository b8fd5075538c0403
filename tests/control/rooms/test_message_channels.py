"""Messages over data channels: the same messages as over the signaling connection, on another way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgpack
import pytest

from mediasrv.rooms.grants import Term
from mediasrv.rooms.messages import MESSAGE_MAX_CHARACTERS
from mediasrv.rooms.permissions import ALL, FLAG_OF_CONSENT, Permission, flag_names
from mediasrv.rooms.room import RoomLimits
from mediasrv.rtc.data_channel import Frame
from mediasrv.rtc.events import ChannelOpened
from mediasrv.signaling.message_channel import REFUSED_REQUESTS, open_channel

from .fakes import Client, FakeGrant, House


@dataclass(eq=False)
class FakeChannel:
    """What a participant's browser has at the other end."""

    label: str = "messages"
    protocol: str = ""
    is_open: bool = True
    room: bool = True
    sent: list[Frame] = field(default_factory=list)
    on_frame: Callable[[Frame], None] = lambda _: None
    on_closed: Callable[[], None] = lambda: None

    def send(self, frame: Frame) -> bool:
        if self.is_open and self.room:
            self.sent.append(frame)
            return True
        return False

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self.on_closed()

    def ask(self, method: str, params: Any, request_id: int = 1) -> Any:
        """The reply to a request in JSON: (error, result)."""
        before = len(self.sent)
        self.on_frame(json.dumps([0, request_id, method, params]))
        kind, replied, error, result = json.loads(self.sent[before])
        assert (kind, replied) == (1, request_id)
        return error, result

    def told(self) -> list[tuple[str, Any]]:
        """Notifications in JSON."""
        frames = [json.loads(frame) for frame in self.sent if isinstance(frame, str)]
        self.sent.clear()
        return [(frame[1], frame[2]) for frame in frames if frame[0] == 2]


@pytest.fixture
def house() -> House:
    return House(open_channel=open_channel)


def channel_of(client: Client, label: str = "messages", **options: Any) -> FakeChannel:
    if client.participant._peer_connection is None:
        client.offer("0 audio recv")
    channel = FakeChannel(label, **options)
    client.peer.observer(ChannelOpened(channel))
    client.told()
    return channel


def texts(told: list[tuple[str, Any]]) -> list[str]:
    return [params["text"] for method, params in told if method == "message"]


def test_a_message_goes_from_channel_to_channel_and_is_acknowledged(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    theirs, other = channel_of(ada), channel_of(bob)
    error, result = theirs.ask("send_message", {"text": "hello"})
    assert error is None
    assert result["recipients"] == [bob.id]
    assert result["pending"] == []
    [(method, message)] = other.told()
    assert method == "message"
    assert message == {
        "message_id": result["message_id"],
        "from": ada.id,
        "to": None,
        "text": "hello",
        "sent_at": house.clock.now,
    }
    assert bob.told("message") == [], "it comes once"


def test_who_has_no_channel_gets_it_over_signaling_and_the_other_way_round(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    channel = channel_of(ada)
    channel.ask("send_message", {"text": "over the channel"})
    assert texts(bob.told()) == ["over the channel"]
    assert bob.request("send_message", {"text": "over signaling", "to": [ada.id]})["recipients"] == [ada.id]
    assert texts(channel.told()) == ["over signaling"]
    assert texts(ada.told()) == []


def test_a_participant_without_signaling_has_its_channel(house: House) -> None:
    """As one that came by WHIP."""
    ada, bob = house.joined("ada"), house.joined("bob")
    channel = channel_of(bob)
    bob.participant.presence.attach(lambda _: None, lambda: None).silence()
    assert ada.request("send_message", {"text": "hi"})["recipients"] == [bob.id]
    assert texts(channel.told()) == ["hi"]


def test_the_form_of_the_last_frame_is_answered(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    channel = channel_of(ada, protocol="msgpack")
    bob.request("send_message", {"text": "one"})
    assert msgpack.unpackb(channel.sent.pop())[1] == "message"
    channel.on_frame(json.dumps([0, 1, "send_message", {"text": "two"}]))
    assert isinstance(channel.sent.pop(), str)
    channel.on_frame(msgpack.packb([0, 2, "send_message", {"text": "three"}]))
    assert msgpack.unpackb(channel.sent.pop())[:3] == [1, 2, None]
    bob.request("send_message", {"text": "four"})
    assert isinstance(channel.sent.pop(), bytes)


def sends(channel: FakeChannel) -> bool:
    """Whether a message is taken; a refusal names the flag."""
    error, result = channel.ask("send_message", {"text": "hello"})
    if error is not None:
        assert (error["code"], error["details"]) == ("permission_denied", {"permission": "send_message"})
    return error is None and bool(result["recipients"])


WITHOUT_JOIN = [flag for flag in Permission if flag != Permission.JOIN]


@pytest.mark.parametrize("label", ["messages", "unreliable-messages"])
@pytest.mark.parametrize("flag", WITHOUT_JOIN, ids=lambda flag: flag.name)
def test_every_flag_alone_and_every_flag_missing(house: House, flag: Permission, label: str) -> None:
    bob = channel_of(house.joined("bob:join"), label)  # to receive takes no flag
    without = channel_of(house.joined("without:" + ",".join(flag_names(ALL & ~flag))), label)
    alone = channel_of(house.joined(f"alone:join,{str(flag.name).lower()}"), label)
    assert sends(without) is (flag != Permission.SEND_MESSAGE)
    assert sends(alone) is (flag == Permission.SEND_MESSAGE)
    assert texts(bob.told()) == ["hello"]


@pytest.mark.parametrize("label", ["messages", "unreliable-messages"])
@pytest.mark.parametrize(
    ("flag", "how"),
    [(flag, how) for flag in WITHOUT_JOIN for how in ("revoke", "expiry")]
    + [(flag, "consent") for flag in FLAG_OF_CONSENT.values()],
)
def test_a_flag_that_goes_while_a_channel_is_open(house: House, flag: Permission, how: str, label: str) -> None:
    consents = [name for name, of in FLAG_OF_CONSENT.items() if of == flag]
    host, bob = house.joined("host"), house.joined("bob")
    ends = {flag: Term(until=house.clock.now + 5)} if how == "expiry" else {}
    ada = house.client()
    ada.session._verify = lambda _: FakeGrant("ada", terms=ends)
    ada.joined = ada.request("join", {"token": "t"})
    channel, other = channel_of(ada, label), channel_of(bob, label)
    assert sends(channel)
    match how:
        case "revoke":
            host.request("revoke", {"participant_id": ada.id, "permissions": flag_names(flag)})
        case "expiry":
            house.clock.advance(5)
        case "consent":
            ada.request("set_consent", {"consents": {consents[0]: False}})
    channel.sent.clear()
    other.sent.clear()
    assert sends(channel) is (flag != Permission.SEND_MESSAGE)
    assert texts(other.told()) == ["hello"] * (flag != Permission.SEND_MESSAGE)


@pytest.mark.parametrize("how", ["revoke", "expiry"])
def test_who_loses_join_has_no_channel_any_more(house: House, how: str) -> None:
    host, ada = house.joined("host"), house.client()
    ends = {Permission.JOIN: Term(until=house.clock.now + 5)} if how == "expiry" else {}
    ada.session._verify = lambda _: FakeGrant("ada", terms=ends)
    ada.joined = ada.request("join", {"token": "t"})
    channel, other = channel_of(ada), channel_of(host)
    if how == "revoke":
        host.request("revoke", {"participant_id": ada.id, "permissions": ["join"]})
    else:
        house.clock.advance(5)
    assert channel.ask("send_message", {"text": "still here"})[0]["code"] == "not_joined"
    assert texts(other.told()) == []
    assert texts(host.told()) == []


def test_permission_size_and_rate_are_those_of_signaling(house: House) -> None:
    mute, bob = house.joined("mute:join,subscribe"), house.joined("bob")
    error, _ = channel_of(mute).ask("send_message", {"text": "hello"})
    assert error["code"] == "permission_denied"
    assert error["details"] == {"permission": "send_message"}
    channel = channel_of(bob)
    error, _ = channel.ask("send_message", {"text": "x" * (MESSAGE_MAX_CHARACTERS + 1)})
    assert error["code"] == "too_large"
    codes = [error and error["code"] for error, _ in (channel.ask("send_message", {"text": "x"}) for _ in range(25))]
    assert codes.count(None) == 19
    assert set(codes) == {None, "rate_limited"}
    with pytest.raises(Exception, match="too many messages"):
        bob.request("send_message", {"text": "the bucket is the same"})
    house.clock.advance(10)
    assert channel.ask("send_message", {"text": "x"})[0] is None


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('[0,7,"leave",{}]', "unknown_method"),
        ('[0,7,"send_message",{"text":5}]', "invalid_params"),
        ('[0,7,"send_message",[]]', "bad_request"),
        ('[0,7,"send_message",{"text":"x","to":["p_nobody"]}]', "not_found"),
    ],
)
def test_what_makes_no_sense_is_refused(house: House, frame: str, code: str) -> None:
    channel = channel_of(house.joined("ada"))
    channel.on_frame(frame)
    kind, request_id, error, _ = json.loads(channel.sent.pop())
    assert (kind, request_id, error["code"]) == (1, 7, code)


@pytest.mark.parametrize("frame", ["", "{", b"\xc1", "x" * 70_000, b"\x00" * 70_000, '[2,"message",{}]'])
def test_what_is_no_request_counts_until_the_channel_is_closed(house: House, frame: Frame) -> None:
    ada = house.joined("ada")
    channel = channel_of(ada)
    for _ in range(REFUSED_REQUESTS - 1):
        channel.on_frame(frame)
    assert channel.is_open
    assert channel.sent == []
    channel.ask("send_message", {"text": "is anybody here?"})
    for _ in range(REFUSED_REQUESTS):
        channel.on_frame(frame)
    assert not channel.is_open
    assert ada.participant.left is None


def test_a_closed_channel_gives_way_to_signaling(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    first, second = channel_of(bob), channel_of(bob)
    ada.request("send_message", {"text": "one"})
    assert (texts(first.told()), texts(second.told())) == ([], ["one"]), "the latest counts"
    second.close()
    ada.request("send_message", {"text": "two"})
    assert texts(first.told()) == ["two"]
    first.close()
    ada.request("send_message", {"text": "three"})
    assert texts(bob.told()) == ["three"]


def test_a_channel_that_is_full_gives_way_to_signaling(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    channel = channel_of(bob)
    channel.room = False
    ada.request("send_message", {"text": "one"})
    assert texts(bob.told()) == ["one"]


def test_what_need_not_arrive_takes_the_unreliable_way_and_is_not_kept(house: House) -> None:
    house = House(open_channel=open_channel, limits=RoomLimits(resume_s=30))
    ada, bob, carol = house.joined("ada"), house.joined("bob"), house.joined("carol")
    source = channel_of(ada, "unreliable-messages")
    reliable, unreliable = channel_of(bob), channel_of(bob, "unreliable-messages")
    carol.drop()
    error, result = source.ask("send_message", {"text": "a cursor"})
    assert error is None
    assert (result["recipients"], result["pending"]) == ([bob.id], [])
    assert texts(unreliable.told()) == ["a cursor"]
    unreliable.room = False
    source.ask("send_message", {"text": "lost"})
    assert (texts(reliable.told()), texts(bob.told())) == ([], [])
    unreliable.close()
    source.ask("send_message", {"text": "another way"})
    assert texts(reliable.told()) == ["another way"]
    bob.request("send_message", {"text": "must arrive", "to": [ada.id]})
    assert texts(ada.told()) == ["must arrive"]


def test_who_is_away_gets_it_later_and_the_sender_is_told_on_its_channel(house: House) -> None:
    house = House(open_channel=open_channel, limits=RoomLimits(resume_s=30))
    ada, bob = house.joined("ada"), house.joined("bob")
    channel = channel_of(ada)
    bob.drop()
    _, result = channel.ask("send_message", {"text": "are you back?"})
    assert (result["recipients"], result["pending"]) == ([], [bob.id])
    back = house.client()
    back.request("resume_session", {"resume_token": bob.joined["resume_token"], "epoch": 2})
    assert texts(back.told()) == ["are you back?"]
    assert channel.told() == [("message_delivered", {"message_id": result["message_id"], "participant_id": bob.id})]


def test_other_channels_are_left_alone(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    channel = channel_of(bob, "game")
    channel.on_frame("anything")
    ada.request("send_message", {"text": "hello"})
    assert channel.sent == []
    assert texts(bob.told()) == ["hello"]


def test_every_message_is_the_same_event_whatever_way_it_took(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    channel = channel_of(ada)
    channel.ask("send_message", {"text": "first text"})
    ada.request("send_message", {"text": "second text", "to": [bob.id]})
    sent = [event for event in house.events if type(event).__name__ == "MessageSent"]
    assert [(event.sender_id, event.recipients, event.text) for event in sent] == [
        (ada.id, (bob.id,), "first text"),
        (ada.id, (bob.id,), "second text"),
    ]
    assert sent[0].text not in repr(sent[0])
