"""A session that loses its connection and comes back: the same participant, one session at a time, nothing twice."""

from typing import Any

import pytest

from mediasrv.rooms.events import ParticipantJoined, ParticipantLeft
from mediasrv.rooms.presence import MISSED_MAX_MESSAGES
from mediasrv.rooms.room import RoomLimits
from mediasrv.rooms.token_bucket import TokenBucket
from mediasrv.rtc.events import Closed, Connected

from .fakes import Client, House, ReplyError
from .test_journal import journal_of

RESUME_S = 30


@pytest.fixture
def house() -> House:
    return House(limits=RoomLimits(resume_s=RESUME_S))


def resume(house: House, lost: Client, epoch: int = 2, **params: Any) -> Client:
    client = house.client()
    asked = {"resume_token": lost.joined["resume_token"], "epoch": epoch, **params}
    client.joined = client.request("resume_session", asked)
    return client


def left(house: House) -> list[tuple[str, str]]:
    return [(event.identity, event.reason.value) for event in house.events if isinstance(event, ParticipantLeft)]


def test_who_comes_back_is_the_same_with_the_same_tracks_and_slots(house: House) -> None:
    records = journal_of(house)
    ada, bob = house.joined("ada"), house.joined("bob")
    assert (ada.joined["resume_s"], ada.joined["epoch"]) == (RESUME_S, 1)
    bob.offer("0 audio send")
    offered = ada.offer("0 audio send", "1 audio recv")
    bob.told()
    ada.drop()
    house.clock.advance(RESUME_S - 1)
    back = resume(house, ada)
    assert back.id == ada.id
    assert back.joined["epoch"] == 2
    assert back.joined["has_media"]
    assert back.joined["tracks"] == offered["tracks"]
    assert back.joined["slots"] == offered["slots"]
    assert [each["identity"] for each in back.joined["participants"]] == ["ada", "bob"]
    assert bob.told() == []  # nobody noticed
    house.clock.advance(10 * RESUME_S)
    assert left(house) == []
    back.request("mute", {"track_id": offered["tracks"]["0"]})
    assert [method for method, _ in bob.told()] == ["feature_toggled"]
    assert [record.event for record in records if record.event.startswith("signaling")] == [
        "signaling_lost",
        "signaling_resumed",
    ]


def test_another_time_holds_for_who_joins_from_then_on_also_in_rooms_that_are_open(house: House) -> None:
    ada = house.joined("ada")
    house.registry.set_limits(RoomLimits(resume_s=5))
    bob = house.joined("bob")
    assert (ada.joined["resume_s"], bob.joined["resume_s"]) == (RESUME_S, 5)
    ada.drop(), bob.drop()
    house.clock.advance(5)
    assert left(house) == [("bob", "signaling_lost")]


