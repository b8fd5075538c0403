"""Messages: whom they reach, how long and how often they may be, and that nobody else learns of their text."""

from typing import Any

import pytest

from mediasrv.rooms.events import MessageSent
from mediasrv.rooms.messages import HISTORY_MAX_CHARACTERS
from mediasrv.rooms.room import RoomLimits
from mediasrv.rooms.settings import RoomSettings
from mediasrv.signaling.session import SessionLimits

from .fakes import Client, FakeGrant, House, ReplyError


def test_a_message_to_everybody_reaches_the_others(house: House) -> None:
    ada, bob, carol = house.joined("ada"), house.joined("bob"), house.joined("carol")
    house.registry.join(FakeGrant("encoder"))  # which has no signaling, and so no message
    house.joined("dan@other")
    ada.told()
    sent = ada.request("send_message", {"text": "Good morning!"})
    assert sent["recipients"] == [bob.id, carol.id]
    message = {
        "message_id": sent["message_id"],
        "from": ada.id,
        "to": None,
        "text": "Good morning!",
        "sent_at": house.clock.now,
    }
    assert bob.told("message") == carol.told("message") == [("message", message)]
    assert ada.told("message") == []


def test_a_message_to_some_reaches_those_only(house: House) -> None:
    ada, bob, carol = house.joined("ada"), house.joined("bob"), house.joined("carol")
    sent = ada.request("send_message", {"text": "psst", "to": [bob.id, bob.id, "p_gone"]})
    assert sent["recipients"] == [bob.id]
    ((_, message),) = bob.told("message")
    assert message["to"] == [bob.id, "p_gone"]
    assert carol.told("message") == []


def test_a_message_to_oneself_arrives(house: House) -> None:
    ada = house.joined("ada")
    assert ada.request("send_message", {"text": "note", "to": [ada.id]})["recipients"] == [ada.id]
    assert [each[0] for each in ada.heard][-2:] == ["reply", "message"]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"text": "x" * 4001}, "too_large"),
        ({"text": ""}, "invalid_params"),
        ({"text": "x", "to": []}, "invalid_params"),
        ({"text": "x", "to": ["p_gone"]}, "not_found"),
        ({"text": 7}, "invalid_params"),
        ({"text": "x", "to": ["p"] * 1001}, "invalid_params"),
    ],
)
def test_what_is_no_message(house: House, params: dict[str, Any], code: str) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    with pytest.raises(ReplyError) as refused:
        ada.request("send_message", params)
    assert refused.value.code == code
    assert bob.told("message") == []


def test_the_longest_message_is_counted_in_characters(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    ada.request("send_message", {"text": "\N{PARTY POPPER}" * ada.joined["message_size"]})
    assert len(bob.told("message")[0][1]["text"]) == 4000


def test_messages_have_a_rate_of_their_own(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    limits = RoomLimits()
    for _ in range(limits.message_burst):
        ada.request("send_message", {"text": "spam"})
    with pytest.raises(ReplyError) as refused:
        ada.request("send_message", {"text": "spam"})
    assert refused.value.code == "rate_limited"
    assert refused.value.details == {"retry_after_ms": 200}
    ada.offer("0 audio recv")  # other requests go on
    house.clock.advance(0.2)
    ada.request("send_message", {"text": "spam"})
    assert len(bob.told("message")) == limits.message_burst + 1


def test_the_text_does_not_show_in_what_might_be_logged(house: House) -> None:
    ada = house.joined("ada")
    ada.request("send_message", {"text": "my secret", "to": [ada.id]})
    (event,) = [event for event in house.events if isinstance(event, MessageSent)]
    assert event.text == "my secret"
    assert "secret" not in repr(event)


# --- what a room keeps ---------------------------------------------------------------------------------------------


def texts(client: Client, **params: Any) -> list[str]:
    return [message["text"] for message in client.request("message_history", params)["messages"]]


def test_without_being_told_to_a_room_keeps_nothing(house: House) -> None:
    ada, _ = house.joined("ada"), house.joined("bob")
    ada.request("send_message", {"text": "hello"})
    assert texts(house.joined("late")) == []


def test_who_comes_late_reads_what_was_said_to_everybody() -> None:
    house = House(defaults=RoomSettings(history=3))
    ada, bob = house.joined("ada"), house.joined("bob")
    for text in ("one", "two", "three", "four"):
        sent = ada.request("send_message", {"text": text})
    bob.request("send_message", {"text": "psst", "to": [ada.id]})
    ada.request("leave")
    late = house.joined("late")
    assert texts(late) == ["two", "three", "four"]
    assert texts(late, limit=2) == ["three", "four"]
    assert texts(late, limit=1, before=sent["message_id"]) == ["three"]
    message = late.request("message_history")["messages"][-1]
    assert message == {
        "message_id": sent["message_id"],
        "from": ada.id,
        "from_name": "ada",
        "text": "four",
        "sent_at": house.clock.now,
    }
    with pytest.raises(ReplyError, match="not kept"):
        texts(late, before="m_gone")


def test_it_goes_with_the_room() -> None:
    house = House(defaults=RoomSettings(history=3))
    ada = house.joined("ada")
    ada.request("send_message", {"text": "hello"})
    ada.request("leave")
    assert texts(house.joined("ada")) == []


def test_a_room_that_is_told_to_keep_less_forgets_at_once(house: House) -> None:
    ada, admin = house.joined("ada"), house.admin()
    admin.request("update_room", {"room": "standup", "history": 3})
    for text in ("one", "two", "three"):
        ada.request("send_message", {"text": text})
    admin.request("update_room", {"room": "standup", "history": 1})
    assert texts(ada) == ["three"]
    admin.request("update_room", {"room": "standup", "history": 0})
    assert texts(ada) == []


def test_it_is_bounded_in_characters_too() -> None:
    house = House(defaults=RoomSettings(history=1000), limits=RoomLimits(message_burst=1000))
    ada = house.joined("ada", limits=SessionLimits(request_burst=1000))
    for number in range(100):
        ada.request("send_message", {"text": f"{number:04}" * 1000})
    kept = texts(ada, limit=1000)
    assert sum(map(len, kept)) <= HISTORY_MAX_CHARACTERS < sum(map(len, kept)) + 4000
    assert kept[-1].startswith("0099")


def test_who_resumes_does_not_get_a_new_allowance() -> None:
    house = House(limits=RoomLimits(resume_s=30))
    ada = house.joined("ada")
    for _ in range(RoomLimits().message_burst):
        ada.request("send_message", {"text": "spam"})
    back = house.client()
    back.request("resume_session", {"resume_token": ada.joined["resume_token"], "epoch": 2})
    with pytest.raises(ReplyError) as refused:
        back.request("send_message", {"text": "spam"})
    assert refused.value.code == "rate_limited"
