"""A server that is being stopped: those in a call are told and go on, nobody new comes in."""

import pytest

from mediasrv.rooms.draining import Draining
from mediasrv.rooms.room import RoomLimits
from mediasrv.rooms.settings import RoomSettings

from .fakes import House, ReplyError

ELSEWHERE = "https://b.call.example.org/"


def test_those_in_a_call_are_told_until_when_and_where_to_go(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    ada.told(), bob.told()
    house.registry.drain(Draining(house.clock.now + 30, ELSEWHERE))
    told = [("server_draining", {"until": house.clock.now + 30, "reconnect_url": ELSEWHERE})]
    assert ada.told() == told
    assert bob.told() == told


def test_nobody_new_comes_in_and_is_told_where_to_go(house: House) -> None:
    house.joined("ada")
    house.registry.drain(Draining(house.clock.now + 30, ELSEWHERE))
    with pytest.raises(ReplyError) as refused:
        house.joined("bob")
    assert refused.value.code == "server_draining"
    assert ELSEWHERE in refused.value.message
    assert refused.value.details == {"reconnect_url": ELSEWHERE, "until": house.clock.now + 30}


def test_a_call_goes_on_and_a_lost_session_comes_back() -> None:
    house = House(limits=RoomLimits(resume_s=30))
    ada, bob = house.joined("ada"), house.joined("bob")
    house.registry.drain(Draining(house.clock.now + 30))
    bob.told()
    ada.request("send_message", {"text": "we have half a minute"})
    assert [method for method, _ in bob.told()] == ["message"]
    ada.drop()
    back = house.client()
    back.request("resume_session", {"resume_token": ada.joined["resume_token"], "epoch": 2})
    assert house.registry.participants == 2


def test_no_room_is_created(house: House) -> None:
    house.registry.drain(Draining(house.clock.now + 30))
    admin = house.admin()
    with pytest.raises(ReplyError) as refused:
        admin.request("create_room", {"room": "later"})
    assert refused.value.code == "server_draining"
    assert house.registry.rooms == {}


def test_who_waits_to_be_let_in_is_told_where_to_go_and_waits_no_longer() -> None:
    house = House(defaults=RoomSettings(lobby=True))
    host, ada = house.joined("host"), house.joined("ada:join")
    host.told(), ada.told()
    house.registry.drain(Draining(house.clock.now + 30, ELSEWHERE))
    assert ada.told()[0] == ("server_draining", {"until": house.clock.now + 30, "reconnect_url": ELSEWHERE})
    assert ada.closing is not None
    assert ada.closing["reason"] == "server_stopping"
    ((_, decided),) = host.told("guest_decided")
    assert decided["outcome"] == "server_stopping"
    assert host.request("list_guests")["guests"] == []
    assert host.closing is None


def test_a_guest_hears_of_a_server_that_stops_at_once() -> None:
    house = House(defaults=RoomSettings(lobby=True))
    ada = house.joined("ada:join")
    house.registry.close()
    assert ada.closing is not None
    assert ada.closing["reason"] == "server_stopping"
