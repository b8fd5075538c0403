"""Rooms that control sessions create and change, and what each setting does."""

from typing import Any

import pytest
from peers import media_of, offer

from mediasrv.rooms.events import RoomClosed
from mediasrv.rooms.settings import RoomSettings
from mediasrv.rtc.mix import MixSettings
from mediasrv.rtc.peer_connection import PeerConnection

from .fakes import House, ReplyError
from .test_real_negotiation import SOURCES, RealHouse


def create(house: House, **settings: Any) -> Any:
    return house.admin().request("create_room", {"room": "standup", **settings})["room"]


def test_a_created_room_is_as_it_was_wished(house: House) -> None:
    settings = {
        "capacity": 3,
        "default_permissions": ["subscribe"],
        "default_permissions_until": {"subscribe": 1_800_000_000.0},
        "lobby": True,
        "locked": True,
        "codecs": ["VP8", "opus"],
        "track_bitrate_bps": 1_000_000,
        "idle_s": 60.0,
        "history": 10,
        "metadata": "{}",
    }
    made = create(house, **settings)
    assert {name: made[name] for name in settings} == settings
    assert (made["name"], made["participants"], made["guests"]) == ("standup", 0, 0)
    admin = house.admin()
    assert admin.request("list_rooms")["rooms"] == [made]
    assert admin.request("get_room", {"room": "standup"}) == {"room": made, "participants": []}
    assert house.events[0].by == "admin:root"
    with pytest.raises(ReplyError) as refused:
        create(house)
    assert refused.value.code == "room_exists"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"capacity": 0}, "capacity"),
        ({"codecs": ["VP9000"]}, "'VP9000' is not one of opus, VP8"),
        ({"default_permissions": ["fly"]}, "there is no permission 'fly'"),
        ({"default_permissions_until": {"fly": 5}}, "default_permissions_until: there is no permission 'fly'"),
        ({"track_bitrate_bps": 1}, "from 8000 to"),
        ({"idle_s": -1}, "idle_s"),
        ({"history": 100_000}, "history"),
        ({"metadata": "x" * 20_000}, "metadata"),
    ],
)
def test_settings_that_make_no_sense(house: House, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ReplyError, match=words) as refused:
        create(house, **settings)
    assert refused.value.code == "invalid_params"
    house.joined("ada")
    with pytest.raises(ReplyError, match=words):
        house.admin().request("update_room", {"room": "standup", **settings})
    assert house.registry.rooms["standup"].settings == RoomSettings()


def test_what_is_not_said_is_as_the_server_has_it() -> None:
    defaults = RoomSettings(capacity=7, lobby=True, idle_s=60, mix=MixSettings(talkers=5, fec=True))
    house = House(defaults=defaults)
    made = create(house, lobby=False, mix={"channels": 2})
    assert (made["capacity"], made["lobby"], made["idle_s"]) == (7, False, 60)
    assert (made["mix"]["talkers"], made["mix"]["fec"], made["mix"]["channels"]) == (5, True, 2)
    changed = house.admin().request("update_room", {"room": "standup", "mix": {"talkers": 3}})["room"]
    assert (changed["mix"]["talkers"], changed["mix"]["fec"], changed["mix"]["channels"]) == (3, True, 2)
    house.clock.advance(60)
    assert not house.registry.rooms
    assert house.registry.defaults == defaults


def test_where_rooms_open_locked_only_moderators_open_them() -> None:
    house = House(defaults=RoomSettings(locked=True, lobby=True))
    with pytest.raises(ReplyError) as refused:
        house.joined("ada:join")
    assert refused.value.code == "room_locked"
    assert not house.registry.rooms
    house.joined("host:join,moderate").request("update_room", {"locked": False})
    assert house.joined("ada:join").joined["waiting"]


def test_changes_are_told_to_everybody_and_only_when_they_are_some(house: House) -> None:
    ada, admin = house.joined("ada:join"), house.admin()
    for _ in range(2):
        admin.request("update_room", {"room": "standup", "metadata": "topic", "capacity": 7})
    ((_, told),) = ada.told("room_updated")
    assert (told["changed"], told["by"]) == (["capacity", "metadata"], "admin:root")
    assert (told["room"]["capacity"], told["room"]["metadata"]) == (7, "topic")


def test_what_has_changed_is_called_as_it_is_in_the_room(house: House) -> None:
    ada = house.joined("ada:join")
    house.admin().request("update_room", {"room": "standup", "default_permissions": ["subscribe"]})
    ((_, told),) = ada.told("room_updated")
    assert [told["room"][name] for name in told["changed"]] == [["subscribe"]]


