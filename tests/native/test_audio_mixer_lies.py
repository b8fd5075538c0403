"""Bad input to a mix: liars, everybody at once, late ticks. What is honest is heard as if they were not there."""

from __future__ import annotations

import pytest
from fuzz.mixer import crowd
from jitter_call import FRAME, FRAME_US, talk
from mediaplane.testing.mixer import AudioMixer

LOUD, SILENT = 20, 127


@pytest.mark.parametrize("seed", range(6))
def test_whatever_liars_send_is_counted_and_contained(seed: int):
    crowd(seed)


def test_five_hundred_who_talk_at_once_cost_three_decoders_and_do_not_take_turns():
    mixer = AudioMixer(complexity=0, music=True)
    everybody = range(1, 501)
    for who in everybody:
        mixer.add(who, who)
    mixer.want(range(4))
    speech, ticks = talk(1.0), 40
    for at in range(ticks):
        for who in everybody:
            mixer.receive(who, speech[at], at, at * FRAME, at * FRAME_US, level=LOUD + who % 3)
        packets = mixer.tick(at * FRAME_US)
        assert all(packets[1 + place] for place in mixer.heard)
        assert packets[0]
    assert len(mixer.heard) == 3
    statistics = mixer.statistics
    assert statistics["decoded"] <= 3 * ticks
    assert statistics["encoded"] <= 4 * ticks
    assert statistics["changes"] == 3
    # Of nobody who is not heard more is kept than the delay of a network without jitter.
    assert all(mixer.jitter(who)["evicted"] == 0 for who in everybody)


def test_a_tick_that_comes_200_ms_late_is_made_up_for_without_a_packet_too_few():
    mixer = AudioMixer(complexity=0, music=True)
    mixer.add(1, 1)
    speech, made = talk(3.0), 0
    now_us = 1_000_000
    for at in range(0, 50):
        mixer.receive(1, speech[at], at, at * FRAME, now_us, level=LOUD)
        made += bool(mixer.tick(now_us)[0])
        now_us += FRAME_US
    before = mixer.jitter(1)
    # All that came while it did not tick is received at once, as of the last of the ticks that are due.
    for at in range(50, 60):
        mixer.receive(1, speech[at], at, at * FRAME, now_us + 9 * FRAME_US, level=LOUD)
    for _ in range(10):
        made += bool(mixer.tick(now_us)[0])
        now_us += FRAME_US
    for at in range(60, 140):
        mixer.receive(1, speech[at], at, at * FRAME, now_us, level=LOUD)
        made += bool(mixer.tick(now_us)[0])
        now_us += FRAME_US
    after = mixer.jitter(1)
    assert made == 140
    assert after["packets"] - before["packets"] == 90
    assert after["restarts"] == after["evicted"] == mixer.statistics["flooded"] == 0
    assert after["delay_us"] < 250_000
    assert mixer.heard == {0: 1}
