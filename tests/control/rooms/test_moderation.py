"""What moderators and control sessions do to others, and what those and everybody else hear of it."""

import pytest

from mediasrv.rooms.bans import network_of
from mediasrv.rooms.events import ParticipantLeft
from mediasrv.rooms.moderation import MAX_BANS_OF_ROOM, ban

from .fakes import Client, House, ReplyError

ADDRESS = "203.0.113.7"


def at(house: House, token: str, address: str) -> Client:
    client = house.client(address=address)
    client.joined = client.request("join", {"token": token})
    return client


def reasons(house: House) -> list[tuple[str, str, str]]:
    return [(e.identity, e.reason.value, e.by) for e in house.events if isinstance(e, ParticipantLeft)]


def test_a_muted_track_is_shut_and_its_owner_may_open_it_again(house: House) -> None:
    host, ada = house.joined("host"), house.joined("ada:join,publish_audio")
    track_id = ada.offer("0 audio send")["tracks"]["0"]
    ada.told(), host.told()
    host.request("mute_track", {"participant_id": ada.id, "track_id": track_id})
    assert not ada.peer.producers["0"].open
    toggled = {"participant_id": ada.id, "feature": "microphone", "enabled": False, "by": host.id, "track_id": track_id}
    assert ada.told() == host.told("feature_toggled") == [("feature_toggled", toggled)]
    ada.request("unmute", {"track_id": track_id})
    assert ada.peer.producers["0"].open


def test_who_is_asked_to_unmute_may_do_so_or_not(house: House) -> None:
    host, ada, bob = house.joined("host"), house.joined("ada:join,publish_audio"), house.joined("bob")
    host.request("ask_to_unmute", {"participant_id": ada.id})
    asked = [("unmute_requested", {"source": "microphone", "by": host.id})]
    assert ada.told("unmute_requested") == asked
    assert bob.told("unmute_requested") == []
    with pytest.raises(ReplyError) as refused:
        host.request("ask_to_unmute", {"participant_id": ada.id, "source": "camera"})
    assert refused.value.details == {"permission": "publish_video"}


def test_somebody_removed_may_come_again_and_somebody_banned_not_until_later(house: House) -> None:
    host, ada = house.joined("host"), house.joined("ada:join")
    host.request("remove_participant", {"participant_id": ada.id})
    assert ada.closing is not None
    assert ada.closing["reason"] == "removed"
    ada = house.joined("ada:join")
    banned = host.request("ban", {"participant_id": ada.id, "for_s": 60, "reason": "spam"})
    assert ada.closing is not None
    assert ada.closing["reason"] == "banned"
    assert reasons(house) == [("ada", "removed", host.id), ("ada", "banned", host.id)]
    with pytest.raises(ReplyError) as refused:
        house.joined("ada:join")
    assert (refused.value.code, refused.value.details) == ("banned", {"until": house.clock.now + 60})
    (ban,) = host.request("list_bans")["bans"]
    assert (ban["id"], ban["identity"], ban["reason"], ban["by"]) == (banned["ban_id"], "ada", "spam", host.id)
    house.clock.advance(60)
    assert host.request("list_bans")["bans"] == []
    house.joined("ada:join")


def test_a_ban_outlives_the_room_and_is_of_that_room_alone(house: House) -> None:
    host = house.joined("host")
    host.request("ban", {"identity": "mal", "for_s": 600})
    host.request("leave")
    assert not house.registry.rooms
    with pytest.raises(ReplyError, match="banned"):
        house.joined("mal")
    assert not house.registry.rooms  # who is not let in opens no room either
    house.joined("mal@other")


def test_a_ban_that_is_lifted(house: House) -> None:
    host, other = house.joined("host"), house.joined("other")
    ban_id = host.request("ban", {"identity": "mal"})["ban_id"]
    host.request("unban", {"ban_id": ban_id})
    assert [method for method, _ in other.told()] == ["participant_banned", "ban_lifted"]
    house.joined("mal")
    with pytest.raises(ReplyError, match="there is no ban"):
        host.request("unban", {"ban_id": ban_id})


def test_a_control_session_bans_and_lifts_bans_where_no_room_is_open(house: House) -> None:
    root = house.admin()
    ban_id = root.request("ban", {"room": "standup", "identity": "mal", "for_s": 60})["ban_id"]
    with pytest.raises(ReplyError, match="banned"):
        house.joined("mal")
    assert [ban["id"] for ban in root.request("list_bans", {"room": "standup"})["bans"]] == [ban_id]
    with pytest.raises(ReplyError, match="there is no ban"):  # a ban is of one room
        root.request("unban", {"room": "elsewhere", "ban_id": ban_id})
    root.request("unban", {"room": "standup", "ban_id": ban_id})
    told = [(type(event).__name__, event.room) for event in house.events]
    around = ("RoomOpened", "ParticipantBanned", "RoomClosed", "RoomOpened", "BanLifted", "RoomClosed")
    assert told == [(name, "standup") for name in around]
    assert not house.registry.rooms
    house.joined("mal")