def test_a_moderator_changes_some_settings_and_not_others(house: House) -> None:
    host = house.joined("host")
    host.request("update_room", {"locked": True, "metadata": "topic"})
    with pytest.raises(ReplyError, match="capacity is for control sessions") as refused:
        host.request("update_room", {"locked": False, "capacity": 7})
    assert refused.value.code == "permission_denied"
    assert house.registry.rooms["standup"].settings.locked


def test_nobody_new_comes_into_a_locked_room_but_moderators(house: House) -> None:
    house.joined("host").request("update_room", {"locked": True})
    with pytest.raises(ReplyError) as refused:
        house.joined("ada:join")
    assert refused.value.code == "room_locked"
    house.joined("host:join")  # in their own place
    house.joined("other:join,moderate").request("update_room", {"locked": False})
    house.joined("ada:join")


def test_a_room_of_its_own_capacity(house: House) -> None:
    create(house, capacity=1)
    house.joined("ada")
    with pytest.raises(ReplyError, match="it has 1 participants"):
        house.joined("bob")


def test_a_created_room_waits_for_people_and_closes_when_it_was_empty(house: House) -> None:
    create(house, idle_s=60)
    house.clock.advance(59)
    ada = house.joined("ada")
    house.clock.advance(1_000)
    ada.request("leave")
    house.clock.advance(59)
    again = house.joined("ada")
    assert again.joined["room_info"]["id"] == ada.joined["room_info"]["id"]
    again.request("leave")
    house.clock.advance(60)
    assert not house.registry.rooms
    assert [type(event) for event in house.events].count(RoomClosed) == 1
    assert house.clock.waiting == 0


def test_a_created_room_that_nobody_comes_to_closes_too(house: House) -> None:
    create(house)
    house.clock.advance(300)
    assert not house.registry.rooms


def test_an_empty_room_that_stays_open_closes_at_once_when_it_is_told_to(house: House) -> None:
    create(house, idle_s=1_000)
    house.admin().request("close_room", {"room": "standup"})
    assert not house.registry.rooms
    assert house.clock.waiting == 0


def test_rooms_may_have_to_be_created() -> None:
    house = House(open_rooms=False)
    with pytest.raises(ReplyError, match="created beforehand") as refused:
        house.joined("ada")
    assert refused.value.code == "not_found"
    create(house)
    house.joined("ada")


def test_participants_are_looked_at(house: House) -> None:
    ada = house.joined("ada:join,record")
    ada.request("set_consent", {"consents": {"recording": False}})
    looked = house.admin().request("get_participant", {"room": "standup", "participant_id": ada.id})
    assert looked["participant"]["identity"] == "ada"
    assert (looked["permissions"], looked["granted"]) == (["join"], ["join", "record"])
    assert (looked["connected"], looked["media_connected"]) == (True, False)


def test_what_somebody_says_of_themself(house: House) -> None:
    ada, bob = house.joined("ada"), house.joined("bob")
    params = {"name": " Ada L. ", "metadata": "m", "attributes": {"hand": "raised", "seat": "3"}}
    ada.request("update_self", params)
    ((_, told),) = bob.told("participant_updated")
    assert (told["participant"]["name"], told["participant"]["metadata"]) == ("Ada L.", "m")
    ada.request("update_self", {"attributes": {"hand": None}})
    ((_, told),) = bob.told("participant_updated")
    assert told["participant"]["attributes"] == {"seat": "3"}
    ada.request("update_self", {"attributes": {"seat": "3"}})
    assert bob.told("participant_updated") == []
    assert house.joined("carol").joined["participants"][0]["name"] == "Ada L."


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"name": ""}, "invalid_params"),
        ({"name": "x" * 200}, "invalid_params"),
        ({"metadata": "x" * 5_000}, "too_large"),
        ({"attributes": {str(n): "" for n in range(33)}}, "invalid_params"),
        ({"attributes": {"a": "x" * 300}}, "too_large"),
    ],
)
def test_bounds_of_what_somebody_says(house: House, params: dict[str, Any], code: str) -> None:
    ada = house.joined("ada")
    before = ada.participant.info()
    with pytest.raises(ReplyError) as refused:
        ada.request("update_self", params)
    assert refused.value.code == code
    assert ada.participant.info() == before


def test_attributes_do_not_add_up_beyond_the_bound(house: House) -> None:
    ada = house.joined("ada")
    ada.request("update_self", {"attributes": {f"a{n}": "" for n in range(32)}})
    with pytest.raises(ReplyError, match="at most 32 attributes"):
        ada.request("update_self", {"attributes": {"one": "more"}})


# --- media ---------------------------------------------------------------------------------------------------------


class PoliticHouse(RealHouse):
    """Real peer connections that ask their room for its rules, as the server's do."""

    def negotiate(self, room: Any, observer: Any) -> Any:
        made = super().negotiate(room, observer)
        assert isinstance(made, PeerConnection)
        made._policy = lambda: room.settings.media
        return made


