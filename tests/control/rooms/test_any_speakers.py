"""Whoever speaks, comes and goes in whatever order: slots show the best there is, never one's own, never one twice."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mediasrv.rooms.events import Kind
from mediasrv.rooms.slot_policy import POLICIES
from mediasrv.rooms.track import KINDS, Track

from .fakes import Client, House

NAMES = ["ada", "bob", "carol", "dan", "eve", "fay"]
SENT = ["0 audio send", "1 video send", "2 video send"]
SETTLED_S = 3


class AnySpeakers(RuleBasedStateMachine):
    """Everybody has some slots; `told` is what each was told that they show."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House()
        self.people: dict[str, Client] = {}
        self.told: dict[str, dict[str, Any]] = {}
        self.speaking: list[Track] = []

    @initialize()
    def meet(self) -> None:
        for name in NAMES[:4]:
            self.join(name, {"0 audio send", "1 video send"}, 2, 1)
        for name in NAMES[:2]:
            for kind in KINDS:
                self.people[name].request("set_slots", {"kind": kind, "policy": "loudest"})
            self.catch_up(name)
        pinned = {"kind": "video", "policy": "pinned", "participants": [self.people[NAMES[3]].id]}
        self.people[NAMES[2]].request("set_slots", pinned)

    # --- what people do ----------------------------------------------------------------------------------------------

    @rule(
        name=st.sampled_from(NAMES),
        sent=st.sets(st.sampled_from(SENT)),
        audio=st.integers(0, 3),
        video=st.integers(0, 3),
    )
    def join(self, name: str, sent: set[str], audio: int, video: int) -> None:
        if name in self.people:
            return
        self.people[name] = client = self.house.joined(name)
        slots = [f"a{i} audio recv" for i in range(audio)] + [f"v{i} video recv" for i in range(video)]
        self.told[name] = client.offer(*sorted(sent), *slots, "v9 video recv", m2="screen")["slots"]

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.people)))
        client = self.people.pop(name)
        client.request("leave")
        client.drop()
        self.told.pop(name)
        self.speaking = [track for track in self.speaking if track.owner.left is None]

    @precondition(lambda self: self.people)
    @rule(data=st.data(), method=st.sampled_from(["mute", "unmute", "unpublish"]))
    def change_track(self, data: st.DataObject, method: str) -> None:
        client = self.people[data.draw(st.sampled_from(sorted(self.people)))]
        tracks = client.participant.publications.ids_by_mid()
        if tracks:
            track_id = tracks[data.draw(st.sampled_from(sorted(tracks)))]
            client.request(method, {"track_id": track_id})
            if method != "unmute":  # who was muted speaks once the plane has heard them again
                self.speaking = [track for track in self.speaking if track.id != track_id]

    @precondition(lambda self: self.people)
    @rule(data=st.data(), kind=st.sampled_from(KINDS), policy=st.sampled_from(POLICIES))
    def set_slots(self, data: st.DataObject, kind: Kind, policy: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.people)))
        if policy == "mix":
            kind = "audio"
        params: dict[str, Any] = {"kind": kind, "policy": policy}
        if policy == "pinned":
            pinned = data.draw(st.lists(st.sampled_from(sorted(self.people)), min_size=1, max_size=3))
            params["participants"] = [self.people[each].id for each in pinned]
        result = self.people[name].request("set_slots", params)
        self.catch_up(name)
        assert result["slots"] == self.told[name]

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def speak(self, data: st.DataObject) -> None:
        room = next(iter(self.people.values())).participant.room
        tracks = [track for track in room.tracks.of_kind("audio").values() if track.source == "microphone"]
        if not tracks:
            return
        told = data.draw(st.lists(st.sampled_from(tracks), unique=True))
        self.speaking = [track for track in told if track.enabled]  # the others were muted while the plane told it
        dominant = data.draw(st.sampled_from([None, *tracks]))
        room.order.hear(dominant and dominant.producer, [track.producer for track in told])

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def speak_on(self, data: st.DataObject) -> None:
        self.speak(data)
        self.settle()

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 2.5]))
    def time_passes(self, seconds: float) -> None:
        self.house.clock.advance(seconds)

    @rule()
    def settle(self) -> None:
        """After a while nothing is held any more: then the best are shown."""
        self.house.clock.advance(SETTLED_S)
        for name, client in self.people.items():
            self.catch_up(name)
            for kind in KINDS:
                self.check_best(client, kind)

    # --- what has to hold --------------------------------------------------------------------------------------------

    def catch_up(self, name: str) -> None:
        for method, params in self.people[name].told():
            if method == "slots_changed":
                self.told[name] |= params["slots"]

    def shown(self, client: Client, kind: Kind) -> list[Track]:
        room = client.participant.room
        slots = client.participant.subscriptions.sources()
        ids = [shown.track_id for mid, shown in slots.items() if shown and mid[0] == kind[0]]
        policy = client.participant.subscriptions._policy[kind].name
        mixes = policy == "mix"
        if policy != "request":  # what is shown stays then, the mix too
            assert ("mix" in ids) == (mixes and any(mid[0] == kind[0] for mid in slots))
        assert not mixes or len(ids) <= 1, "beside the mix nothing is heard"
        tracks = [room.tracks.get(track_id) for track_id in ids if track_id != "mix"]
        assert None not in tracks, "what is shown is in the room"
        return [track for track in tracks if track is not None]

    def check_best(self, client: Client, kind: Kind) -> None:
        """As the documentation of `set_slots` says it."""
        me, room = client.participant, client.participant.room
        policy = me.subscriptions._policy[kind]
        count = sum(mid[0] == kind[0] for mid in me.subscriptions.sources())
        others = [track for track in room.tracks.of_kind(kind).values() if track.owner is not me]
        shown = self.shown(client, kind)
        if policy.name in ("request", "mix"):
            return
        assert len(shown) == min(count, len(others)), "no slot is empty while a track waits"
        if not policy.follows:
            return
        live = [track for track in others if track.enabled]
        speakers = [track.owner for track in self.speaking if track.enabled]
        if kind == "audio":
            spoken = [track for track in self.speaking if track in live]
        else:
            if room.order.dominant is not None:
                speakers.insert(0, room.order.dominant.owner)
            spoken = [
                track for owner in speakers for track in live if track.owner is owner and track.source == "camera"
            ]
        pinned = [track for person in policy.participants for track in live if track.owner.id == person]
        shared = [track for track in live if track.source == "screen"]
        best = list(dict.fromkeys([*pinned, *shared, *spoken]))[:count]
        assert set(best) <= set(shown)

    @invariant()
    def slots_are_sound(self) -> None:
        for name, client in self.people.items():
            self.catch_up(name)
            for kind in KINDS:
                shown = self.shown(client, kind)
                assert client.participant not in [track.owner for track in shown], "never one's own"
                assert len(shown) == len(set(shown)), "never one twice"
            slots = client.participant.subscriptions.sources()
            assert {mid: source and source.track_id for mid, source in slots.items()} == {
                mid: source and source["track_id"] for mid, source in self.told[name].items()
            }, "what was told adds up"
            for mid, source in slots.items():
                producer = client.peer.slots[mid].producer
                track = client.participant.room.tracks.of_producer(producer) if producer else None
                mixed = producer is not None and producer in [mix.producer for mix in self.house.mixes]
                showing = "mix" if mixed else track.id if track else None
                assert showing == (source.track_id if source else None)
            open_mixes = [mix for mix in self.house.mixes if not mix.closed]
            listening = [shown for told in self.told.values() for shown in told.values() if shown]
            assert len(open_mixes) == any(shown["track_id"] == "mix" for shown in listening)
            for mix in open_mixes:
                assert set(mix.sources) == {
                    track.producer for track in client.participant.room.tracks.of_kind("audio").values()
                }


AnySpeakers.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnySpeakers = AnySpeakers.TestCase
