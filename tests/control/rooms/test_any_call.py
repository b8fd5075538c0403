"""Whatever people do in whatever order: what each client was told adds up to what the room is."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mediasrv.journal.journal import Journal
from mediasrv.journal.records import Record
from mediasrv.rooms.permissions import ALL, Permission
from mediasrv.rtc.events import Closed, Connected

from .fakes import Client, House, ReplyError

IDENTITIES = ["ada", "bob", "carol", "dan"]
M_LINES = [
    "0 audio send opus",
    "1 video send VP8 q,h,f",
    "2 video send AV1",
    "3 audio recv opus",
    "4 video recv VP8",
    "5 video recv AV1",
]
FLAGS = [flag for flag in Permission if flag != Permission.JOIN]


class Mirror:
    """What a client believes, from the results of its requests and from notifications alone."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.slots: dict[str, Any] = {}
        self.needed = (0, 0)
        self.participants: dict[str, dict[str, bool]] = {}  # id -> track id -> muted
        for each in client.joined["participants"]:
            self.participants[each["id"]] = {track["id"]: track["muted"] for track in each["tracks"]}

    def offer(self, lines: list[str], source: str) -> None:
        answered = self.client.offer(*lines, m1=source)
        self.catch_up()
        self.slots = answered["slots"]

    def catch_up(self) -> None:
        for method, params in self.client.told():
            match method:
                case "participant_joined":
                    assert params["participant"]["id"] not in self.participants
                    assert params["participant"]["tracks"] == []
                    self.participants[params["participant"]["id"]] = {}
                case "participant_left":
                    assert self.participants.pop(params["participant_id"]) == {}
                case "track_published":
                    track = params["track"]
                    assert track["id"] not in self.participants[track["participant_id"]]
                    # It is on when `feature_toggled` says so, just after.
                    self.participants[track["participant_id"]][track["id"]] = True
                case "track_unpublished":
                    assert self.participants[params["participant_id"]].pop(params["track_id"])
                case "feature_toggled":
                    tracks = self.participants[params["participant_id"]]
                    assert tracks[params["track_id"]] is params["enabled"]  # on and off alternate
                    tracks[params["track_id"]] = not params["enabled"]
                case "slots_changed":
                    for shown in params["slots"].values():
                        assert shown is None or shown["track_id"] in self.participants[shown["participant_id"]]
                    self.slots |= params["slots"]
                case "slots_needed":
                    assert (params["audio"], params["video"]) != self.needed
                    self.needed = (params["audio"], params["video"])


