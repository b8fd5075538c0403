"""A room with a lobby: who waits, who lets in, and who need not wait."""

from typing import Any

import pytest

from mediasrv.rooms.errors import RoomError
from mediasrv.rooms.grants import Term
from mediasrv.rooms.lobby import MAX_GUESTS
from mediasrv.rooms.permissions import Permission
from mediasrv.rooms.settings import RoomSettings

from .fakes import Client, FakeGrant, House, ReplyError
from .test_journal import journal_of


@pytest.fixture
def house() -> House:
    return House(defaults=RoomSettings(lobby=True))


HOST = "host"  # who moderates
GUEST = "{}:join,publish_audio,subscribe"


def waits(house: House, name: str) -> Client:
    client = house.joined(GUEST.format(name))
    assert client.joined["waiting"]
    return client


def guests(host: Client) -> list[dict[str, Any]]:
    return list(host.request("list_guests")["guests"])


def test_a_guest_waits_until_a_moderator_lets_them_in(house: House) -> None:
    records = journal_of(house)
    host = house.joined(HOST)
    assert not host.joined["waiting"]
    ada = waits(house, "ada")
    assert (ada.joined["participant_id"], ada.joined["participants"]) == ("", [])
    ((_, told),) = host.told("guest_waiting")
    assert guests(host) == [told["guest"]]
    assert (told["guest"]["identity"], told["guest"]["name"]) == ("ada", "ada")
    with pytest.raises(ReplyError, match="you wait to be let in"):
        ada.offer("0 audio send")
    admitted = host.request("admit", {"guest_id": told["guest"]["id"]})
    (first, *rest) = ada.told()
    assert first[0] == "admitted"
    assert first[1]["participant_id"] == admitted["participant_id"]
    assert [each["identity"] for each in first[1]["participants"]] == ["host", "ada"]
    assert not first[1]["waiting"]
    assert rest == []
    assert list(ada.offer("0 audio send")["tracks"]) == ["0"]
    assert [method for method, _ in host.told()][:2] == ["guest_decided", "participant_joined"]
    assert guests(host) == []
    lines = [(record.event, record.fields.get("outcome")) for record in records]
    assert lines[2:5] == [("guest_waiting", None), ("guest_decided", "admitted"), ("participant_joined", None)]


def test_a_guest_who_is_refused_hears_so(house: House) -> None:
    host, ada, bob = house.joined(HOST), waits(house, "ada"), waits(house, "bob")
    host.request("refuse", {"guest_id": guests(host)[0]["id"]})
    assert ada.closing is not None
    assert ada.closing["reason"] == "refused"
    assert ada.is_closed
    ada.drop()
    assert [guest["identity"] for guest in guests(host)] == ["bob"]
    assert bob.closing is None
    for method in ("admit", "refuse"):
        with pytest.raises(ReplyError, match="nobody called 'g_none' waits"):
            host.request(method, {"guest_id": "g_none"})


@pytest.mark.parametrize("how", ["leave", "drop"])
def test_a_guest_who_goes_waits_no_longer(house: House, how: str) -> None:
    host, ada = house.joined(HOST), waits(house, "ada")
    host.told()
    if how == "leave":
        ada.request("leave")
        assert ada.closing is not None
        assert ada.closing["reason"] == "left"
    ada.drop()
    ((_, told),) = host.told("guest_decided")
    assert told["outcome"] == "gone"
    assert guests(host) == []


def test_who_was_let_in_before_comes_back_without_waiting(house: House) -> None:
    host, ada = house.joined(HOST), waits(house, "ada")
    host.request("admit", {"guest_id": guests(host)[0]["id"]})
    ada.request("leave")
    assert not house.joined(GUEST.format("ada")).joined["waiting"]


def test_who_was_removed_waits_again(house: House) -> None:
    host, _ = house.joined(HOST), waits(house, "ada")
    admitted = host.request("admit", {"guest_id": guests(host)[0]["id"]})
    host.request("remove_participant", admitted)
    waits(house, "ada")


