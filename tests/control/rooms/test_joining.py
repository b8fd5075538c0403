"""Joining and leaving: what the one who joins is told, and what the others are."""

import pytest

from mediasrv.rooms.errors import RoomError
from mediasrv.rooms.events import ParticipantLeft
from mediasrv.rooms.room import RoomLimits
from mediasrv.rooms.settings import RoomSettings
from mediasrv.rtc.events import Closed, Connected

from .fakes import Client, FakeGrant, House, ReplyError


def left(house: House) -> list[tuple[str, str]]:
    return [(event.identity, event.reason.value) for event in house.events if isinstance(event, ParticipantLeft)]


def test_the_result_of_join_is_the_room_as_it_is(house: House) -> None:
    ada = house.joined("ada")
    offered = ada.offer("0 audio send", "1 video send VP8 q,h,f")
    ada.request("mute", {"track_id": offered["tracks"]["0"]})
    grace = house.joined("grace")
    assert grace.joined["room"] == "standup"
    assert grace.joined["message_size"] == 4000
    first, second = grace.joined["participants"]
    assert (first["id"], first["identity"], first["name"]) == (ada.id, "ada", "ada")
    assert (second["id"], second["tracks"]) == (grace.id, [])
    assert {track["id"]: track["muted"] for track in first["tracks"]} == {
        offered["tracks"]["0"]: True,
        offered["tracks"]["1"]: False,
    }
    video = first["tracks"][1]
    assert (video["kind"], video["source"], video["encodings"], video["codec"]) == (
        "video",
        "camera",
        ["q", "h", "f"],
        "VP8",
    )


def test_a_token_of_no_room_is_none_for_joining(house: House) -> None:
    backend = house.client()
    backend.session._verify = lambda token: FakeGrant("backend", room="", admin=True)
    with pytest.raises(ReplyError, match="names no room") as refused:
        backend.request("join", {"token": "t"})
    assert refused.value.code == "token_invalid"
    assert not house.registry.rooms
    assert backend.request("authenticate", {"token": "t"}) == {"name": "admin:backend"}


def test_nothing_is_heard_before_the_result_of_join(house: House) -> None:
    ada = house.joined("ada")
    ada.offer("0 audio send")
    grace = house.joined("grace")
    assert grace.heard == [("reply", 1), ("slots_needed", {"audio": 1, "video": 0})]


def test_a_participant_is_announced_before_its_tracks_and_leaves_after_them(house: House) -> None:
    ada = house.joined("ada")
    grace = house.joined("grace")
    grace.offer("0 audio send", "1 video send")
    grace.request("leave")
    assert [method for method, _ in ada.told()] == [
        "participant_joined",
        "track_published",
        "feature_toggled",
        "track_published",
        "feature_toggled",
        "slots_needed",
        "feature_toggled",
        "track_unpublished",
        "feature_toggled",
        "track_unpublished",
        "slots_needed",
        "participant_left",
    ]


def test_leave_is_answered_before_the_connection_closes(house: House) -> None:
    ada = house.joined("ada")
    assert ada.request("leave") == {}
    assert [each[0] for each in ada.heard] == ["reply", "reply", "closing"]
    assert ada.closing is not None
    assert ada.closing["reason"] == "left"
    assert ada.is_closed
    ada.drop()
    assert left(house) == [("ada", "left")]


def test_the_same_identity_takes_the_place_of_the_first(house: House) -> None:
    first = house.joined("ada")
    first.offer("0 audio send")
    peer = first.peer
    grace = house.joined("grace")
    grace.offer("0 audio recv")
    grace.told()
    room = house.registry.rooms["standup"]
    second = house.joined("ada")
    assert second.id != first.id
    assert [each["id"] for each in second.joined["participants"]] == [grace.id, second.id]
    assert peer.closed
    assert first.closing is not None
    assert first.closing["reason"] == "replaced"
    first.drop()
    assert [method for method, _ in grace.told()] == [
        "feature_toggled",
        "track_unpublished",
        "slots_changed",
        "participant_left",
        "participant_joined",
    ]
    assert left(house) == [("ada", "replaced")]
    assert house.registry.rooms["standup"] is room


def test_a_lonely_participant_is_replaced_without_closing_the_room(house: House) -> None:
    house.joined("ada")
    house.joined("ada")
    kinds = [type(event).__name__ for event in house.events]
    assert kinds == ["RoomOpened", "ParticipantJoined", "ParticipantLeft", "ParticipantJoined"]


def test_a_lost_connection_without_media_is_a_leave(house: House) -> None:
    ada = house.joined("ada")
    ada.offer("0 audio send")  # which never connected
    ada.drop()
    assert left(house) == [("ada", "signaling_lost")]
    assert house.registry.rooms == {}


