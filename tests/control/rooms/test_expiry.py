"""Grants end by the clock: told to whom it concerns, in the journal, and shut in the media plane."""

import dataclasses

import pytest

from mediasrv.rooms.events import ParticipantLeft, PermissionsChanged
from mediasrv.rooms.grants import Term
from mediasrv.rooms.permissions import ALL, Permission, flag_names

from .fakes import Client, FakeGrant, House, ReplyError
from .test_journal import journal_of


def joined_until(house: House, identity: str, flag: Permission, in_s: float) -> Client:
    """Somebody whose token grants everything, but `flag` for `in_s` seconds."""
    terms = {flag: Term(until=house.clock.now + in_s)}
    client = house.client()
    client.session._verify = lambda token: FakeGrant(identity, terms=terms)
    client.joined = client.request("join", {"token": "t"})
    return client


def test_a_grant_of_the_token_ends_in_the_middle_of_the_call(house: House) -> None:
    records = journal_of(house)
    moderator, other = house.joined("grace"), house.joined("bob:join,subscribe")
    ada = joined_until(house, "ada", Permission.PUBLISH_VIDEO, 60)
    assert "publish_video" in ada.joined["permissions"]
    ada.offer("0 audio send", "1 video send")
    ada.told(), moderator.told(), other.told()
    house.clock.advance(59)
    assert ada.peer.producers["1"].open
    house.clock.advance(1)
    assert not ada.peer.producers["1"].open
    assert ada.peer.producers["0"].open
    (_, told), (_, toggled) = ada.told()
    assert (told["participant_id"], told["by"], told["cause"]) == (ada.id, "server", "expiry")
    assert "publish_video" not in told["permissions"]
    assert (toggled["feature"], toggled["enabled"], toggled["by"]) == ("camera", False, "server")
    assert moderator.told("permissions_changed") == [("permissions_changed", told)]
    assert [method for method, _ in other.told()] == ["feature_toggled"]
    (changed,) = [record for record in records if record.event == "permission_changed"]
    assert dict(changed.fields) == {
        "added": [],
        "removed": ["publish_video"],
        "granted": flag_names(ALL & ~Permission.PUBLISH_VIDEO),
        "consented": flag_names(ALL),
        "by": "server",
        "cause": "expiry",
    }
    with pytest.raises(ReplyError, match="publish_video"):
        ada.request("unmute", {"track_id": toggled["track_id"]})


def test_a_moderators_grant_ends_and_leaves_what_the_token_says(house: House) -> None:
    moderator, ada = house.joined("grace"), house.joined("ada:join,publish_audio")
    granted = moderator.request("grant", {"participant_id": ada.id, "permissions": ["share_screen"], "for_s": 10})
    assert granted["permissions"] == ["join", "publish_audio", "share_screen"]
    assert list(ada.offer("0 video send", m0="screen")["tracks"]) == ["0"]
    house.clock.advance(10)
    assert not ada.peer.producers["0"].open
    revoked = moderator.request("revoke", {"participant_id": ada.id, "permissions": ["publish_audio"], "for_s": 10})
    assert revoked["permissions"] == ["join"]
    house.clock.advance(10)
    assert ada.participant.permissions.allow(Permission.PUBLISH_AUDIO)


def test_a_later_word_replaces_the_end_of_an_earlier_one(house: House) -> None:
    moderator, ada = house.joined("grace"), house.joined("ada:join")
    for for_s in (10, 30):
        moderator.request("grant", {"participant_id": ada.id, "permissions": ["record"], "for_s": for_s})
    house.clock.advance(29)
    assert ada.participant.permissions.allow(Permission.RECORD)
    moderator.request("grant", {"participant_id": ada.id, "permissions": ["record"]})
    house.clock.advance(1e6)
    assert ada.participant.permissions.allow(Permission.RECORD)


def test_who_may_no_longer_be_there_leaves(house: House) -> None:
    ada = joined_until(house, "ada", Permission.JOIN, 60)
    house.clock.advance(60)
    assert ada.closing is not None
    assert ada.closing["reason"] == "join_revoked"
    assert [event.reason for event in house.events if isinstance(event, ParticipantLeft)] == ["join_revoked"]


def test_no_timer_is_left_of_who_has_left(house: House) -> None:
    ada = joined_until(house, "ada", Permission.RECORD, 60)
    ada.request("leave")
    assert house.clock.waiting == 0


def test_an_end_in_a_far_future_is_waited_for_in_parts(house: House) -> None:
    ada = joined_until(house, "ada", Permission.RECORD, 400 * 86_400)
    house.clock.advance(399 * 86_400)
    assert ada.participant.permissions.allow(Permission.RECORD)
    house.clock.advance(86_400)
    assert not ada.participant.permissions.allow(Permission.RECORD)
    assert len([event for event in house.events if isinstance(event, PermissionsChanged)]) == 1


