"""What participants receive: which tracks fill the slots, and what is said of those that lack one."""

from typing import Any

import pytest

from .fakes import Client, House, ReplyError


def shown(slots: dict[str, Any]) -> dict[str, str | None]:
    return {mid: source and source["track_id"] for mid, source in slots.items()}


def publishes(house: House, name: str, *lines: str) -> tuple[Client, dict[str, str]]:
    client = house.joined(name)
    return client, client.offer(*lines)["tracks"]


def test_slots_take_the_oldest_tracks_first_in_m_line_order(house: House) -> None:
    _, ada = publishes(house, "ada", "0 video send")
    _, bob = publishes(house, "bob", "0 video send")
    publishes(house, "carol", "0 video send")
    viewer = house.joined("viewer")
    assert shown(viewer.offer("1 video recv", "0 video recv")["slots"]) == {"1": ada["0"], "0": bob["0"]}
    assert viewer.peer.slots["1"].producer is house.peers[0].producers["0"]


def test_nobody_gets_their_own_tracks(house: House) -> None:
    ada = house.joined("ada")
    answered = ada.offer("0 audio send", "1 audio recv")
    assert answered["slots"] == {"1": None}
    assert ada.told("slots_changed", "slots_needed") == []


def test_a_later_track_takes_a_free_slot(house: House) -> None:
    viewer = house.joined("viewer")
    viewer.offer("0 audio recv", "1 video recv")
    viewer.told()
    ada, tracks = publishes(house, "ada", "0 audio send", "1 video send")
    slots = {mid: {"participant_id": ada.id, "track_id": track_id} for mid, track_id in tracks.items()}
    assert viewer.told("slots_changed", "slots_needed") == [("slots_changed", {"slots": slots})]


def test_a_track_is_announced_before_the_slot_that_shows_it(house: House) -> None:
    viewer = house.joined("viewer")
    viewer.offer("0 audio recv")
    publishes(house, "ada", "0 audio send")
    methods = [method for method, _ in viewer.told("track_published", "slots_changed")]
    assert methods == ["track_published", "slots_changed"]


def test_a_slot_whose_source_leaves_takes_the_next_that_waits(house: House) -> None:
    ada, _ = publishes(house, "ada", "0 video send")
    bob, bobs = publishes(house, "bob", "0 video send")
    viewer = house.joined("viewer")
    viewer.offer("0 video recv")
    viewer.told()
    ada.request("leave")
    assert viewer.told("slots_changed", "slots_needed") == [
        ("slots_changed", {"slots": {"0": {"participant_id": bob.id, "track_id": bobs["0"]}}}),
        ("slots_needed", {"audio": 0, "video": 0}),
    ]
    assert viewer.peer.slots["0"].producer is bob.peer.producers["0"]
    bob.request("unpublish", {"track_id": bobs["0"]})
    assert viewer.told("slots_changed", "slots_needed") == [("slots_changed", {"slots": {"0": None}})]
    assert viewer.peer.slots["0"].producer is None


def test_need_is_told_after_joining_and_when_it_changes_only(house: House) -> None:
    _, tracks = publishes(house, "ada", "0 audio send", "1 video send")
    viewer = house.joined("viewer")
    assert viewer.told() == [("slots_needed", {"audio": 1, "video": 1})]
    viewer.offer("0 audio recv")
    assert viewer.told("slots_needed") == [("slots_needed", {"audio": 0, "video": 1})]
    viewer.offer("0 audio recv")
    house.joined("silent")
    assert viewer.told("slots_needed") == []
    answered = viewer.offer("0 audio recv", "1 video recv", "2 video recv")
    assert shown(answered["slots"]) == {"0": tracks["0"], "1": tracks["1"], "2": None}
    assert viewer.told("slots_needed") == [("slots_needed", {"audio": 0, "video": 0})]