def test_who_does_not_come_back_leaves_once(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    ada.drop()
    house.clock.advance(RESUME_S - 0.1)
    assert left(house) == []
    house.clock.advance(0.1)
    assert left(house) == [("ada", "signaling_lost")]
    assert len(bob.told("participant_left")) == 1
    with pytest.raises(ReplyError) as refused:
        resume(house, ada)
    assert refused.value.code == "session_gone"
    house.clock.advance(1e6)
    assert left(house) == [("ada", "signaling_lost")]


def test_while_media_flows_the_participant_stays_and_may_come_back_late(house: House) -> None:
    ada = house.joined("ada")
    ada.offer("0 audio send")
    ada.peer.observer(Connected())
    ada.drop()
    house.clock.advance(10 * RESUME_S)
    assert left(house) == []
    back = resume(house, ada)
    back.drop()
    house.clock.advance(10 * RESUME_S)
    back.peer.observer(Closed("consent_expired"))
    assert left(house) == [("ada", "consent_expired")]


def test_media_that_goes_meanwhile_ends_the_tracks_and_not_the_participant(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    bob.offer("0 audio send", "1 audio recv")
    ada.offer("0 audio send", "1 audio recv")
    old = ada.peer
    old.observer(Connected())
    ada.drop()
    bob.told()
    old.observer(Closed("consent_expired"))
    assert [method for method, _ in bob.told()] == ["feature_toggled", "track_unpublished", "slots_changed"]
    back = resume(house, ada)
    assert not back.joined["has_media"]
    assert (back.joined["tracks"], back.joined["slots"]) == ({}, {})
    assert back.told() == [("slots_needed", {"audio": 1, "video": 0})]
    answered = back.offer("0 audio send", "1 audio recv")
    assert back.peer is not old
    assert answered["slots"]["1"]["participant_id"] == bob.id
    assert left(house) == []
    old.observer(Closed("closed"))  # what the old one still says is not heard
    assert left(house) == []


def test_who_loses_both_connections_leaves_for_what_happened_to_the_media(house: House) -> None:
    ada = house.joined("ada")
    ada.offer("0 audio send")
    ada.peer.observer(Connected())
    ada.drop()
    ada.peer.observer(Closed("consent_expired"))
    house.clock.advance(RESUME_S)
    assert left(house) == [("ada", "consent_expired")]


def test_a_browser_that_closes_its_media_is_gone_at_once(house: House) -> None:
    ada = house.joined("ada")
    ada.offer("0 audio send")
    ada.peer.observer(Connected())
    ada.drop()
    ada.peer.observer(Closed("peer_closed"))
    assert left(house) == [("ada", "peer_closed")]


def test_who_has_lost_the_peer_connection_too_begins_another(house: House) -> None:
    ada = house.joined("ada")
    ada.offer("0 audio send")
    old = ada.peer
    ada.drop()
    back = resume(house, ada, keep_media=False)
    assert old.closed
    assert not back.joined["has_media"]
    assert list(back.offer("0 audio send")["tracks"]) == ["0"]
    assert left(house) == []


def test_the_session_before_is_told_that_it_is_over(house: House) -> None:
    ada = house.joined("ada")
    back = resume(house, ada)  # its connection has died, which the server has not noticed
    assert ada.closing is not None
    assert ada.closing["reason"] == "resumed_elsewhere"
    assert ada.is_closed
    ada.drop()
    house.clock.advance(10 * RESUME_S)
    assert left(house) == []
    house.joined("bob")
    assert len(back.told("participant_joined")) == 1
    assert ada.told("participant_joined") == []


def test_a_request_that_was_long_on_its_way_takes_nothing_from_a_later_one(house: House) -> None:
    ada = house.joined("ada")
    ada.drop()
    third = resume(house, ada, epoch=3)
    for epoch in (1, 2, 3):
        with pytest.raises(ReplyError) as refused:
            resume(house, ada, epoch=epoch)
        assert (refused.value.code, refused.value.details) == ("stale_session", {"epoch": 3})
    assert third.closing is None
    resume(house, ada, epoch=4)
    assert third.closing is not None


@pytest.mark.parametrize("end", ["leave", "replace", "remove", "stop"])
def test_what_has_ended_is_not_resumed(house: House, end: str) -> None:
    ada, host = house.joined("ada"), house.joined("host")
    match end:
        case "leave":
            ada.request("leave")
        case "replace":
            house.joined("ada")
        case "remove":
            host.request("remove_participant", {"participant_id": ada.id})
        case "stop":
            house.registry.close()
    with pytest.raises(ReplyError) as refused:
        resume(house, ada)
    assert refused.value.code == "session_gone"
    assert not house.registry._resumable or end != "stop"


def test_a_wrong_resume_token_is_not_an_open_door(house: House) -> None:
    house.joined("ada")
    for token in ("wrong", "x" * 8_000):
        client = house.client()
        with pytest.raises(ReplyError) as refused:
            client.request("resume_session", {"resume_token": token, "epoch": 2})
        assert refused.value.code == "session_gone"


def test_a_connection_that_is_somebody_resumes_nobody(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    with pytest.raises(ReplyError) as refused:
        bob.request("resume_session", {"resume_token": ada.joined["resume_token"], "epoch": 2})
    assert refused.value.code == "already_joined"
    assert ada.closing is None


def test_messages_of_the_meantime_come_with_their_sender_told(house: House) -> None:
    ada, bob, carol = house.joined("ada"), house.joined("bob"), house.joined("carol")
    bob.drop()
    sent = ada.request("send_message", {"text": "are you there?"})
    assert (sent["recipients"], sent["pending"]) == ([carol.id], [bob.id])
    ada.told()
    back = resume(house, bob)
    assert [params["text"] for _, params in back.told("message")] == ["are you there?"]
    delivered = {"message_id": sent["message_id"], "participant_id": bob.id}
    assert ada.told("message_delivered") == [("message_delivered", delivered)]
    again = resume(house, bob, epoch=3)
    assert again.told("message") == []


def test_messages_of_the_meantime_are_bounded(house: House) -> None:
    house = House(limits=RoomLimits(resume_s=RESUME_S, message_burst=10_000))
    ada, bob = house.joined("ada", limits=None), house.joined("bob")
    ada.session._requests = TokenBucket(1, 10_000, house.clock.monotonic)
    bob.drop()
    pending = [ada.request("send_message", {"text": str(number)})["pending"] for number in range(120)]
    assert pending == [[bob.id]] * MISSED_MAX_MESSAGES + [[]] * (120 - MISSED_MAX_MESSAGES)
    back = resume(house, bob)
    assert [params["text"] for _, params in back.told("message")] == [str(n) for n in range(MISSED_MAX_MESSAGES)]


def test_there_is_one_join_however_often_somebody_comes_back(house: House) -> None:
    ada = house.joined("ada")
    for epoch in range(2, 20):
        ada.drop()
        back = resume(house, ada, epoch)
        back.joined["resume_token"] = ada.joined["resume_token"]
        ada = back
    ada.request("leave")
    assert len([event for event in house.events if isinstance(event, ParticipantJoined)]) == 1
    assert left(house) == [("ada", "left")]
    assert house.clock.waiting == 0
