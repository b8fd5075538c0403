"""What participants send: tracks, their sources, muting, and m-lines that are used again."""

from typing import Any

import pytest

from mediasrv.rooms.errors import RoomError
from mediasrv.rooms.room import RoomLimits

from .fakes import FakeProducer, House, ReplyError


def published(told: list[Any]) -> list[tuple[str, str]]:
    return [(each["track"]["kind"], each["track"]["source"]) for method, each in told if method == "track_published"]


def test_unnamed_m_lines_are_microphone_and_camera_and_named_ones_what_they_say(house: House) -> None:
    ada, grace = house.joined("ada"), house.joined("grace")
    answered = ada.offer("0 audio send", "1 video send", "2 video send", "3 audio send", m2="screen", m3="screen")
    assert set(answered["tracks"]) == {"0", "1", "2", "3"}
    assert len(set(answered["tracks"].values())) == 4
    assert published(grace.told()) == [
        ("audio", "microphone"),
        ("video", "camera"),
        ("video", "screen"),
        ("audio", "screen"),
    ]
    assert all(producer.open for producer in ada.peer.producers.values())


def test_muting_shuts_the_producer_and_keeps_the_track(house: House) -> None:
    ada, grace = house.joined("ada"), house.joined("grace")
    track_id = ada.offer("0 audio send")["tracks"]["0"]
    ada.told(), grace.told()
    for method, enabled in (("mute", False), ("unmute", True)):
        assert ada.request(method, {"track_id": track_id}) == {}
        assert ada.peer.producers["0"].open is enabled
        toggled = {
            "participant_id": ada.id,
            "feature": "microphone",
            "enabled": enabled,
            "by": ada.id,
            "track_id": track_id,
        }
        assert grace.told() == [("feature_toggled", toggled)]
        assert ada.told() == [("feature_toggled", toggled)]
        ada.request(method, {"track_id": track_id})  # again, which is no news
        assert grace.told() == []


def test_the_screen_is_a_track_of_its_own(house: House) -> None:
    ada, grace = house.joined("ada"), house.joined("grace")
    first = ada.offer("0 video send")
    grace.told()
    second = ada.offer("0 video send", "1 video send", m1="screen")
    assert second["tracks"]["0"] == first["tracks"]["0"]
    assert [each["feature"] for _, each in grace.told("feature_toggled")] == ["screen_share"]
    ada.request("unpublish", {"track_id": second["tracks"]["1"]})
    assert ada.peer.producers["0"].open
    assert not ada.peer.producers["1"].open
    assert [track["source"] for track in house.joined("late").joined["participants"][0]["tracks"]] == ["camera"]


def test_an_unpublished_m_line_is_published_again_without_an_offer(house: House) -> None:
    ada, grace = house.joined("ada"), house.joined("grace")
    first = ada.offer("0 video send", m0="screen")["tracks"]["0"]
    grace.told()
    ada.request("unpublish", {"track_id": first})
    second = ada.request("publish", {"mid": "0", "source": "screen"})["track_id"]
    assert second != first
    assert ada.peer.producers["0"].open
    heard = [(method, each.get("enabled")) for method, each in grace.told() if method != "slots_needed"]
    assert heard == [
        ("feature_toggled", False),
        ("track_unpublished", None),
        ("track_published", None),
        ("feature_toggled", True),
    ]


def test_an_offer_does_not_publish_again_what_was_unpublished(house: House) -> None:
    ada = house.joined("ada")
    track_id = ada.offer("0 video send")["tracks"]["0"]
    ada.request("unpublish", {"track_id": track_id})
    assert ada.offer("0 video send", m0="camera")["tracks"] == {}
    assert not ada.peer.producers["0"].open


def test_an_m_line_that_stops_sending_ends_its_track(house: House) -> None:
    ada, grace = house.joined("ada"), house.joined("grace")
    track_id = ada.offer("0 video send")["tracks"]["0"]
    ada.offer("0 video inactive")
    assert grace.told("track_unpublished") == [("track_unpublished", {"participant_id": ada.id, "track_id": track_id})]
    assert set(ada.offer("0 video send")["tracks"]) == {"0"}


def test_another_source_on_the_same_m_line_is_another_track(house: House) -> None:
    ada, grace = house.joined("ada"), house.joined("grace")
    first = ada.offer("0 video send")["tracks"]["0"]
    grace.told()
    second = ada.offer("0 video send", m0="screen")["tracks"]["0"]
    assert second != first
    assert published(grace.told()) == [("video", "screen")]


def test_an_offer_may_name_what_goes_on(house: House) -> None:
    ada = house.joined("ada")
    first = ada.offer("0 audio send", "1 video send", m0="microphone", m1="camera")
    again = ada.offer("0 audio send", "1 video send", "2 audio recv", m0="microphone", m1="camera")
    assert (again["tracks"], again["refused"]) == (first["tracks"], {})


def test_a_sendrecv_m_line_that_publishes_is_not_called_refused(house: House) -> None:
    ada = house.joined("ada:join,publish_audio")
    answered = ada.offer("0 audio sendrecv")
    assert (list(answered["tracks"]), list(answered["slots"]), answered["refused"]) == (["0"], ["0"], {})


def test_another_source_without_its_permission_is_not_forwarded_as_the_old_one(house: House) -> None:
    ada = house.joined("ada:join,publish_video")
    ada.offer("0 video send")
    producer = ada.peer.producers["0"]
    answered = ada.offer("0 video send", m0="screen")
    assert answered["tracks"] == {}
    assert "share_screen" in answered["refused"]["0"]
    assert not producer.open