def test_no_room_is_opened_for_a_ban_that_is_wrong(house: House) -> None:
    root = house.admin()
    with pytest.raises(ReplyError, match="not an IP address"):
        root.request("ban", {"room": "standup", "address": "example.org"})
    with pytest.raises(ReplyError, match="there is no room"):
        root.request("ban", {"room": "standup", "participant_id": "p_gone"})
    assert house.events == []


def test_the_bans_of_a_room_are_bounded_so_that_others_have_theirs(house: House) -> None:
    for number in range(MAX_BANS_OF_ROOM):
        ban(house.registry, "standup", identity=f"bot{number}", for_s=60 + number, by="server")
    with pytest.raises(ReplyError, match="a room has at most 1000 bans") as refused:
        house.joined("host").request("ban", {"identity": "one-more"})
    assert refused.value.code == "server_busy"
    house.joined("host@other").request("ban", {"identity": "one-more"})
    house.clock.advance(60)
    house.joined("host").request("ban", {"identity": "one-more"})


def test_the_ban_of_an_address_meets_everybody_there_but_moderators(house: House) -> None:
    host = at(house, "host", ADDRESS)
    mal, friend = at(house, "mal:join", ADDRESS), at(house, "friend:join", ADDRESS)
    other = at(house, "other:join", "203.0.113.8")
    host.told()
    host.request("ban", {"participant_id": mal.id, "by_address": True})
    assert mal.closing
    assert friend.closing
    assert host.closing is None
    assert other.closing is None
    ((_, told),) = host.told("participant_banned")
    assert told["identity"] is None
    assert ADDRESS not in str(told)
    (ban,) = host.request("list_bans")["bans"]
    assert (ban["identity"], ban["address"]) == (None, None)
    (ban,) = house.admin().request("list_bans", {"room": "standup"})["bans"]
    assert ban["address"] == ADDRESS
    with pytest.raises(ReplyError, match="banned"):
        at(house, "somebody-new:join", ADDRESS)
    at(house, "somebody-new:join", "203.0.113.9")


def test_only_a_control_session_names_addresses(house: House) -> None:
    host = house.joined("host")
    with pytest.raises(ReplyError) as refused:
        host.request("ban", {"address": ADDRESS})
    assert refused.value.code == "permission_denied"
    house.admin().request("ban", {"address": ADDRESS, "room": "standup"})
    with pytest.raises(ReplyError, match="banned"):
        at(house, "ada", ADDRESS)
    with pytest.raises(ReplyError, match="not an IP address"):
        house.admin().request("ban", {"address": "example.org", "room": "standup"})
    for params in ({}, {"identity": "a", "participant_id": host.id}):
        with pytest.raises(ReplyError, match="name one of"):
            host.request("ban", params)
    with pytest.raises(ReplyError, match="is not known"):
        host.request("ban", {"participant_id": host.id, "by_address": True})


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("not an address", None),
        (None, None),
    ],
)
def test_what_stands_for_an_address(address: str | None, network: str | None) -> None:
    assert network_of(address) == network


def test_guests_are_banned_too(house: House) -> None:
    host = house.joined("host")
    host.request("update_room", {"lobby": True})
    mal = house.joined("mal:join")
    assert mal.joined["waiting"]
    host.request("ban", {"identity": "mal"})
    assert mal.closing is not None
    assert mal.closing["reason"] == "refused"


def test_the_end_of_the_room(house: House) -> None:
    host, ada = house.joined("host"), house.joined("ada")
    house.admin().request("close_room", {"room": "standup"})
    assert [event.reason for event in house.events if isinstance(event, ParticipantLeft)] == ["room_closed"] * 2
    assert host.closing
    assert ada.closing
    assert house.events[-1].by == "admin:root"
    assert not house.registry.rooms


def test_somebody_removes_themself(house: House) -> None:
    host = house.joined("host")
    assert host.request("remove_participant", {"participant_id": host.id}) == {}
    assert host.closing is not None
    assert host.closing["reason"] == "removed"


@pytest.mark.parametrize("method", ["mute_track", "ask_to_unmute", "grant", "revoke", "remove_participant", "ban"])
def test_nobody_of_that_id(house: House, method: str) -> None:
    params = {"participant_id": "p_gone", "track_id": "t_gone", "permissions": ["record"]}
    with pytest.raises(ReplyError) as refused:
        house.joined("host").request(method, params)
    assert refused.value.code == "not_found"