def test_the_same_guest_twice_is_the_last_one(house: House) -> None:
    host, first = house.joined(HOST), waits(house, "ada")
    second = waits(house, "ada")
    assert first.closing is not None
    assert first.closing["reason"] == "replaced"
    assert len(guests(host)) == 1
    assert second.closing is None


def test_guests_alone_hold_the_room_open(house: House) -> None:
    ada = waits(house, "ada")
    host = house.joined(HOST)
    assert len(guests(host)) == 1
    host.request("leave")
    assert list(house.registry.rooms) == ["standup"]
    ada.drop()
    assert not house.registry.rooms


def test_without_the_lobby_those_who_wait_come_in(house: House) -> None:
    host, ada, bob = house.joined(HOST), waits(house, "ada"), waits(house, "bob")
    assert not host.request("update_room", {"lobby": False})["room"]["lobby"]
    for client in (ada, bob):
        assert next(method for method, _ in client.told()) == "admitted"
    assert not house.joined(GUEST.format("carol")).joined["waiting"]


def test_whose_permission_has_run_out_while_they_waited_does_not_come_in(house: House) -> None:
    host, ada = house.joined(HOST), house.client()
    terms = {Permission.JOIN: Term(until=house.clock.now + 60)}
    ada.session._verify = lambda token: FakeGrant("ada", permissions=Permission.JOIN, terms=terms)
    ada.request("join", {"token": "t"})
    bob = waits(house, "bob")
    house.clock.advance(60)
    with pytest.raises(ReplyError, match="run out"):
        host.request("admit", {"guest_id": guests(host)[0]["id"]})
    assert ada.closing is not None
    assert ada.closing["reason"] == "refused"
    host.request("update_room", {"lobby": False})
    assert [method for method, _ in bob.told("admitted")] == ["admitted"]


def test_when_the_room_is_closed_guests_hear_of_it(house: House) -> None:
    host, ada = house.joined(HOST), waits(house, "ada")
    host.request("close_room")
    for client in (host, ada):
        assert client.closing is not None
        assert client.closing["reason"] == "room_closed"
    assert not house.registry.rooms


def test_a_full_room_lets_nobody_in_and_they_go_on_waiting() -> None:
    house = House(defaults=RoomSettings(lobby=True, capacity=2))
    host, ada, bob = house.joined(HOST), waits(house, "ada"), waits(house, "bob")
    ids = [guest["id"] for guest in guests(host)]
    host.request("admit", {"guest_id": ids[0]})
    with pytest.raises(ReplyError, match="the room is full"):
        host.request("admit", {"guest_id": ids[1]})
    assert bob.closing is None
    ada.request("leave")
    host.request("admit", {"guest_id": ids[1]})


def test_who_cannot_wait_is_refused_and_opens_no_room(house: House) -> None:
    with pytest.raises(RoomError, match="cannot wait") as refused:
        house.registry.join(FakeGrant("encoder", permissions=house.verify("x:join,publish_video").permissions))
    assert refused.value.code == "lobby"
    assert house.events == []


def test_the_lobby_is_bounded(house: House) -> None:
    host = house.joined(HOST)
    for number in range(MAX_GUESTS):
        waits(house, f"guest{number}")
    with pytest.raises(ReplyError) as refused:
        house.joined(GUEST.format("one-more"))
    assert refused.value.code == "server_busy"
    assert len(guests(host)) == MAX_GUESTS


def test_others_than_moderators_are_not_told_of_guests(house: House) -> None:
    host = house.joined(HOST)
    ada = waits(house, "ada")
    host.request("admit", {"guest_id": guests(host)[0]["id"]})
    ada.told()
    waits(house, "bob")
    assert ada.told("guest_waiting") == []
    with pytest.raises(ReplyError) as refused:
        ada.request("list_guests")
    assert refused.value.code == "permission_denied"
