"""What a person reads in the end."""

from __future__ import annotations

from dataclasses import replace

from counted import result, with_p99

from mediasrv.loadtest.plot import plot
from mediasrv.loadtest.ramp import conclude
from mediasrv.loadtest.report import conclusion, rows, show
from mediasrv.loadtest.result import Step
from mediasrv.loadtest.settings import Limits


def test_a_perfect_run():
    shown = dict(rows(result()))
    assert shown["server CPU us per packet"] == "2.00 (media threads 1.80)"
    assert shown["server memory"] == "60 MB, 120 kB a participant"
    assert shown["load generator"] == "20 % of a CPU: it was not the limit"
    assert shown["every packet arrived"] == "yes"
    assert "packets per send" not in shown


def test_what_is_not_known_is_said_and_not_made_up():
    unknown = replace(result(), cpu_us_per_packet=None, server_cores=None, server_rss_mb=None)
    shown = dict(rows(unknown))
    assert "unknown" in shown["server CPU us per packet"]
    assert "--pid" in shown["server CPU us per packet"]
    assert "server cores used" not in shown
    assert "server memory" not in shown


def test_trouble_is_told_with_its_numbers():
    bad = replace(
        result(), complete=False, problems=["3 lost", "1 streams never arrived"], lost=3, generator_was_limit=True,
        generator_cpu_percent=97.0, late_frames=12,
    )  # fmt: skip
    shown = dict(rows(bad))
    assert shown["every packet arrived"] == "NO: 3 lost; 1 streams never arrived"
    assert shown["load generator"] == "97 % of a CPU, 12 frames were sent late: IT WAS THE LIMIT, latencies are its own"


def test_a_ramp_in_words_as_a_table_and_as_a_picture(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    steps = [
        Step(10, with_p99(2)),
        Step(20, with_p99(9)),
        Step(30, with_p99(70), "p99 latency is 70 ms"),
        Step(40, None, "x"),
    ]
    ramp = conclude("subscribers", Limits(), steps)
    assert conclusion(ramp).startswith("highest clean step: 20 subscribers, 1,000 packets/s")
    show(ramp)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["10", "20", "30", "40"]
    plot(ramp, tmp_path / "ramp.svg")
    assert "<svg" in (tmp_path / "ramp.svg").read_text()