def codecs_of(sdp: str, mid: str) -> set[str]:
    return {rtpmap.encoding for rtpmap in media_of(sdp)[mid].rtpmaps.values()} - {"rtx"}


def test_publishers_are_asked_for_stereo_where_the_mix_is() -> None:
    house = PoliticHouse()
    create(house)
    ada = house.joined("ada")
    sdp = ada.request("offer", {"sdp": offer("chromium-send-simulcast"), "tracks": SOURCES})["sdp"]
    assert "stereo" not in media_of(sdp)["0"].format_parameters["111"]
    house.admin().request("update_room", {"room": "standup", "mix": {"channels": 2}})
    bob = house.joined("bob")
    sdp = bob.request("offer", {"sdp": offer("chromium-send-simulcast"), "tracks": SOURCES})["sdp"]
    assert media_of(sdp)["0"].format_parameters["111"]["stereo"] == "1"


def test_only_the_rooms_codecs_are_negotiated() -> None:
    house = PoliticHouse()
    create(house, codecs=["VP9"])
    ada = house.joined("ada")
    answered = ada.request("offer", {"sdp": offer("chromium-send-simulcast"), "tracks": SOURCES})
    assert codecs_of(answered["sdp"], "1") == {"VP9"}
    assert codecs_of(answered["sdp"], "0") == {"opus", "red"}  # of audio none was named
    house.admin().request("update_room", {"room": "standup", "codecs": ["VP8"]})
    viewer = house.joined("viewer")
    answered = viewer.request("offer", {"sdp": offer("chromium-recvonly"), "tracks": {}})
    kinds = {mid: media.kind for mid, media in media_of(answered["sdp"]).items()}
    assert {frozenset(codecs_of(answered["sdp"], mid)) for mid in kinds if kinds[mid] == "video"} == {
        frozenset({"VP8"})
    }


def test_a_codec_that_the_room_has_not_is_refused_and_the_others_go_on() -> None:
    house = PoliticHouse()
    create(house, codecs=["AV1"])
    answered = house.joined("ada").request("offer", {"sdp": offer("ffmpeg-whip"), "tracks": {}})
    ((mid, why),) = answered["refused"].items()
    assert media_of(answered["sdp"])[mid].kind == "video"
    assert "forwarded video: AV1" in why
    assert len(answered["tracks"]) == 1


@pytest.mark.parametrize("name", ["chromium-send-simulcast", "firefox-call", "gstreamer-send"])
def test_publishers_are_told_the_rooms_bit_rate(name: str) -> None:
    house = PoliticHouse()
    create(house, track_bitrate_bps=1_234_567)
    ada = house.joined("ada")
    answered = ada.request("offer", {"sdp": offer(name), "tracks": {}})
    for mid, media in media_of(answered["sdp"]).items():
        kinds = [line.kind for line in media.lines]
        told = [line.value for line in media.lines if line.kind == "b"]
        assert told == (["AS:1235", "TIAS:1234567"] if mid in answered["tracks"] else [])
        if told:
            assert kinds.index("b") == kinds.index("c") + 1  # RFC 8866 §5: c, b, a
    house.admin().request("update_room", {"room": "standup", "track_bitrate_bps": None})
    again = ada.request("offer", {"sdp": offer(name), "tracks": {}})
    assert "b=" not in again["sdp"].replace("b=AS:0", "")


@pytest.mark.parametrize("name", ["chromium-send-simulcast", "firefox-call"])
def test_the_bit_rate_of_tracks_is_enforced_and_changes_at_once(name: str) -> None:
    house = PoliticHouse()
    create(house, track_bitrate_bps=1_234_567)
    ada = house.joined("ada")

    def bounds() -> set[int]:
        """That hold now, of the tracks that ada sends."""
        last = {command.arguments[0]: command.arguments[1] for command in house.worker.named("limit_producer")}
        return set(last.values())

    tracks = ada.request("offer", {"sdp": offer(name), "tracks": {}})["tracks"]
    assert bounds() == {1_234_567}
    assert len(house.worker.named("limit_producer")) == len(tracks)
    for bound in (300_000, None):
        house.admin().request("update_room", {"room": "standup", "track_bitrate_bps": bound})
        assert bounds() == {bound or 0}, "it waits for no offer"
        commands = len(house.worker.named("limit_producer"))
        ada.request("offer", {"sdp": offer(name), "tracks": {}})
        house.admin().request("update_room", {"room": "standup", "locked": bound is not None})
        assert len(house.worker.named("limit_producer")) == commands, "a bucket that is filled anew is a free burst"
