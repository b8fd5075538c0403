"""Who hears the mix of a room, and who is in it."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from mediasrv.rooms.settings import RoomSettings
from mediasrv.rtc.mix import MixSettings
from mediasrv.rtc.statistics import HearingStatistics, PeerStatistics, SlotStatistics
from mediasrv.signaling.room_statistics import statistics_of

from .fakes import Client, FakeMix, House, ReplyError

MIX = {"participant_id": None, "track_id": "mix"}


def listener(house: House, token: str, slots: int = 2) -> Client:
    person = house.joined(token)
    person.offer("m audio send", *(f"a{at} audio recv" for at in range(slots)), "v0 video recv")
    person.told()
    return person


def shown(person: Client) -> dict[str, str | None]:
    sources = person.participant.subscriptions.sources()
    return {mid: source.track_id if source else None for mid, source in sources.items() if mid.startswith("a")}


def the_mix(house: House) -> FakeMix:
    (mix,) = [mix for mix in house.mixes if not mix.closed]
    return mix


def test_one_slot_has_the_mix_and_the_others_are_empty(house: House) -> None:
    ada, bob, carol = (listener(house, name) for name in ("ada", "bob", "carol"))
    assert house.mixes == [], "nobody listens to it yet"
    carol.told()
    result = carol.request("set_slots", {"kind": "audio", "policy": "mix"})
    assert result["slots"]["a0"] == MIX
    assert result["slots"]["a1"] is None
    mix = the_mix(house)
    assert carol.peer.slots["a0"].producer is mix.producer
    assert carol.peer.slots["a1"].producer is None
    assert set(mix.sources) == {person.peer.producers["m"] for person in (ada, bob, carol)}
    assert carol.told("slots_changed") == [("slots_changed", {"slots": {"a0": MIX, "a1": None}})]


def test_and_back_to_single_tracks_at_any_time(house: House) -> None:
    _, _, carol = (listener(house, name) for name in ("ada", "bob", "carol"))
    before = shown(carol)
    assert None not in before.values()
    for _ in range(3):
        carol.request("set_slots", {"kind": "audio", "policy": "mix"})
        assert shown(carol) == {"a0": "mix", "a1": None}
        carol.request("set_slots", {"kind": "audio", "policy": "automatic"})
        assert shown(carol) == before
    assert len(house.mixes) == 3
    assert all(mix.closed for mix in house.mixes), "closed with its last listener"


def test_tracks_that_come_and_go_are_in_it_and_change_no_slot(house: House) -> None:
    ada = listener(house, "ada")
    ada.request("set_slots", {"kind": "audio", "policy": "mix"})
    ada.told()
    bob = listener(house, "bob")
    microphone = bob.peer.producers["m"]
    assert microphone in the_mix(house).sources
    assert shown(ada) == {"a0": "mix", "a1": None}
    bob.offer("m audio inactive")
    assert microphone not in the_mix(house).sources
    assert ada.told("slots_changed", "slots_needed") == []


def test_there_is_one_mix_for_all_who_listen(house: House) -> None:
    people = [listener(house, name) for name in ("ada", "bob", "carol")]
    for person in people:
        person.request("set_slots", {"kind": "audio", "policy": "mix"})
    mix = the_mix(house)
    assert all(person.peer.slots["a0"].producer is mix.producer for person in people)
    people[0].request("leave")
    people[1].participant.leave("left")
    assert not mix.closed
    people[2].drop()
    assert mix.closed


def test_without_a_slot_one_is_needed_however_many_speak(house: House) -> None:
    for name in ("ada", "bob", "carol"):
        listener(house, name)
    dan = house.joined("dan")
    dan.request("set_slots", {"kind": "audio", "policy": "mix"})
    dan.request("set_slots", {"kind": "video", "policy": "request"})
    assert dan.told("slots_needed")[-1] == ("slots_needed", {"audio": 1, "video": 0})
    assert house.mixes == []
    dan.offer("a0 audio recv")
    assert shown(dan) == {"a0": "mix"}


def test_who_may_not_subscribe_does_not_hear_it(house: House) -> None:
    moderator, bob = listener(house, "ada"), listener(house, "bob")
    bob.request("set_slots", {"kind": "audio", "policy": "mix"})
    mix = the_mix(house)
    moderator.request("revoke", {"participant_id": bob.id, "permissions": ["subscribe"]})
    assert shown(bob) == {"a0": None, "a1": None}
    assert bob.peer.slots["a0"].producer is None
    assert mix.closed
    moderator.request("grant", {"participant_id": bob.id, "permissions": ["subscribe"]})
    assert shown(bob) == {"a0": "mix", "a1": None}


def test_it_is_subscribed_to_by_name_and_changes_places_with_single_tracks(house: House) -> None:
    ada, bob, carol = (listener(house, name) for name in ("ada", "bob", "carol"))
    carol.request("set_slots", {"kind": "audio", "policy": "request"})
    before, slot = shown(carol), carol.peer.slots["a0"]
    track_ids = [track_id for track_id in before.values() if track_id]
    carol.told()
    for _ in range(2):
        assert carol.request("subscribe", {"track_id": "mix", "mid": "a0"}) == {"mid": "a0"}
        assert shown(carol) == before | {"a0": "mix"}
        assert carol.peer.slots["a0"].producer is the_mix(house).producer
        assert carol.told("slots_changed")[-1] == ("slots_changed", {"slots": {"a0": MIX}})
        carol.request("subscribe", {"track_id": track_ids[0], "mid": "a0"})
        assert shown(carol) == before
        assert carol.peer.slots["a0"].producer in (ada.peer.producers["m"], bob.peer.producers["m"])
    assert len(house.mixes) == 2
    assert all(mix.closed for mix in house.mixes), "nobody listens any more"
    carol.request("unsubscribe", {"track_id": track_ids[1]})
    assert carol.request("subscribe", {"track_id": "mix"}) == {"mid": "a1"}, "the slot that is free"
    assert carol.request("subscribe", {"track_id": "mix"}) == {"mid": "a1"}, "it is there already"
    carol.told()
    carol.request("subscribe", {"track_id": "mix", "mid": "a0"})
    assert shown(carol) == {"a0": "mix", "a1": None}
    assert carol.told("slots_changed") == [("slots_changed", {"slots": {"a0": MIX, "a1": None}})]
    carol.request("unsubscribe", {"track_id": "mix"})
    assert shown(carol) == {"a0": None, "a1": None}
    assert carol.peer.slots["a0"].producer is None
    assert house.mixes[-1].closed
    assert carol.peer.slots["a0"] is slot, "without another offer"


def test_what_a_policy_shows_stays_where_the_next_one_may_show_it(house: House) -> None:
    _, _, carol = (listener(house, name) for name in ("ada", "bob", "carol"))
    carol.request("set_slots", {"kind": "audio", "policy": "mix"})
    carol.told()
    carol.request("set_slots", {"kind": "audio", "policy": "request"})
    assert shown(carol) == {"a0": "mix", "a1": None}
    carol.request("subscribe", {"track_id": "mix", "mid": "a1"})
    carol.request("set_slots", {"kind": "audio", "policy": "mix"})
    assert shown(carol) == {"a0": None, "a1": "mix"}
    assert len(house.mixes) == 1, "it went on all the time"
    carol.request("set_slots", {"kind": "audio", "policy": "loudest"})
    assert "mix" not in shown(carol).values()
    assert None not in shown(carol).values()
    assert house.mixes[0].closed


def test_a_subscription_to_it_that_cannot_be_leaves_nothing_behind(house: House) -> None:
    moderator, bob = listener(house, "ada"), listener(house, "bob")
    with pytest.raises(ReplyError, match="'request' first"):
        bob.request("subscribe", {"track_id": "mix"})
    bob.request("set_slots", {"kind": "audio", "policy": "request"})
    with pytest.raises(ReplyError, match="for video, and the track is audio"):
        bob.request("subscribe", {"track_id": "mix", "mid": "v0"})
    with pytest.raises(ReplyError, match="no receive slot"):
        bob.request("subscribe", {"track_id": "mix", "mid": "a9"})
    assert all(mix.closed for mix in house.mixes)
    bob.request("subscribe", {"track_id": "mix", "mid": "a0"})
    moderator.request("revoke", {"participant_id": bob.id, "permissions": ["subscribe"]})
    with pytest.raises(ReplyError, match="subscribe"):
        bob.request("subscribe", {"track_id": "mix", "mid": "a0"})
    assert all(mix.closed for mix in house.mixes)


async def test_statistics_name_it_as_what_a_slot_shows(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, carol = listener(house, "ada"), listener(house, "carol")
    carol.request("set_slots", {"kind": "audio", "policy": "mix"})

    async def nothing() -> None:
        return None

    def counted(mid: str, rid: str | None) -> SlotStatistics:
        return SlotStatistics(
            mid=mid, rid=rid, target_rid=rid, asked_rid=None, paused=False, allowed=True,
            packets=9, octets=900, retransmitted_packets=0, fraction_lost=0.0,
        )  # fmt: skip

    async def statistics() -> PeerStatistics:
        return PeerStatistics(rtt_s=None, encodings={}, slots=[counted("a0", ""), counted("a1", None)])

    monkeypatch.setattr(carol.participant, "statistics", statistics)
    monkeypatch.setattr(ada.participant, "statistics", nothing)
    [counts] = await statistics_of(carol.participant.room)
    assert [(slot.track_id, slot.why) for slot in counts.slots] == [("mix", "only"), (None, "empty")]


async def test_statistics_of_a_track_say_how_the_mix_hears_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = listener(house, "ada")
    [(mid, track_id)] = ada.participant.publications.ids_by_mid().items()
    heard = HearingStatistics(
        target_delay_s=0.04, delay_s=0.05, packets=500, late=3, red_recovered=1, fec_recovered=2,
        played_s=9.8, concealed_s=0.2, removed_s=0.1, added_s=0.15,
    )  # fmt: skip
    hearing: dict[str, HearingStatistics] = {}

    async def statistics() -> PeerStatistics:
        return PeerStatistics(rtt_s=None, encodings={mid: []}, slots=[], hearing=hearing)

    monkeypatch.setattr(ada.participant, "statistics", statistics)
    [counts] = await statistics_of(ada.participant.room)
    assert [(track.track_id, track.hearing) for track in counts.tracks] == [(track_id, None)]
    hearing[mid] = heard
    [counts] = await statistics_of(ada.participant.room)
    shown = counts.tracks[0].hearing
    assert shown is not None
    assert {name: getattr(shown, name) for name in shown.__struct_fields__} == asdict(heard)


def test_video_is_not_mixed(house: House) -> None:
    ada = listener(house, "ada")
    with pytest.raises(ReplyError, match="audio"):
        ada.request("set_slots", {"kind": "video", "policy": "mix"})
    with pytest.raises(ReplyError, match="audio"):
        ada.request("set_slots", {"kind": "video", "policy": "loudest", "or_mix": True})


def test_beyond_so_many_participants_the_mix_is_what_everybody_hears() -> None:
    house = House(defaults=RoomSettings(mix_above=4))
    people = [listener(house, f"p{at}") for at in range(4)]
    assert house.mixes == []
    chooser = people[0]
    chooser.request("set_slots", {"kind": "audio", "policy": "loudest"})
    fifth = listener(house, "p4")
    assert shown(fifth) == {"a0": "mix", "a1": None}
    assert all(shown(person)["a0"] == "mix" for person in people[1:])
    assert shown(chooser)["a0"] != "mix", "who has chosen keeps what was chosen"
    people[2].request("set_slots", {"kind": "audio", "policy": "loudest", "or_mix": True})
    assert shown(people[2]) == {"a0": "mix", "a1": None}, "who does not mind has the mix, too"
    fifth.request("leave")
    assert shown(people[1])["a0"] == "mix", "one more or less does not change it for all, time and again"
    people[3].request("leave")
    for person in people[1:3]:
        assert shown(person)["a0"] != "mix"
    assert people[2].participant.subscriptions._policy["audio"].name == "loudest"
    assert all(mix.closed for mix in house.mixes)


def test_a_room_says_how_its_mix_sounds(house: House) -> None:
    admin = house.admin()
    created = admin.request("create_room", {"room": "hall", "mix_above": 0, "mix": {"complexity": 9, "fec": True}})
    assert created["room"]["mix"]["complexity"] == 9
    assert created["room"]["mix"]["talkers"] == 3
    listener(house, "ada@hall")
    mix = the_mix(house)
    assert mix.settings == MixSettings(complexity=9, fec=True)
    admin.request("update_room", {"room": "hall", "mix": {"bitrate_bps": 24_000}})
    assert mix.settings.bitrate_bps == 24_000
    admin.request("update_room", {"room": "hall", "mix": {"talkers": 15}})
    with pytest.raises(ReplyError, match="talkers"):
        admin.request("update_room", {"room": "hall", "mix": {"talkers": 16}})
    with pytest.raises(ReplyError, match="complexity"):
        admin.request("update_room", {"room": "hall", "mix": {"complexity": 11}})
    admin.request("update_room", {"room": "hall", "mix_above": None})
    assert mix.closed
