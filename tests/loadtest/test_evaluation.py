"""What is concluded from what the load generators counted."""

from __future__ import annotations

from collections import Counter

import pytest
from counted import member, peer, sample, snapshot, source, stream
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.loadtest.evaluation import Run, evaluate, histogram_quantiles, quantiles
from mediasrv.loadtest.scenario import Scenario
from mediasrv.loadtest.server_process import Usage

ONE_TO_TWO = Scenario(subscribers=2, audio=False)
MEMBERS = [member(0, receives=False), member(1), member(2)]


def run(scenario=ONE_TO_TWO, members=MEMBERS, **changes):
    return Run("a server", scenario, members, **({"base": Usage()} | changes))


def three(sent, *arrived, **changes):
    """A publisher that has sent so much, and what each subscriber has got of it."""
    subscribers = [peer(streams=[each if isinstance(each, dict) else stream(7, each)]) for each in arrived]
    return snapshot(peer([source(7, sent)]), *subscribers, **changes)


def test_the_figures_are_those_of_the_window():
    before = sample(5.0, three(100, 100, 100, cpu_us=1_000_000, video_latency={500: 200}), Usage({"total": 1.0}, 50))
    end = three(1100, 1100, 1100, cpu_us=2_000_000, video_latency={500: 200, 1000: 1980, 4000: 20})
    used = Usage({"total": 1.004, "mediasrv-w0": 0.003}, 60_000_000)
    result = evaluate(run(base=Usage({}, 30_000_000)), before, sample(15.0, end, used), end)
    assert (result.seconds, result.packets, result.packets_per_s) == (10.0, 2000, 200)
    assert result.cpu_us_per_packet == 2.0
    assert result.cpu_us_per_packet_worker == 1.5
    assert result.megabits_per_s == 1.6
    assert result.server_rss_kb_per_person == 10_000.0
    assert result.latency_ms["video"] == {"p50": 1.0, "p95": 1.0, "p99": 1.0, "max": 4.0}
    assert result.latency_ms["all"] == result.latency_ms["video"]
    assert result.latency_ms["audio"] == {}
    assert result.first_packet_ms["p50"] == 20.0
    assert result.generator_cpu_percent == 10.0
    assert (result.complete, result.problems, result.generator_was_limit) == (True, [], False)


def test_without_the_servers_process_its_figures_are_unknown():
    end = three(1100, 1100, 1100)
    result = evaluate(run(), sample(0, three(0, 0, 0)), sample(1, end), end)
    assert result.cpu_us_per_packet is result.server_cores is result.server_rss_mb is None
    assert result.complete


@pytest.mark.parametrize(
    ("arrived", "problem"),
    [
        (stream(7, 999, lost=1, last_number=999), "1 lost"),
        (stream(7, 999, last_number=998), "1 streams do not end with the last packet"),
        (stream(7, 999, missing_numbers=1, last_number=999), "1 missing by the source's numbers"),
        (stream(7, 1000, duplicates=2), "2 duplicates"),
        (stream(7, 1000, reordered=3), "3 reordered"),
        (stream(7, 1000, unauthentic=1), "1 not authentic"),
        (stream(7, 1000, corrupt=1), "1 not authentic, not as sent"),
        (stream(0, 0), "1 streams never arrived"),
    ],
)
def test_whatever_is_not_perfect_is_named(arrived, problem):
    end = three(1000, 1000, arrived)
    result = evaluate(run(), sample(0, three(0, 0, 0)), sample(1, end), end)
    assert not result.complete
    assert any(problem in each for each in result.problems), result.problems


def test_a_sample_of_opened_packets_says_nothing_about_the_sources_numbers():
    end = three(1000, 1000, stream(7, 1000, missing_numbers=900, last_number=980))
    result = evaluate(run(verified=False), sample(0, three(0, 0, 0)), sample(1, end), end)
    assert result.complete
    assert result.lost == 0


def test_a_loss_in_the_network_counts_once_and_one_before_the_server_too():
    end = three(1000, stream(7, 998, lost=2, last_number=999), stream(7, 997, missing_numbers=3, last_number=999))
    result = evaluate(run(), sample(0, three(0, 0, 0)), sample(1, end), end)
    assert result.lost == 5


def test_packets_that_neither_arrive_nor_leave_a_gap_are_missing():
    before = sample(0, three(0, stream(7, 0), stream(7, 0)))
    after = sample(1, three(1000, 1000, 500))
    result = evaluate(run(), before, after)
    assert (result.loss_percent, result.missing_percent) == (0.0, pytest.approx(100 / 3, abs=0.01))
    assert result.complete  # nothing can be said yet: the load goes on


def test_losses_before_the_window_do_not_count_as_its_own():
    before = sample(0, three(100, stream(7, 90, lost=10), 100))
    after = sample(1, three(200, stream(7, 190, lost=10), 200))
    assert evaluate(run(), before, after).loss_percent == 0.0


def test_each_participant_is_owed_the_tracks_of_the_others_in_its_room_alone():
    everybody = Scenario(rooms=2, participants=2, audio=False)
    members = [member(0), member(1), member(2, room=1), member(3, room=1)]
    counted = snapshot(*(peer([source(n + 1, 10)], [stream((n ^ 1) + 1, 10)]) for n in range(4)))
    result = evaluate(run(everybody, members), sample(0, counted), sample(1, counted), counted)
    assert result.complete
    # Who has two sessions, as with WHIP and WHEP, gets its own track, too.
    twice = [member(0, own=True), *members[1:]]
    result = evaluate(run(everybody, twice), sample(0, counted), sample(1, counted), counted)
    assert result.problems == ["1 streams never arrived"]


def test_one_encoding_of_a_simulcast_track_is_enough():
    encodings = [source(1, 10), source(2, 20), source(3, 30)]
    members = [member(0, receives=False), member(1)]
    counted = snapshot(peer(encodings), peer(streams=[stream(2, 20)]))
    result = evaluate(
        run(Scenario(audio=False, simulcast=True), members), sample(0, counted), sample(1, counted), counted
    )
    assert result.complete


@pytest.mark.parametrize(
    ("cpu_us", "late", "limit"), [(800_000, 0, False), (950_000, 0, True), (100_000, 5, False), (100_000, 50, True)]
)
def test_it_is_said_when_the_generator_was_the_limit(cpu_us, late, limit):
    end = three(1000, 1000, 1000, cpu_us=cpu_us, late_frames=late)
    assert evaluate(run(), sample(0, three(0, 0, 0)), sample(1, end), end).generator_was_limit is limit


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=300))
def test_quantiles_of_a_histogram_are_those_of_its_values(values):
    found = histogram_quantiles(Counter(values))
    ordered = sorted(values)
    for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)):
        at_least = sum(value <= found[name] * 1e3 for value in ordered)
        below = sum(value < found[name] * 1e3 for value in ordered)
        assert at_least >= part * len(ordered) > below
    assert list(found.values()) == sorted(found.values())


def test_without_values_there_are_no_quantiles():
    assert quantiles([]) == histogram_quantiles(Counter()) == {}
    assert quantiles([3.0]) == {"p50": 3.0, "p95": 3.0, "p99": 3.0, "max": 3.0}