def test_a_room_grants_by_default_what_the_token_leaves_open(house: House) -> None:
    admin = house.admin()
    admin.request("create_room", {"room": "standup", "default_permissions": ["join", "subscribe", "publish_audio"]})
    client = house.client()
    no_audio = {Permission.PUBLISH_AUDIO: Term(False)}
    client.session._verify = lambda token: FakeGrant("ada", permissions=Permission(0), terms=no_audio)
    client.joined = client.request("join", {"token": "t"})
    assert client.joined["permissions"] == ["join", "subscribe"]
    admin.request("update_room", {"room": "standup", "default_permissions": ["join", "send_message"]})
    (told,) = client.told("permissions_changed")
    assert told[1]["permissions"] == ["join", "send_message"]
    assert told[1]["by"] == "admin:root"


def test_what_a_moderator_lacks_is_not_theirs_to_give(house: House) -> None:
    moderator, ada = house.joined("grace:join,moderate,publish_audio"), house.joined("ada:join")
    with pytest.raises(ReplyError) as refused:
        moderator.request("grant", {"participant_id": ada.id, "permissions": ["publish_audio", "record"]})
    assert (refused.value.code, refused.value.details) == ("permission_denied", {"permission": "record"})
    assert ada.participant.permissions.granted == Permission.JOIN
    params = {"participant_id": ada.id, "permissions": ["record"], "room": "standup"}
    assert house.admin().request("grant", params)["granted"] == ["join", "record"]
    with pytest.raises(ReplyError, match="did you mean 'record'"):
        moderator.request("revoke", {"participant_id": ada.id, "permissions": ["recrod"]})


def test_the_layers_are_told_apart(house: House) -> None:
    ada = house.joined("ada")
    assert ada.request("set_consent", {"consents": {"recording": False, "camera": False}})["consents"] == {
        "microphone": True, "camera": False, "screen": True, "messages": True, "recording": False, "calendar": True,
    }  # fmt: skip
    ((_, told),) = ada.told("permissions_changed")
    assert told["cause"] == "consent"
    assert (set(told["granted"]) - set(told["permissions"])) == {"publish_video", "record"}
    house.admin().request("revoke", {"participant_id": ada.id, "permissions": ["record"], "room": "standup"})
    ((_, told),) = ada.told("permissions_changed")  # though what holds has not changed
    assert "record" not in told["granted"]
    ada.request("set_consent", {"consents": {"recording": True}})
    assert not ada.participant.permissions.allow(Permission.RECORD)
    with pytest.raises(ReplyError, match="there is no 'taping', only microphone"):
        ada.request("set_consent", {"consents": {"taping": True}})


def test_grants_of_a_token_may_have_any_number(house: House) -> None:
    grant = dataclasses.replace(FakeGrant("ada"), terms={Permission.RECORD: Term(until=1e308)})
    participant = house.registry.join(grant)
    assert participant.permissions.effective == ALL


def test_what_the_room_grants_ends_for_everybody_it_is_granted_by_the_room_alone(house: House) -> None:
    records = journal_of(house)
    admin, end = house.admin(), house.clock.now + 60
    admin.request(
        "create_room",
        {
            "room": "standup",
            "default_permissions": ["publish_audio"],
            "default_permissions_until": {"publish_audio": end},
        },
    )
    ada, bob = house.joined("ada:join"), house.joined("bob:join,publish_audio")
    ada.offer("0 audio send"), bob.offer("0 audio send")
    house.clock.advance(59)
    assert ada.peer.producers["0"].open
    ada.told(), bob.told()
    house.clock.advance(1)
    assert (ada.peer.producers["0"].open, bob.peer.producers["0"].open) == (False, True)
    ((_, told),) = ada.told("permissions_changed")
    assert (told["permissions"], told["by"], told["cause"]) == (["join"], "server", "expiry")
    assert bob.told("permissions_changed") == []
    assert house.joined("eve:join").joined["permissions"] == ["join"]
    (changed,) = [record for record in records if record.event == "permission_changed"]
    assert (changed.participant, changed.fields["removed"]) == (ada.id, ["publish_audio"])


def test_what_the_room_grants_anew_is_for_good(house: House) -> None:
    admin = house.admin()
    granted = {"default_permissions": ["subscribe"]}
    admin.request(
        "create_room",
        {"room": "standup", **granted, "default_permissions_until": {"subscribe": house.clock.now + 60}},
    )
    ada = house.joined("ada:join")
    house.clock.advance(60)
    assert not ada.participant.permissions.allow(Permission.SUBSCRIBE)
    assert admin.request("update_room", {"room": "standup", **granted})["room"]["default_permissions_until"] == {}
    assert ada.participant.permissions.allow(Permission.SUBSCRIBE)
    admin.request("update_room", {"room": "standup", "default_permissions_until": {"subscribe": house.clock.now + 5}})
    house.clock.advance(5)
    assert not ada.participant.permissions.allow(Permission.SUBSCRIBE)