def test_a_lost_connection_with_media_is_for_consent_to_decide(house: House) -> None:
    ada = house.joined("ada")
    grace = house.joined("grace")
    ada.offer("0 audio send")
    peer = ada.peer
    peer.observer(Connected())
    assert ("connected", {}) in ada.heard
    ada.drop()
    assert left(house) == []
    peer.observer(Closed("consent_expired"))
    assert left(house) == [("ada", "consent_expired")]
    assert grace.told("participant_left") == [
        ("participant_left", {"participant_id": ada.id, "reason": "consent_expired"})
    ]


@pytest.mark.parametrize(
    "reason", ["peer_closed", "consent_expired", "fingerprint_mismatch", "dtls_failed", "no_memory"]
)
def test_a_participant_whose_media_ends_has_left_and_is_told_why(house: House, reason: str) -> None:
    ada = house.joined("ada")
    ada.offer("0 audio send")
    ada.peer.observer(Closed(reason))
    assert ada.closing is not None
    assert ada.closing["reason"] == reason
    ada.drop()
    assert left(house) == [("ada", reason)]


def test_a_stopping_server_says_so_and_takes_nobody_in(house: House) -> None:
    ada, grace = house.joined("ada"), house.joined("grace@other")
    house.registry.close()
    for client in (ada, grace):
        assert client.closing is not None
        assert client.closing["reason"] == "server_stopping"
        client.drop()
    assert left(house) == [("ada", "server_stopping"), ("grace", "server_stopping")]
    with pytest.raises(ReplyError) as refused:
        house.joined("late")
    assert refused.value.code == "server_busy"


def test_bad_tokens_are_refused_with_the_verifiers_words(house: House) -> None:
    client = house.client()
    with pytest.raises(ReplyError) as refused:
        client.request("join", {"token": "expired"})
    assert (refused.value.code, refused.value.message) == ("token_expired", "the token expired 3 minutes ago")
    client.joined = client.request("join", {"token": "ada"})
    with pytest.raises(ReplyError) as refused:
        client.request("join", {"token": "ada"})
    assert refused.value.code == "already_joined"


def test_the_name_is_the_tokens_or_else_the_clients(house: House) -> None:
    def name_of(grant: FakeGrant, wanted: str | None) -> str:
        return house.registry.join(grant, name=wanted).name

    assert name_of(FakeGrant("ada", name="Ada L."), "Mallory") == "Ada L."
    assert name_of(FakeGrant("bob", name="bob"), " Bob ") == "Bob"
    assert name_of(FakeGrant("carol"), None) == "carol"
    with pytest.raises(RoomError) as refused:
        name_of(FakeGrant("dan"), "x" * 129)
    assert refused.value.code == "invalid_params"
    with pytest.raises(RoomError) as refused:
        name_of(FakeGrant("eve", name="half \ud800"), None)
    assert refused.value.code == "token_invalid"


def test_rooms_and_participants_are_bounded() -> None:
    house = House(limits=RoomLimits(rooms=1), defaults=RoomSettings(capacity=2))
    house.joined("ada")
    house.joined("bob")
    for token in ("carol", "carol@other"):
        with pytest.raises(ReplyError) as refused:
            house.joined(token)
        assert refused.value.code == "server_busy"
    house.joined("ada")  # in her own place


def test_whip_joins_without_signaling(house: House) -> None:
    gone: list[str] = []
    ada = house.joined("ada")
    encoder = house.registry.join(FakeGrant("encoder"), lambda: gone.append("encoder"))
    result = encoder.offer("0 audio send\n1 video send")
    assert set(result.tracks) == {"0", "1"}
    assert encoder.restart_ice("theirs") == "ours for theirs"
    assert [method for method, _ in ada.told()][:3] == ["participant_joined", "track_published", "feature_toggled"]
    encoder.leave("deleted")
    encoder.leave("peer_closed")
    assert gone == ["encoder"]
    assert left(house) == [("encoder", "deleted")]
    with pytest.raises(RoomError):
        encoder.offer("0 audio send")


def test_an_attached_peer_connection_is_used(house: House) -> None:
    viewer = house.registry.join(FakeGrant("viewer"))
    peer = house.connect(viewer.room, viewer.observe)
    viewer.attach(peer)
    assert viewer.offer("0 video recv").slots == {"0": None}
    assert house.peers == [peer]
    with pytest.raises(RoomError):
        viewer.attach(peer)


def test_an_identity_may_be_in_two_rooms(house: House) -> None:
    here, there = house.joined("ada"), house.joined("ada@other")
    assert here.closing is None
    assert there.joined["room"] == "other"
    assert isinstance(here, Client)
