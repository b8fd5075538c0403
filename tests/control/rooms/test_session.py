"""The state machine of a connection: states, formats, bounds and how it ends."""

import asyncio
import dataclasses
import json
from typing import Any

import msgpack  # type: ignore[import-untyped]
import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.rtc.events import Connected
from mediasrv.signaling.method import Scope
from mediasrv.signaling.method_table import METHODS
from mediasrv.signaling.schema import Nothing
from mediasrv.signaling.session import Session, SessionLimits

from .fakes import House, ReplyError

REFUSALS = {"participant": "not_joined", "moderator": "not_joined", "admin": "not_authenticated"}


@pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].scope != Scope.CONNECTION])
def test_a_stranger_may_call_nothing_else(house: House, method: str) -> None:
    with pytest.raises(ReplyError) as refused:
        house.client().request(method, _example(method))
    assert refused.value.code == REFUSALS[METHODS[method].scope]


@pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].scope == Scope.MODERATOR])
def test_who_does_not_moderate_may_call_nothing_of_moderators(house: House, method: str) -> None:
    ada = house.joined("ada:join,publish_audio,subscribe")
    with pytest.raises(ReplyError) as refused:
        ada.request(method, _example(method) | {"room": "standup"})
    assert (refused.value.code, refused.value.details) == ("permission_denied", {"permission": "moderate"})


@pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].scope == Scope.ADMIN])
def test_a_moderator_is_no_admin(house: House, method: str) -> None:
    with pytest.raises(ReplyError) as refused:
        house.joined("ada").request(method, _example(method))
    assert refused.value.code == "not_authenticated"


@pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].scope == Scope.PARTICIPANT])
def test_an_admin_is_no_participant(house: House, method: str) -> None:
    with pytest.raises(ReplyError) as refused:
        house.admin().request(method, _example(method))
    assert refused.value.code == "not_joined"