def test_a_removed_slot_gives_its_track_to_another(house: House) -> None:
    _, tracks = publishes(house, "ada", "0 video send")
    viewer = house.joined("viewer")
    viewer.offer("0 video recv", "1 video recv")
    viewer.told()
    assert shown(viewer.offer("0 video inactive", "1 video recv")["slots"]) == {"1": tracks["0"]}
    assert viewer.told("slots_changed") == []  # the answer said it
    viewer.offer("1 video inactive")
    assert viewer.told("slots_needed") == [("slots_needed", {"audio": 0, "video": 1})]


def test_a_track_that_no_slot_can_receive_makes_no_endless_need(house: House) -> None:
    publishes(house, "ada", "0 video send AV1")
    viewer = house.joined("viewer")
    viewer.told()
    assert shown(viewer.offer("0 video recv VP8")["slots"]) == {"0": None}
    assert viewer.told("slots_needed") == [("slots_needed", {"audio": 0, "video": 0})]
    _, bobs = publishes(house, "bob", "0 video send VP8")
    assert shown(viewer.told("slots_changed")[0][1]["slots"]) == {"0": bobs["0"]}


def test_a_muted_track_keeps_its_slot(house: House) -> None:
    ada, tracks = publishes(house, "ada", "0 audio send")
    viewer = house.joined("viewer")
    viewer.offer("0 audio recv")
    viewer.told()
    ada.request("mute", {"track_id": tracks["0"]})
    ada.request("unmute", {"track_id": tracks["0"]})
    assert [method for method, _ in viewer.told()] == ["feature_toggled", "feature_toggled"]


def test_a_paused_slot_stays_so_until_it_is_resumed(house: House) -> None:
    ada, _ = publishes(house, "ada", "0 video send")
    viewer = house.joined("viewer")
    viewer.offer("0 video recv")
    slot = viewer.peer.slots["0"]
    viewer.request("pause", {"mid": "0"})
    publishes(house, "bob", "0 video send")
    ada.request("leave")
    assert slot.producer is not None
    assert slot.paused
    viewer.request("resume", {"mid": "0"})
    assert not slot.paused


def test_an_encoding_is_chosen_until_the_slot_shows_another_track(house: House) -> None:
    ada, _ = publishes(house, "ada", "0 video send VP8 q,h,f")
    publishes(house, "bob", "0 video send VP8 low,high")
    viewer = house.joined("viewer")
    viewer.offer("0 video recv")
    slot = viewer.peer.slots["0"]
    for rid in ("h", None, "q"):
        viewer.request("choose_encoding", {"mid": "0", "rid": rid})
        assert slot.encoding == rid
    ada.request("leave")
    assert slot.encoding is None


@pytest.mark.parametrize(
    ("params", "words", "details"),
    [
        ({"mid": "0", "rid": "x"}, "no encoding 'x'; its encodings are q, h, f", {"encodings": ["q", "h", "f"]}),
        ({"mid": "1", "rid": "q"}, "choose null", {"encodings": []}),
        ({"mid": "2", "rid": "q"}, "is empty", {}),
        ({"mid": "9", "rid": None}, "no receive slot with the mid '9'", {}),
    ],
)
def test_an_encoding_that_does_not_exist_is_a_clear_error(
    house: House, params: dict[str, Any], words: str, details: dict[str, Any]
) -> None:
    publishes(house, "ada", "0 video send VP8 q,h,f", "1 audio send")
    viewer = house.joined("viewer")
    viewer.offer("0 video recv", "1 audio recv", "2 video recv")
    with pytest.raises(ReplyError) as refused:
        viewer.request("choose_encoding", params)
    assert refused.value.code == "not_found"
    assert words in refused.value.message
    assert refused.value.details == details


@pytest.mark.parametrize("method", ["pause", "resume"])
def test_pausing_needs_a_slot(house: House, method: str) -> None:
    viewer = house.joined("viewer")
    with pytest.raises(ReplyError) as refused:
        viewer.request(method, {"mid": "0"})
    assert refused.value.code == "not_found"


def test_a_viewer_over_http_gets_later_tracks_too(house: House) -> None:
    viewer = house.registry.join(house.verify("viewer"))
    assert viewer.offer("0 video recv").slots == {"0": None}
    publishes(house, "ada", "0 video send")
    assert house.peers[0].slots["0"].producer is house.peers[1].producers["0"]
