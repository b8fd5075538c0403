"""Every flag stands alone: what is missing without it, and that nothing else is."""

from collections.abc import Callable
from typing import Any

import pytest

from mediasrv.rooms.grants import Granted, terms_of
from mediasrv.rooms.permissions import ALL, FLAG_OF_NAME, GrantsError, Permission, flag_names, from_names

from .fakes import Client, House, ReplyError

OTHERS = "ada:join,publish_audio,publish_video"

# What each flag allows: a deed, and whether it worked.
DEEDS: dict[Permission, Callable[[Client], bool]] = {
    Permission.PUBLISH_AUDIO: lambda client: "0" in client.offer("0 audio send")["tracks"],
    Permission.PUBLISH_VIDEO: lambda client: "1" in client.offer("1 video send")["tracks"],
    Permission.SHARE_SCREEN: lambda client: "2" in client.offer("2 video send", m2="screen")["tracks"],
    Permission.SUBSCRIBE: lambda client: client.offer("3 audio recv")["slots"]["3"] is not None,
    Permission.SEND_MESSAGE: lambda client: sends_message(client),
}


def sends_message(client: Client) -> bool:
    try:
        return bool(client.request("send_message", {"text": "hello"})["recipients"])
    except ReplyError as error:
        if (error.code, error.details) != ("permission_denied", {"permission": "send_message"}):
            raise
        return False


@pytest.mark.parametrize(
    "refused", [flag for flag in Permission if flag != Permission.JOIN], ids=lambda flag: flag.name
)
def test_refusing_one_flag_breaks_no_other(house: House, refused: Permission) -> None:
    house.joined(OTHERS).offer("0 audio send")
    client = house.joined("grace:" + ",".join(flag_names(ALL & ~refused)))
    assert client.joined["permissions"] == flag_names(ALL & ~refused)
    assert {flag for flag, deed in DEEDS.items() if deed(client)} == set(DEEDS) - {refused}


@pytest.mark.parametrize("granted", DEEDS, ids=lambda flag: flag.name)
def test_granting_one_flag_grants_no_other(house: House, granted: Permission) -> None:
    house.joined(OTHERS).offer("0 audio send")
    client = house.joined(f"grace:join,{str(granted.name).lower()}")
    assert {flag for flag, deed in DEEDS.items() if deed(client)} == {granted}


def test_without_join_nobody_joins(house: House) -> None:
    with pytest.raises(ReplyError) as refused:
        house.joined("ada:publish_audio,subscribe")
    assert refused.value.code == "permission_denied"
    assert refused.value.details == {"permission": "join"}
    assert house.events == []


@pytest.mark.parametrize(
    ("line", "source", "flag"),
    [
        ("0 audio send", "microphone", "publish_audio"),
        ("0 video send", "camera", "publish_video"),
        ("0 video send", "screen", "share_screen"),
        ("0 audio send", "screen", "share_screen"),
    ],
)
def test_a_refused_track_is_named_with_its_flag(house: House, line: str, source: str, flag: str) -> None:
    client = house.joined("grace:join")
    answered = client.offer(line, m0=source)
    assert answered["tracks"] == {}
    assert flag in answered["refused"]["0"]
    assert client.peer.producers == {}


def test_somebody_who_may_not_receive_is_told_so_and_gets_nothing(house: House) -> None:
    ada = house.joined("ada")
    ada.offer("0 audio send")
    client = house.joined("grace:join,publish_audio")
    answered = client.offer("0 audio recv", "1 audio send")
    assert answered["slots"] == {"0": None}
    assert "subscribe" in answered["refused"]["0"]
    assert list(answered["tracks"]) == ["1"]
    assert client.peer.slots["0"].producer is None
    assert not client.peer.slots["0"].allowed
    assert client.told("slots_needed") == []