class AnyCall(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.house = House()
        self.records: list[Record] = []
        self.house.registry.observe(Journal([self], self.house.clock))
        self.mirrors: dict[str, Mirror] = {}  # by identity, of those who are there and listen

    def write(self, record: Record) -> None:
        self.records.append(record)

    def some(self, data: st.DataObject) -> Mirror:
        return self.mirrors[data.draw(st.sampled_from(sorted(self.mirrors)))]

    @rule(identity=st.sampled_from(IDENTITIES))
    def join(self, identity: str) -> None:
        present = self.mirrors.pop(identity, None)
        self.mirrors[identity] = Mirror(self.house.joined(identity))
        if present is not None:
            assert present.client.closing is not None
            assert present.client.closing["reason"] == "replaced"
            present.client.drop()

    @precondition(lambda self: self.mirrors)
    @rule(data=st.data(), how=st.sampled_from(["leave", "drop", "media"]))
    def go(self, data: st.DataObject, how: str) -> None:
        client = self.some(data).client
        del self.mirrors[client.participant.identity]
        peer = client.participant._peer_connection
        if how == "leave" or peer is None:
            client.request("leave")
        elif how == "media":
            peer.observer(Closed("consent_expired"))
        client.drop()

    @precondition(lambda self: self.mirrors)
    @rule(data=st.data(), lines=st.sets(st.sampled_from(M_LINES)), source=st.sampled_from(["camera", "screen"]))
    def offer(self, data: st.DataObject, lines: set[str], source: str) -> None:
        inactive = [" ".join([*line.split()[:2], "inactive"]) for line in M_LINES if line not in lines]
        self.some(data).offer(sorted(lines) + inactive, source)

    @precondition(lambda self: self.mirrors)
    @rule(data=st.data())
    def connect(self, data: st.DataObject) -> None:
        participant = self.some(data).client.participant
        if participant._peer_connection is not None:
            participant.observe(Connected())

    @precondition(lambda self: self.mirrors)
    @rule(
        data=st.data(), method=st.sampled_from(["mute", "unmute", "unpublish", "publish", "pause", "choose_encoding"])
    )
    def ask(self, data: st.DataObject, method: str) -> None:
        mirror = self.some(data)
        tracks = sorted(mirror.participants[mirror.client.id]) or ["t_none"]
        mid = data.draw(st.sampled_from("0123456"))
        params = {"track_id": data.draw(st.sampled_from(tracks)), "mid": mid, "source": "camera", "rid": "h"}
        try:
            mirror.client.request(method, params)
        except ReplyError as error:
            if error.code == "internal":
                raise

    @precondition(lambda self: self.mirrors)
    @rule(data=st.data(), refused=st.sets(st.sampled_from(FLAGS), max_size=3))
    def change_permissions(self, data: st.DataObject, refused: set[Permission]) -> None:
        permissions = ALL
        for flag in refused:
            permissions &= ~flag
        self.some(data).client.participant.set_permissions(granted=permissions)

    # --- what always holds -------------------------------------------------------------------------------------

    @invariant()
    def every_client_knows_the_room(self) -> None:
        for mirror in self.mirrors.values():
            mirror.catch_up()
            me = mirror.client.participant
            room = me.room
            assert mirror.participants == {
                other.id: {track.id: not track.enabled for track in other.publications.tracks}
                for other in room.participants.values()
            }
            slots = me.subscriptions.sources()
            assert {mid: source and source["track_id"] for mid, source in mirror.slots.items()} == {
                mid: source and source.track_id for mid, source in slots.items()
            }

    @invariant()
    def packets_pass_only_where_they_may(self) -> None:
        for participant in self.present():
            peer = participant._peer_connection
            for mid, producer in peer.producers.items() if peer else ():
                track = participant.publications.on_mid(mid)
                allowed = track is not None and participant.permissions.allow(track.flag)
                assert producer.open is (track is not None and allowed and not track.muted)

    @invariant()
    def slots_show_each_track_once_and_never_ones_own(self) -> None:
        for participant in self.present():
            peer = participant._peer_connection
            others = {id(track.producer): track for track in participant.room.tracks if track.owner is not participant}
            shown = [slot.producer for slot in peer.slots.values() if slot.producer is not None] if peer else []
            assert len({id(producer) for producer in shown}) == len(shown)
            assert all(id(producer) in others for producer in shown)
            waiting = [track for track in others.values() if track.producer not in shown]
            needed = {"audio": 0, "video": 0}
            if participant.permissions.allow(Permission.SUBSCRIBE):
                free = [slot for slot in peer.slots.values() if slot.producer is None] if peer else []
                assert not any(slot.can_receive(track.producer) for slot in free for track in waiting)
                for track in waiting:
                    needed[track.kind] += all(slot.kind != track.kind for slot in free)
            else:
                assert shown == []
                assert peer is None or not any(slot.allowed for slot in peer.slots.values())
            mirror = self.mirrors.get(participant.identity)
            assert mirror is None or mirror.needed == (needed["audio"], needed["video"])

    @invariant()
    def the_journal_is_whole(self) -> None:
        seqs: dict[str, list[int]] = {}
        joined, left = [], []
        for record in self.records:
            seqs.setdefault(record.room_id, []).append(record.seq)
            if record.event == "participant_joined":
                joined.append(record.participant)
            elif record.event == "participant_left":
                left.append(record.participant)
        assert all(each == list(range(1, len(each) + 1)) for each in seqs.values())
        assert len(set(joined)) == len(joined)
        assert len(set(left)) == len(left)
        assert set(joined) - set(left) == {participant.id for participant in self.present()}
        assert bool(self.house.registry.rooms) == bool(self.present())

    def present(self) -> list[Any]:
        return [one for room in self.house.registry.rooms.values() for one in room.participants.values()]


AnyCall.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestAnyCall = AnyCall.TestCase
