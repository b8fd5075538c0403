"""Whatever connections do and in whatever order: one session for each identity, one leave for each join, no ghosts."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mediasrv.journal.journal import Journal
from mediasrv.journal.records import Record
from mediasrv.rooms.room import RoomLimits
from mediasrv.rtc.events import Closed, Connected

from .fakes import Client, House, ReplyError

IDENTITIES = ["ada", "bob", "carol"]
RESUME_S = 30


class AnySession(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.house = House(limits=RoomLimits(resume_s=RESUME_S))
        self.records: list[Record] = []
        self.house.registry.observe(Journal([self], self.house.clock))
        self.open: list[Client] = []  # connections that neither side has closed
        self.tokens: list[tuple[str, str]] = []  # identity and resume token of every session that there ever was
        self.epochs: dict[str, int] = {}

    def write(self, record: Record) -> None:
        self.records.append(record)

    def took(self, client: Client) -> None:
        self.open.append(client)
        if client.joined.get("resume_token"):
            token = client.joined["resume_token"]
            self.tokens.append((client.participant.identity, token))
            self.epochs[token] = max(self.epochs.get(token, 0), client.joined["epoch"])

    def one(self, data: st.DataObject) -> Client:
        return self.open[data.draw(st.integers(0, len(self.open) - 1))]

    def attempt(self, client: Client, method: str, params: dict[str, Any] | None = None) -> str | None:
        """The code of the error that it was answered with; None, and the result in `joined`, if it was not."""
        try:
            result = client.request(method, params)
        except ReplyError as error:
            return str(error.code)
        if "participants" in result:
            client.joined = result
        return None

    def present(self) -> list[Any]:
        return [one for room in self.house.registry.rooms.values() for one in room.participants.values()]

    # --- what connections do -----------------------------------------------------------------------------------

    @rule(identity=st.sampled_from(IDENTITIES), moderates=st.booleans())
    def join(self, identity: str, moderates: bool) -> None:
        token = identity if moderates else f"{identity}:join,publish_audio,subscribe,send_message"
        client = self.house.client()
        refusal = self.attempt(client, "join", {"token": token})
        if refusal is None:
            self.took(client)
        else:
            assert refusal in ("banned", "room_locked")
            client.drop()

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), ahead=st.integers(-1, 2), keep_media=st.booleans())
    def resume(self, data: st.DataObject, ahead: int, keep_media: bool) -> None:
        _, token = self.tokens[data.draw(st.integers(0, len(self.tokens) - 1))]
        epoch = max(1, self.epochs[token] + ahead)
        client = self.house.client()
        params = {"resume_token": token, "epoch": epoch, "keep_media": keep_media}
        before = {participant.id for participant in self.present()}
        refusal = self.attempt(client, "resume_session", params)
        if refusal is not None:
            assert refusal == "session_gone" or (refusal == "stale_session" and epoch <= self.epochs[token])
            client.drop()
            return
        assert epoch > self.epochs[token]
        assert client.id in before
        assert {each["id"] for each in client.joined["participants"]} == set(client.participant.room.participants)
        self.took(client)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        client = self.one(data)
        self.open.remove(client)
        client.drop()

    @precondition(lambda self: self.open)
    @rule(data=st.data(), method=st.sampled_from(["leave", "send_message", "offer", "list_guests", "close_room"]))
    def ask(self, data: st.DataObject, method: str) -> None:
        params = {"offer": {"sdp": "0 audio send\n1 audio recv"}, "send_message": {"text": "hello"}}
        client = self.one(data)
        if not client.is_closed:
            assert self.attempt(client, method, params.get(method)) != "internal"

    @precondition(lambda self: self.present())
    @rule(data=st.data(), event=st.sampled_from([Connected(), Closed("consent_expired"), Closed("peer_closed")]))
    def media(self, data: st.DataObject, event: Any) -> None:
        peers = [each._peer_connection for each in self.present() if each._peer_connection is not None]
        if peers:
            peers[data.draw(st.integers(0, len(peers) - 1))].observer(event)

    # --- what moderators and time do ---------------------------------------------------------------------------

    @precondition(lambda self: self.house.registry.rooms)
    @rule(
        data=st.data(),
        what=st.sampled_from(["lobby", "locked", "admit", "refuse", "remove", "ban", "unban", "revoke"]),
        on=st.booleans(),
    )
    def moderate(self, data: st.DataObject, what: str, on: bool) -> None:
        admin = self.house.admin()
        room = self.house.registry.rooms["standup"]
        people = [participant.id for participant in room.participants.values()]
        someone = data.draw(st.sampled_from(people or ["p_none"]))
        guest = next(iter(room.lobby.guests), "g_none")
        bans = [ban.id for ban in room.bans.of_room(room.name, self.house.clock.now)]
        requests: dict[str, tuple[str, dict[str, Any]]] = {
            "lobby": ("update_room", {"lobby": on}),
            "locked": ("update_room", {"locked": on}),
            "admit": ("admit", {"guest_id": guest}),
            "refuse": ("refuse", {"guest_id": guest}),
            "remove": ("remove_participant", {"participant_id": someone}),
            "ban": ("ban", {"participant_id": someone, "for_s": 40}),
            "unban": ("unban", {"ban_id": bans[0] if bans else "b_none"}),
            "revoke": ("revoke", {"participant_id": someone, "permissions": ["join"] if on else ["subscribe"]}),
        }
        method, params = requests[what]
        assert self.attempt(admin, method, {**params, "room": room.name}) in (None, "not_found")
        admin.drop()

    @rule(seconds=st.sampled_from([1.0, RESUME_S - 1.0, RESUME_S + 1.0]))
    def wait(self, seconds: float) -> None:
        self.house.clock.advance(seconds)

    # --- what always holds -------------------------------------------------------------------------------------

    @invariant()
    def an_identity_has_one_participant_and_that_one_session(self) -> None:
        identities = [participant.identity for participant in self.present()]
        assert len(set(identities)) == len(identities)
        for client in self.open:
            attachment, me = client.session._attachment, client.session._participant
            if attachment is not None and me is not None:
                hears = attachment.listener is not None
                assert hears is not client.is_closed
                assert not hears or me.presence._attachment is attachment

    @invariant()
    def nobody_is_there_of_whom_nothing_is_left(self) -> None:
        for participant in self.present():
            is_there = participant.presence._attachment is not None
            assert is_there or participant.presence.is_awaited or participant.media_connected

    @invariant()
    def who_waits_is_a_guest_of_an_open_room(self) -> None:
        waiting = {client.session.guest.id for client in self.open if client.session.guest is not None}
        assert waiting == {guest for room in self.house.registry.rooms.values() for guest in room.lobby.guests}

    @invariant()
    def only_those_present_can_be_resumed(self) -> None:
        resumable = [participant.id for participant in self.house.registry._resumable.values()]
        assert sorted(resumable) == sorted(participant.id for participant in self.present())

    @invariant()
    def each_connection_is_closed_once_and_told_why(self) -> None:
        for client in self.open:
            said = [params for method, params in client.heard if method == "closing"]
            assert len(said) == client.is_closed

    @invariant()
    def the_journal_has_one_leave_for_each_join(self) -> None:
        joined = [record.participant for record in self.records if record.event == "participant_joined"]
        left = [record.participant for record in self.records if record.event == "participant_left"]
        assert len(set(joined)) == len(joined)
        assert len(set(left)) == len(left)
        assert set(joined) - set(left) == {participant.id for participant in self.present()}
        rooms: dict[str, list[Record]] = {}
        for record in self.records:
            rooms.setdefault(record.room_id, []).append(record)
        for room_id, records in rooms.items():
            assert [record.seq for record in records] == list(range(1, len(records) + 1))
            assert records[0].event == "room_opened"
            is_open = any(room.id == room_id for room in self.house.registry.rooms.values())
            assert [record.event for record in records].count("room_closed") == (not is_open)
            assert is_open or records[-1].event == "room_closed"

    @invariant()
    def nothing_is_left_of_an_empty_server(self) -> None:
        if not self.house.registry.rooms:
            assert self.house.clock.waiting == 0

    def teardown(self) -> None:
        self.house.registry.close()
        assert self.present() == []
        assert not self.house.registry.rooms
        assert not self.house.registry._resumable


AnySession.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestAnySession = AnySession.TestCase
