"""Receive slots that follow those who speak, and those that show what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from .fakes import Client, FakeProducer, House, ReplyError


class Talk:
    """People with a microphone (mid 0) and a camera (mid 1), who speak when told to."""

    def __init__(self, house: House, *names: str) -> None:
        self.house = house
        self.people = {name: house.joined(name) for name in names}
        self.tracks: dict[str, dict[str, str]] = {}
        for name, person in self.people.items():
            self.tracks[name] = person.offer("0 audio send", "1 video send")["tracks"]

    def microphone(self, name: str) -> FakeProducer:
        return self.people[name].peer.producers["0"]

    def speak(self, *names: str, dominant: str = "") -> None:
        """The loudest first; nobody else speaks."""
        room = next(iter(self.people.values())).participant.room
        holder = self.microphone(dominant) if dominant else None
        room.order.hear(holder, [self.microphone(name) for name in names])

    def names(self, slots: dict[str, Any], mids: Sequence[str]) -> list[str | None]:
        """Whose tracks the slots show."""
        ids = {person.id: name for name, person in self.people.items()}
        return [None if slots[mid] is None else ids[slots[mid]["participant_id"]] for mid in mids]

    def shown(self, viewer: Client, *mids: str) -> list[str | None]:
        sources = viewer.participant.subscriptions.sources()
        ids = {person.id: name for name, person in self.people.items()}
        return [ids[source.participant_id] if (source := sources[mid]) else None for mid in mids]


def audience(house: House, *, audio: int = 0, video: int = 0, policy: str = "loudest", **options: Any) -> Client:
    viewer = house.joined("viewer")
    for kind in ("audio", "video"):
        viewer.request("set_slots", {"kind": kind, "policy": policy, **options})
    viewer.offer(*(f"a{i} audio recv" for i in range(audio)), *(f"v{i} video recv" for i in range(video)))
    viewer.told()
    return viewer


FOUR = ("ada", "bob", "carol", "dan")


def test_everybody_is_shown_while_there_are_slots_for_all(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, audio=4, video=5)
    assert talk.shown(viewer, "a0", "a1", "a2", "a3") == [*FOUR]
    assert talk.shown(viewer, "v0", "v1", "v2", "v3", "v4") == [*FOUR, None]
    talk.speak("dan", "carol", dominant="dan")
    assert viewer.told("slots_changed") == []


def test_who_speaks_takes_the_place_of_who_is_silent(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, audio=2)
    assert talk.shown(viewer, "a0", "a1") == ["ada", "bob"]
    talk.speak("bob", "dan")
    assert viewer.told("slots_changed") == [
        (
            "slots_changed",
            {"slots": {"a0": {"participant_id": talk.people["dan"].id, "track_id": talk.tracks["dan"]["0"]}}},
        )
    ]
    assert viewer.peer.slots["a0"].producer is talk.microphone("dan")
    talk.speak("bob")
    talk.speak()
    assert viewer.told("slots_changed") == []


def test_audio_of_who_speaks_less_keeps_its_slot_for_a_second(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, audio=1)
    talk.speak("dan")
    house.clock.advance(0.4)
    talk.speak("carol", "dan")
    assert talk.shown(viewer, "a0") == ["dan"]
    house.clock.advance(0.59)
    assert talk.shown(viewer, "a0") == ["dan"]
    house.clock.advance(0.02)
    assert talk.shown(viewer, "a0") == ["carol"]
    assert len(viewer.told("slots_changed")) == 2


def test_video_changes_at_most_every_two_seconds(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, video=1)
    house.clock.advance(10)
    times = []
    for moment in range(200):  # everybody shouts in turn, for twenty seconds
        name = FOUR[moment % 4]
        talk.speak(name, dominant=name)
        times += [house.clock.now] * len(viewer.told("slots_changed"))
        house.clock.advance(0.1)
        times += [house.clock.now] * len(viewer.told("slots_changed"))
    assert 8 <= len(times) <= 11
    assert all(later - earlier >= 1.99 for earlier, later in pairwise(times))


def test_a_switch_that_is_no_longer_wanted_does_not_happen(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, video=1)
    house.clock.advance(10)
    talk.speak("dan", dominant="dan")
    house.clock.advance(0.5)
    talk.speak("carol", dominant="carol")
    house.clock.advance(0.5)
    talk.speak("dan", dominant="dan")
    viewer.told()
    house.clock.advance(10)
    assert viewer.told("slots_changed") == []


def test_a_single_video_slot_shows_who_has_the_floor_and_audio_the_loudest(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, audio=1, video=1)
    house.clock.advance(10)
    talk.speak("bob", "dan", dominant="dan")
    assert talk.shown(viewer, "a0", "v0") == ["bob", "dan"]


def test_whoever_has_been_silent_longest_goes_first(house: House) -> None:
    talk = Talk(house, *FOUR, "eve")
    viewer = audience(house, audio=3)
    for name in ("bob", "ada", "carol"):
        talk.speak(name)
        house.clock.advance(5)
    talk.speak("dan")
    assert sorted(filter(None, talk.shown(viewer, "a0", "a1", "a2"))) == ["ada", "carol", "dan"]
    house.clock.advance(5)
    talk.speak("eve")
    assert sorted(filter(None, talk.shown(viewer, "a0", "a1", "a2"))) == ["carol", "dan", "eve"]


def test_nobody_hears_themself(house: House) -> None:
    talk = Talk(house, *FOUR)
    ada = talk.people["ada"]
    ada.request("set_slots", {"kind": "audio", "policy": "loudest"})
    ada.offer("0 audio send", "1 video send", "2 audio recv")
    talk.speak("ada", "carol", dominant="ada")
    assert talk.shown(ada, "2") == ["carol"]
    talk.speak("ada")
    assert talk.shown(ada, "2") == ["carol"]


def test_what_is_shared_comes_before_who_speaks_and_at_once(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, video=1)
    talk.speak("dan", dominant="dan")
    bob = talk.people["bob"]
    bob.offer("0 audio send", "1 video send", "2 video send", m2="screen")
    assert talk.shown(viewer, "v0") == ["bob"]
    assert viewer.peer.slots["v0"].producer is bob.peer.producers["2"]
    bob.request("mute", {"track_id": bob.participant.publications.ids_by_mid()["2"]})
    assert talk.shown(viewer, "v0") == ["dan"], "a muted screen makes room at once"


def test_pinned_people_come_first_then_the_loudest(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, video=2)
    people = [talk.people["dan"].id]
    result = viewer.request("set_slots", {"kind": "video", "policy": "pinned", "participants": people})
    assert talk.names(result["slots"], ["v0", "v1"]) == ["dan", "bob"]
    talk.speak("carol", "bob", dominant="carol")
    house.clock.advance(3)
    assert set(talk.shown(viewer, "v0", "v1")) == {"dan", "carol"}
    talk.speak("bob", "ada", dominant="bob")
    house.clock.advance(3)
    assert set(talk.shown(viewer, "v0", "v1")) == {"dan", "bob"}


def test_who_is_pinned_and_comes_later_is_shown_at_once(house: House) -> None:
    talk = Talk(house, *FOUR)
    eve = house.joined("eve")
    viewer = audience(house, video=1)
    viewer.request("set_slots", {"kind": "video", "policy": "pinned", "participants": [eve.id]})
    talk.people["eve"] = eve
    eve.offer("0 audio send", "1 video send")
    assert talk.shown(viewer, "v0") == ["eve"]
    eve.request("leave")
    assert talk.shown(viewer, "v0") == ["ada"]


def test_a_muted_speaker_makes_room(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, audio=1)
    talk.speak("dan", "carol")
    talk.people["dan"].request("mute", {"track_id": talk.tracks["dan"]["0"]})
    assert talk.shown(viewer, "a0") == ["carol"]


def test_slots_show_what_was_asked_for(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, video=2, policy="request")
    assert talk.shown(viewer, "v0", "v1") == [None, None]
    assert viewer.request("subscribe", {"track_id": talk.tracks["carol"]["1"]}) == {"mid": "v0"}
    assert viewer.request("subscribe", {"track_id": talk.tracks["carol"]["1"]}) == {"mid": "v0"}
    assert viewer.request("subscribe", {"track_id": talk.tracks["bob"]["1"], "mid": "v1"}) == {"mid": "v1"}
    assert talk.shown(viewer, "v0", "v1") == ["carol", "bob"]
    with pytest.raises(ReplyError, match="no video slot is free") as refused:
        viewer.request("subscribe", {"track_id": talk.tracks["ada"]["1"]})
    assert refused.value.code == "bad_request"
    viewer.told()
    assert viewer.request("subscribe", {"track_id": talk.tracks["carol"]["1"], "mid": "v1"}) == {"mid": "v1"}
    assert talk.shown(viewer, "v0", "v1") == [None, "carol"]
    assert viewer.peer.slots["v0"].producer is None
    assert len(viewer.told("slots_changed")) == 1
    viewer.request("unsubscribe", {"track_id": talk.tracks["carol"]["1"]})
    assert talk.shown(viewer, "v0", "v1") == [None, None]
    talk.speak("dan", dominant="dan")
    house.joined("late").offer("1 video send")
    assert talk.shown(viewer, "v0", "v1") == [None, None]
    assert viewer.told("slots_needed") == []


def test_a_track_that_ends_leaves_its_requested_slot_empty(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, video=1, policy="request")
    viewer.request("subscribe", {"track_id": talk.tracks["carol"]["1"]})
    talk.people["carol"].request("leave")
    assert viewer.participant.subscriptions.sources() == {"v0": None}
    assert viewer.peer.slots["v0"].producer is None


@pytest.mark.parametrize(
    ("method", "params", "code", "sentence"),
    [
        ("subscribe", {"track_id": "t_nothing"}, "not_found", "there is no track 't_nothing'"),
        ("subscribe", {"track_id": "{ada 0}"}, "bad_request", "no audio slot is free"),
        ("subscribe", {"track_id": "{ada 0}", "mid": "v0"}, "bad_request", "'v0' is for video, and the track is audio"),
        ("subscribe", {"track_id": "{ada 1}", "mid": "v7"}, "not_found", "no receive slot with the mid 'v7'"),
        ("unsubscribe", {"track_id": "{ada 1}"}, "not_found", "no receive slot shows the track"),
        ("set_slots", {"kind": "video", "policy": "pinned"}, "invalid_params", "'pinned' needs participants"),
        (
            "set_slots",
            {"kind": "video", "policy": "loudest", "participants": ["p_x"]},
            "invalid_params",
            "the policy 'loudest' has no participants",
        ),
        ("set_slots", {"kind": "smell", "policy": "loudest"}, "invalid_params", "smell"),
    ],
)
def test_what_makes_no_sense_is_refused(house: House, method: str, params: Any, code: str, sentence: str) -> None:
    talk = Talk(house, "ada")
    viewer = audience(house, video=1, policy="request")
    if params.get("track_id", "").startswith("{"):
        name, mid = params["track_id"].strip("{}").split()
        params = params | {"track_id": talk.tracks[name][mid]}
    with pytest.raises(ReplyError, match=sentence) as refused:
        viewer.request(method, params)
    assert refused.value.code == code


def test_requests_need_the_policy_and_the_permission(house: House) -> None:
    talk = Talk(house, "ada")
    viewer = audience(house, video=1)
    with pytest.raises(ReplyError, match="your video slots have the policy 'loudest'"):
        viewer.request("subscribe", {"track_id": talk.tracks["ada"]["1"]})
    with pytest.raises(ReplyError, match="your video slots have the policy 'loudest'"):
        viewer.request("unsubscribe", {"track_id": talk.tracks["ada"]["1"]})
    deaf = house.joined("deaf:join,send_message")
    deaf.request("set_slots", {"kind": "video", "policy": "request"})
    deaf.offer("v0 video recv")
    with pytest.raises(ReplyError) as refused:
        deaf.request("subscribe", {"track_id": talk.tracks["ada"]["1"]})
    assert refused.value.code == "permission_denied"
    assert refused.value.details == {"permission": "subscribe"}


def test_no_more_slots_are_said_to_be_needed_than_wanted(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = house.joined("viewer")
    assert viewer.told("slots_needed") == [("slots_needed", {"audio": 4, "video": 4})]
    viewer.request("set_slots", {"kind": "video", "policy": "loudest", "limit": 3})
    viewer.request("set_slots", {"kind": "audio", "policy": "automatic", "limit": 0})
    assert viewer.told("slots_needed")[-1] == ("slots_needed", {"audio": 0, "video": 3})
    viewer.offer("v0 video recv")
    assert viewer.told("slots_needed") == [("slots_needed", {"audio": 0, "video": 2})]
    viewer.offer("v0 video recv", "v1 video recv", "v2 video recv")
    assert viewer.told("slots_needed") == [("slots_needed", {"audio": 0, "video": 0})]
    talk.people["ada"].request("leave")
    assert viewer.told("slots_needed") == []


def test_going_back_to_automatic_fills_what_is_free(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, video=2, policy="request")
    result = viewer.request("set_slots", {"kind": "video", "policy": "automatic"})
    assert talk.names(result["slots"], ["v0", "v1"]) == ["ada", "bob"]


def test_the_dominant_speaker_is_announced_once_and_to_who_comes_later(house: House) -> None:
    talk = Talk(house, *FOUR)
    listener = house.joined("listener")
    assert listener.joined["dominant_speaker"] is None
    ada, bob = talk.people["ada"], talk.people["bob"]
    talk.speak("ada", dominant="ada")
    talk.speak("ada", "bob", dominant="ada")
    talk.speak("bob", dominant="ada")
    talk.speak("bob", dominant="bob")
    talk.speak(dominant="bob")
    assert listener.told("dominant_speaker") == [
        ("dominant_speaker", {"participant_id": ada.id}),
        ("dominant_speaker", {"participant_id": bob.id}),
    ]
    assert house.joined("late").joined["dominant_speaker"] == bob.id
    bob.request("mute", {"track_id": talk.tracks["bob"]["0"]})
    assert listener.told("dominant_speaker") == [("dominant_speaker", {"participant_id": None})]
    talk.speak("ada", dominant="ada")
    ada.request("leave")
    assert [params["participant_id"] for _, params in listener.told("dominant_speaker")] == [ada.id, None]


def test_late_news_of_who_has_left_or_is_muted_is_not_told(house: House) -> None:
    talk = Talk(house, "ada", "bob")
    listener = house.joined("listener")
    order = listener.participant.room.order
    gone, muted = talk.microphone("ada"), talk.microphone("bob")
    talk.people["ada"].request("leave")
    talk.people["bob"].request("mute", {"track_id": talk.tracks["bob"]["0"]})
    order.hear(gone, [gone, muted])
    order.hear(muted, [muted])
    assert listener.told("dominant_speaker") == []
    assert order.dominant is None


def test_an_empty_room_leaves_no_timer_behind(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, video=1)
    talk.speak("dan", dominant="dan")
    talk.speak("carol", dominant="carol")
    for client in (*talk.people.values(), viewer):
        client.request("leave")
        client.drop()
    assert house.clock.waiting == 0


def test_who_is_pinned_and_speaks_takes_one_slot_and_not_the_place_of_another_speaker(house: House) -> None:
    talk = Talk(house, *FOUR)
    viewer = audience(house, video=2)
    viewer.request("set_slots", {"kind": "video", "policy": "pinned", "participants": [talk.people["dan"].id]})
    house.clock.advance(10)
    talk.speak("dan", "carol", dominant="dan")
    assert set(talk.shown(viewer, "v0", "v1")) == {"dan", "carol"}
