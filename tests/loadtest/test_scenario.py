"""Loads that can be made, and those that cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.loadtest.errors import ScenarioError
from mediasrv.loadtest.scenario import FRAME_MIN_BYTES, MAX_STREAMS, Scenario


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"rooms": 0}, "a room"),
        ({"participants": 1}, "nobody to send to"),
        ({"participants": -2}, "nobody to send to"),
        ({"publishers": 0}, "a publisher"),
        ({"subscribers": 0}, "a subscriber"),
        ({"audio": False, "video_kbps": 0}, "neither audio nor video"),
        ({"fps": 0}, "above zero"),
        ({"video_kbps": -1}, "above zero"),
        ({"video_kbps": 10}, "bytes a frame"),
        ({"video_kbps": 150, "simulcast": True}, "the lowest simulcast encoding"),
        ({"publishers": 65}, "130 streams"),
        ({"participants": 66}, "130 streams"),
    ],
)
def test_what_makes_no_sense_is_explained(changes, problem):
    with pytest.raises(ScenarioError, match=problem):
        Scenario(**changes)


def test_what_is_sent_and_received():
    scenario = Scenario(rooms=3, participants=5, video_kbps=900, simulcast=True)
    assert scenario.kinds == ("audio", "video")
    assert scenario.encodings == (("q", 90_000), ("h", 300_000), ("f", 900_000))
    assert (scenario.streams, scenario.people) == (8, 15)
    assert str(scenario) == "3 rooms of 5 all to all, audio + 900 kbit/s simulcast video, frames at once"
    assert str(Scenario(subscribers=4, video_kbps=0)) == "1 -> 4, audio"


def test_it_grows_by_what_it_is_told():
    scenario = Scenario(subscribers=10)
    assert scenario.grown_to("subscribers", 30) == Scenario(subscribers=30)
    assert scenario.grown_to("rooms", 2) == Scenario(rooms=2, subscribers=10)
    assert (scenario.size("subscribers"), scenario.size("rooms")) == (10, 1)


@given(
    st.integers(1, 5), st.integers(1, 80), st.integers(1, 80), st.integers(0, 80), st.booleans(), st.integers(0, 5000),
    st.floats(0.5, 120), st.booleans(),
)  # fmt: skip
def test_a_scenario_is_refused_or_can_be_carried(
    rooms, publishers, subscribers, participants, audio, kbps, fps, simulcast
):
    try:
        scenario = Scenario(
            rooms=rooms, publishers=publishers, subscribers=subscribers, participants=participants, audio=audio,
            video_kbps=kbps, fps=fps, simulcast=simulcast,
        )  # fmt: skip
    except ScenarioError:
        return
    assert 1 <= scenario.streams <= MAX_STREAMS
    if "video" in scenario.kinds:
        assert all(bps / 8 / fps >= FRAME_MIN_BYTES for _, bps in scenario.encodings)
        assert [bps for _, bps in scenario.encodings] == sorted(bps for _, bps in scenario.encodings)