# --- changes in the middle of a call -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "mid"),
    [(Permission.PUBLISH_AUDIO, "0"), (Permission.PUBLISH_VIDEO, "1"), (Permission.SHARE_SCREEN, "2")],
    ids=lambda value: str(value),
)
def test_a_revoked_flag_shuts_its_own_producer_only(house: House, flag: Permission, mid: str) -> None:
    ada = house.joined("ada")
    moderator = house.joined("moderator")
    offered = ada.offer("0 audio send", "1 video send", "2 video send", m2="screen")
    producers = ada.peer.producers
    moderator.told()
    ada.participant.set_permissions(granted=ALL & ~flag, by=moderator.id)
    assert [each for each in producers if not producers[each].open] == [mid]
    ((_, toggled),) = moderator.told("feature_toggled")
    assert toggled["track_id"] == offered["tracks"][mid]
    assert (toggled["enabled"], toggled["by"]) == (False, moderator.id)
    with pytest.raises(ReplyError) as refused:
        ada.request("unmute", {"track_id": offered["tracks"][mid]})
    assert refused.value.code == "permission_denied"
    assert refused.value.details == {"permission": str(flag.name).lower()}

    ada.participant.set_permissions(granted=ALL, by=moderator.id)
    assert all(producer.open for producer in producers.values())
    ((_, toggled),) = moderator.told("feature_toggled")
    assert toggled["enabled"]


def test_a_muted_track_stays_shut_when_its_flag_returns(house: House) -> None:
    ada = house.joined("ada")
    track_id = ada.offer("0 audio send")["tracks"]["0"]
    ada.participant.set_permissions(granted=Permission.JOIN)
    ada.request("mute", {"track_id": track_id})
    ada.participant.set_permissions(granted=ALL)
    assert not ada.peer.producers["0"].open
    ada.request("unmute", {"track_id": track_id})
    assert ada.peer.producers["0"].open


def test_a_revoked_subscription_shuts_and_empties_the_slots(house: House) -> None:
    ada, grace = house.joined("ada"), house.joined("grace")
    track_id = ada.offer("0 audio send")["tracks"]["0"]
    grace.offer("0 audio recv")
    slot = grace.peer.slots["0"]
    grace.told()
    grace.participant.set_permissions(granted=ALL & ~Permission.SUBSCRIBE)
    assert (slot.allowed, slot.producer) == (False, None)
    permissions = flag_names(ALL & ~Permission.SUBSCRIBE)
    (first, changed), second = grace.told()
    assert (first, changed["participant_id"], changed["permissions"]) == ("permissions_changed", grace.id, permissions)
    assert second == ("slots_changed", {"slots": {"0": None}})
    grace.participant.set_permissions(granted=ALL)
    assert slot.allowed
    assert slot.producer is ada.peer.producers["0"]
    assert grace.told("slots_changed") == [
        ("slots_changed", {"slots": {"0": {"participant_id": ada.id, "track_id": track_id}}})
    ]


def test_consent_is_a_layer_of_its_own(house: House) -> None:
    ada = house.joined("ada")
    ada.participant.set_permissions(consented=ALL & ~Permission.PUBLISH_VIDEO)
    answered = ada.offer("0 audio send", "1 video send")
    assert list(answered["tracks"]) == ["0"]
    assert "consent" in answered["refused"]["1"]
    ada.participant.set_permissions(granted=ALL)  # a grant is no consent
    assert list(ada.offer("1 video send")["tracks"]) == ["0"]


def test_permissions_that_stay_the_same_are_no_news(house: House) -> None:
    ada = house.joined("ada")
    before = len(house.events)
    ada.participant.set_permissions(granted=ALL)
    assert len(house.events) == before


# --- grants --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "holds"), [(True, True), (False, False), (1000, False), (1000.5, True), (2000, True), (0, False)]
)
def test_a_grant_holds_or_holds_until(value: object, holds: bool) -> None:
    assert Granted(terms_of({"record": value})).flags(now=1000.0) == (Permission.RECORD if holds else Permission(0))


@pytest.mark.parametrize(
    ("grants", "words"),
    [
        ({"publish_vidoe": True}, "did you mean 'publish_video'"),
        ({"zzz": True}, "the flags are join, "),
        ({"join": "yes"}, "true or the Unix time"),
        ({"join": None}, "true or the Unix time"),
    ],
)
def test_bad_grants_are_explained(grants: dict[str, Any], words: str) -> None:
    with pytest.raises(GrantsError, match=words):
        terms_of(grants)


def test_names_and_flags_are_each_others_inverse() -> None:
    assert from_names(FLAG_OF_NAME) == ALL
    assert flag_names(ALL) == list(FLAG_OF_NAME)
    assert len(FLAG_OF_NAME) == len(Permission) == 9