class TestAProducerWhoseParametersChanged:
    """The peer connection then has another producer on the same m-line."""

    @staticmethod
    def change(house: House) -> None:
        peer = house.peers[0]
        answer = peer.answer

        def replacing(offer: str, **options: Any) -> Any:
            answered = answer(offer, **options)
            old = peer.producers["0"]
            old.close()
            peer.producers["0"] = FakeProducer("0", old.kind, old.codec_names, ["q", "h"], open=True)
            answered.removed.append(old)
            answered.added.append(peer.producers["0"])
            return answered

        peer.answer = replacing  # type: ignore[method-assign]

    def test_is_published_as_another_track(self, house: House) -> None:
        ada = house.joined("ada")
        first = ada.offer("0 video send")["tracks"]["0"]
        self.change(house)
        assert ada.offer("0 video send")["tracks"]["0"] != first
        assert ada.peer.producers["0"].open

    def test_stays_muted(self, house: House) -> None:
        ada = house.joined("ada")
        ada.request("mute", {"track_id": ada.offer("0 video send")["tracks"]["0"]})
        self.change(house)
        ada.offer("0 video send")
        assert not ada.peer.producers["0"].open

    def test_stays_unpublished(self, house: House) -> None:
        ada = house.joined("ada")
        ada.request("unpublish", {"track_id": ada.offer("0 video send")["tracks"]["0"]})
        self.change(house)
        assert ada.offer("0 video send")["tracks"] == {}
        assert not ada.peer.producers["0"].open


@pytest.mark.parametrize(
    ("lines", "sources", "words"),
    [
        (["0 video send"], {"m0": "microphone"}, "the m-line is video, but a microphone is not"),
        (["0 audio send"], {"m0": "camera"}, "the m-line is audio, but a camera is not"),
        (["0 audio recv"], {"m0": "microphone"}, "no sending m-line with the mid '0'"),
        (["0 audio send"], {"m7": "screen"}, "no sending m-line with the mid '7'"),
    ],
)
def test_a_source_that_does_not_fit_is_refused_for_its_m_line_only(
    house: House, lines: list[str], sources: dict[str, str], words: str
) -> None:
    ada = house.joined("ada")
    answered = ada.offer(*lines, "9 audio send", **sources)
    assert list(answered["tracks"])[-1] == "9"
    ((_, message),) = answered["refused"].items()
    assert words in message


def test_an_offer_that_is_not_sdp_changes_nothing(house: House) -> None:
    ada = house.joined("ada")
    with pytest.raises(ReplyError) as refused:
        ada.request("offer", {"sdp": "garbage"})
    assert refused.value.code == "bad_sdp"
    assert "line 1" in refused.value.message
    assert set(ada.offer("0 audio send")["tracks"]) == {"0"}
    assert len(house.peers) == 1


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("mute", {"track_id": "t_nobodys"}, "not_found"),
        ("unmute", {"track_id": "t_nobodys"}, "not_found"),
        ("unpublish", {"track_id": "t_nobodys"}, "not_found"),
        ("publish", {"mid": "7", "source": "camera"}, "not_found"),
        ("publish", {"mid": "0", "source": "microphone"}, "bad_request"),
        ("publish", {"mid": "1", "source": "microphone"}, "invalid_params"),
        ("publish", {"mid": "1", "source": "gramophone"}, "invalid_params"),
    ],
)
def test_errors_name_what_is_wrong(house: House, method: str, params: dict[str, Any], code: str) -> None:
    ada = house.joined("ada")
    tracks = ada.offer("0 audio send", "1 video send")["tracks"]
    ada.request("unpublish", {"track_id": tracks["1"]})
    with pytest.raises(ReplyError) as refused:
        ada.request(method, params)
    assert refused.value.code == code


def test_nobody_mutes_anothers_track(house: House) -> None:
    ada, mallory = house.joined("ada"), house.joined("mallory")
    track_id = ada.offer("0 audio send")["tracks"]["0"]
    for method in ("mute", "unmute", "unpublish"):
        with pytest.raises(ReplyError) as refused:
            mallory.request(method, {"track_id": track_id})
        assert refused.value.code == "not_found"
    assert ada.peer.producers["0"].open


def test_a_participant_sends_a_bounded_number_of_tracks() -> None:
    house = House(limits=RoomLimits(tracks=2))
    ada = house.joined("ada")
    answered = ada.offer("0 audio send", "1 video send", "2 video send", m2="screen")
    assert list(answered["tracks"]) == ["0", "1"]
    assert "at most 2" in answered["refused"]["2"]


def test_a_hanging_worker_is_the_servers_problem_and_said_so(house: House) -> None:
    ada = house.joined("ada")
    ada.offer("0 audio send")

    def hangs(offer: str, **_: Any) -> Any:
        raise BufferError("worker 0 takes no commands")

    ada.peer.answer = hangs  # type: ignore[method-assign]
    with pytest.raises(ReplyError) as refused:
        ada.offer("0 audio send")
    assert refused.value.code == "server_busy"


def test_ice_restarts_need_a_connection(house: House) -> None:
    participant = house.registry.join(house.verify("ada"))
    with pytest.raises(RoomError) as refused:
        participant.restart_ice("theirs")
    assert refused.value.code == "bad_request"