def test_a_moderator_has_one_room_and_an_admin_names_one(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob@other")
    with pytest.raises(ReplyError) as refused:
        ada.request("remove_participant", {"participant_id": bob.id, "room": "other"})
    assert refused.value.code == "permission_denied"
    with pytest.raises(ReplyError) as refused:
        house.admin().request("remove_participant", {"participant_id": bob.id})
    assert refused.value.code == "invalid_params"
    with pytest.raises(ReplyError) as refused:
        house.admin().request("remove_participant", {"participant_id": bob.id, "room": "nowhere"})
    assert refused.value.code == "not_found"
    house.admin().request("remove_participant", {"participant_id": bob.id, "room": "other"})
    assert bob.closing is not None
    assert bob.closing["reason"] == "removed"


def test_a_connection_is_one_thing(house: House) -> None:
    for client in (house.joined("ada"), house.admin()):
        for method in ("join", "authenticate"):
            with pytest.raises(ReplyError) as refused:
                client.request(method, {"token": "root!"})
            assert refused.value.code == "already_joined"
    with pytest.raises(ReplyError) as refused:
        house.client().request("authenticate", {"token": "ada"})
    assert refused.value.code == "token_invalid"


async def test_a_method_that_takes_a_while_holds_up_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    done = asyncio.Event()

    async def slow(caller: Any, params: Any) -> Nothing:
        await done.wait()
        return Nothing()

    slow_method = dataclasses.replace(METHODS["mute"], handler=slow)
    monkeypatch.setitem(METHODS, "mute", slow_method)  # type: ignore[arg-type]
    ada = house.joined("ada", limits=SessionLimits(open_requests=2))
    for number in (101, 102, 103):
        ada.session.feed(json.dumps([0, number, "mute", {"track_id": "t"}]))
    assert [ada.replies.get(number, [0, 0, {}])[2].get("code") for number in (101, 102, 103)] == [
        None,
        None,
        "rate_limited",
    ]
    ada.offer("0 audio recv")
    done.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ada.replies[101] == [1, 101, None, {}]
    assert ada.replies[102] == [1, 102, None, {}]


async def test_bans_that_wait_to_be_written_down_are_many_and_refused_before_they_act(house: House) -> None:
    written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    house.registry.bans.settled = lambda: written
    host = house.joined("host", limits=SessionLimits(open_requests=1, unsettled_requests=3))
    for number in range(101, 105):
        host.session.feed(json.dumps([0, number, "ban", {"identity": f"mal{number}"}]))
    assert [(number, reply[2]["code"]) for number, reply in host.replies.items() if number > 100] == [
        (104, "rate_limited")
    ]
    assert [ban.identity for ban in house.registry.bans] == ["mal101", "mal102", "mal103"]
    written.set_result(False)
    while len([number for number in host.replies if number > 100]) < 4:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert [host.replies[number][3]["kept"] for number in (101, 102, 103)] == [False] * 3


@pytest.mark.parametrize("method", METHODS)
def test_every_method_checks_its_params(house: House, method: str) -> None:
    clients = {Scope.ADMIN: house.admin, Scope.CONNECTION: house.client}
    client = clients.get(METHODS[method].scope, lambda: house.joined("ada"))()
    for name in _example(method):
        params = {**_example(method), name: {"what": "is this"}}
        with pytest.raises(ReplyError) as refused:
            client.request(method, params)
        assert refused.value.code == "invalid_params"
        assert method in refused.value.message
        assert f"$.{name}" in refused.value.message


def _example(method: str) -> dict[str, Any]:
    example = msgspec.to_builtins(METHODS[method].example_params)
    return {name: value for name, value in example.items() if not isinstance(value, dict)}


def test_methods_that_do_not_exist_and_fields_that_do_not(house: House) -> None:
    client = house.client()
    with pytest.raises(ReplyError) as refused:
        client.request("dance")
    assert (refused.value.code, refused.value.message) == ("unknown_method", "there is no method 'dance'")
    client.request("join", {"token": "ada", "a_field_of_tomorrow": 1})


def test_who_speaks_messagepack_is_spoken_to_in_messagepack(house: House) -> None:
    frames: list[Any] = []
    session = Session(house.registry, house.verify, send=frames.append, close=lambda: None)
    session.feed(msgpack.packb([0, 1, "join", {"token": "ada"}]))
    house.joined("bob")
    session.feed(msgpack.packb([0, 2, "send_message", {"text": "hello"}]))
    messages = [msgpack.unpackb(frame) for frame in frames]
    assert [(kind, which) for kind, which, *_ in messages] == [(1, 1), (2, "participant_joined"), (1, 2)]
    assert messages[0][3]["room"] == "standup"


def test_a_frame_without_an_id_ends_the_connection(house: House) -> None:
    ada = house.joined("ada")
    ada.session.feed("this is not JSON")
    assert ada.closing is not None
    assert ada.closing["reason"] == "bad_frame"
    assert "JSON" in ada.closing["message"]
    assert ada.is_closed
    ada.session.feed('[0, 9, "leave", {}]')  # what was under way is not read any more
    assert 9 not in ada.replies


def test_a_frame_with_an_id_gets_an_error(house: House) -> None:
    ada = house.joined("ada")
    ada.session.feed('[0, 9, "mute"]')
    assert ada.replies[9][2]["code"] == "bad_request"
    assert not ada.is_closed


def test_strangers_are_read_less_of(house: House) -> None:
    stranger = house.client()
    stranger.session.feed(json.dumps([0, 1, "join", {"token": "x" * 40_000}]))
    assert stranger.closing is not None
    assert stranger.closing["reason"] == "bad_frame"


def test_who_does_not_join_is_sent_away(house: House) -> None:
    idle, ada = house.client(), house.joined("ada")
    house.clock.advance(31)
    assert idle.closing is not None
    assert idle.closing["reason"] == "join_timeout"
    assert ada.closing is None


def test_too_many_requests_are_refused_until_later(house: House) -> None:
    limits = SessionLimits(request_rate=10, request_burst=3)
    ada = house.client(limits=limits)
    ada.request("join", {"token": "ada"})
    ada.offer("0 audio recv")
    ada.offer("0 audio recv")
    with pytest.raises(ReplyError) as refused:
        ada.offer("0 audio recv")
    assert refused.value.code == "rate_limited"
    assert refused.value.details == {"retry_after_ms": 100}
    house.clock.advance(0.101)
    ada.offer("0 audio recv")


def test_who_goes_on_asking_is_cut_off(house: House) -> None:
    flood = house.client(limits=SessionLimits(request_burst=5, refused_requests=10))
    for number in range(100):
        flood.session.feed(json.dumps([0, number, "dance", {}]))
    assert len(flood.replies) == 15
    assert flood.closing is not None
    assert flood.closing["reason"] == "rate_limited"


def test_a_client_that_does_not_read_holds_nobody_up(house: House) -> None:
    ada, slow, bob = house.joined("ada"), house.joined("slow"), house.joined("bob")
    slow.offer("0 audio send")
    slow.peer.observer(Connected())
    slow.takes_frames = False
    slow.told(), bob.told()
    ada.request("send_message", {"text": "one"})
    ada.request("send_message", {"text": "two"})
    assert [method for method, _ in slow.told()] == ["closing"]
    assert slow.closing is not None
    assert slow.closing["reason"] == "too_slow"
    assert slow.is_closed
    assert len(bob.told("message")) == 2
    slow.drop()
    assert slow.id in house.registry.rooms["standup"].participants  # its media lives


def test_a_client_that_stops_reading_in_the_middle_of_a_request(house: House) -> None:
    ada = house.joined("ada")
    ada.told()
    ada.takes_frames = False
    ada.session.feed('[0, 9, "offer", {"sdp": "0 audio send"}]')
    assert [each[0] for each in ada.heard] == ["closing"]  # nothing of what came after the lost reply
    assert ada.closing is not None
    assert ada.closing["reason"] == "too_slow"


def test_our_own_mistakes_are_told_as_such_and_logged_without_params(house: House) -> None:
    ada = house.joined("ada")
    ada.offer("0 audio send")

    def breaks(*_: Any, **__: Any) -> Any:
        raise KeyError("oops")

    ada.peer.answer = breaks  # type: ignore[method-assign]
    with structlog.testing.capture_logs() as logs, pytest.raises(ReplyError) as refused:
        ada.request("offer", {"sdp": "a secret"})
    assert refused.value.code == "internal"
    assert "oops" not in refused.value.message
    (entry,) = logs
    assert entry["method"] == "offer"
    assert "secret" not in str(entry)
    with pytest.raises(ReplyError, match="not_found"):  # the session goes on
        ada.request("mute", {"track_id": "t"})


def test_a_listener_that_fails_takes_nothing_from_the_others(house: House) -> None:
    def fails(event: object) -> None:
        raise ZeroDivisionError

    ada = house.joined("ada")
    house.registry.observe(fails)
    with structlog.testing.capture_logs() as logs:
        house.joined("bob")
    assert ada.told("participant_joined")
    assert [(entry["event"], entry["room_event"]) for entry in logs] == [("a listener failed", "ParticipantJoined")]


frames = st.lists(
    st.binary(max_size=40)
    | st.text(max_size=40)
    | st.builds(
        lambda method, params: json.dumps([0, 1, method, params]),
        st.sampled_from(list(METHODS)),
        st.dictionaries(
            st.sampled_from(["token", "name", "sdp", "tracks", "track_id", "mid", "rid", "source", "text", "to"]),
            st.none() | st.text(max_size=5) | st.integers() | st.sampled_from(["ada", "0 audio send", "camera"]),
        ),
    ),
    max_size=12,
)


@given(frames)
def test_no_frames_break_a_session(sent: list[bytes | str]) -> None:
    house = House()
    witness = house.joined("witness")
    replies: list[bytes | str] = []
    session = Session(house.registry, house.verify, send=replies.append, close=lambda: None)
    with structlog.testing.capture_logs() as logs:
        for frame in sent:
            session.feed(frame)
        session.closed()
    assert logs == []
    assert list(house.registry.rooms["standup"].participants) == [witness.id]
