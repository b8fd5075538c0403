"""The limiter against its definition in numpy, and what it promises of any sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.testing.mixer import Limiter, ramped

BLOCK, AHEAD, DELAY, CEILING, TICK = 16, 4, 64, 32_000, 960
RELEASE, SETTLED = np.float32(0.0033), np.float32(0.9999)


def reference(sums: np.ndarray) -> np.ndarray:
    """What comes out for (frames, channels) of sums: the gains from the definition, one block after the other."""
    one = np.float32(1)
    blocks = sums.reshape(-1, BLOCK, sums.shape[1]).astype(np.int64)
    peaks = np.abs(blocks).max(axis=(1, 2))
    needed = [one] * (AHEAD + 1)
    released = [one] * AHEAD
    gains = [one]
    for peak in peaks:
        needed = [one if peak <= CEILING else np.float32(CEILING) / np.float32(peak), *needed[:-1]]
        back = released[0] + (one - released[0]) * RELEASE
        back = min([one if back > SETTLED else back, *needed])
        released = [back, *released[:-1]]
        total = np.float32(0)
        for each in released:
            total = np.float32(total + each)
        gains.append(min(np.float32(total / AHEAD), one))
    late = np.concatenate([np.zeros((DELAY, sums.shape[1]), np.int64), sums])[: len(sums)].reshape(blocks.shape)
    out = np.empty(late.shape)
    for k, block in enumerate(late):
        step = (gains[k + 1] - gains[k]) / BLOCK
        gain = gains[k] + step * np.arange(1, BLOCK + 1, dtype=np.float32)
        out[k] = np.trunc(block * gain[:, None].astype(np.float64))
    return np.clip(out, -32_768, 32_767).reshape(sums.shape).astype(np.int16)


def limited(sums: np.ndarray, limiter: Limiter | None = None) -> np.ndarray:
    limiter = limiter or Limiter(sums.shape[1])
    ticks = [sums[at : at + TICK] for at in range(0, len(sums), TICK)]
    pcm = b"".join(limiter.run(tick.astype(np.int32).tobytes()) for tick in ticks)
    return np.frombuffer(pcm, np.int16).reshape(sums.shape)


@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_not_too_loud_leaves_as_it_came(channels: int):
    sums = np.random.default_rng(1).integers(-CEILING, CEILING + 1, (5 * TICK, channels))
    limiter = Limiter(channels)
    out = limited(sums, limiter)
    assert np.array_equal(out[DELAY:], sums[:-DELAY])
    assert limiter.limited == 0


@pytest.mark.parametrize("channels", [1, 2])
def test_gains_are_those_of_the_definition(channels: int):
    chance = np.random.default_rng(2)
    loudness = np.repeat(chance.choice([2_000, 30_000, 90_000], 50), TICK // 5)[:, None]
    sums = (chance.uniform(-1, 1, (len(loudness), channels)) * loudness).astype(np.int64)
    # Sums of floats in another order, and one rounding of the product, may differ in the last place.
    assert np.abs(limited(sums).astype(int) - reference(sums)).max() <= 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 400), st.integers(-(2**29), 2**29)), min_size=1, max_size=30))
def test_it_never_wraps_and_never_exceeds_the_ceiling(steps: list[tuple[int, int]]):
    sums = np.concatenate([np.full(length, value) for length, value in steps])
    sums = np.pad(sums, (0, -len(sums) % TICK + TICK))[:, None]
    out = limited(sums)[DELAY:, 0].astype(int)
    told = sums[:-DELAY, 0]
    assert np.abs(out).max(initial=0) <= CEILING + 1
    assert np.all((np.sign(out) == np.sign(told)) | (out == 0))
    assert np.all(np.abs(out) <= np.abs(told))


def test_a_loud_tone_is_made_quieter_and_not_cut_off():
    """Of a sine three times too loud nearly all energy stays in the sine: clipping would make overtones."""
    time = np.arange(25 * TICK) / 48_000
    tone = 100_000 * np.sin(2 * np.pi * 1_000 * time)
    out = limited(tone[:, None].astype(np.int64))[5 * TICK :, 0].astype(float)
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out)))) ** 2
    frequency = np.fft.rfftfreq(len(out), 1 / 48_000)
    overtones = spectrum[np.abs(frequency - 1_000) > 100].sum() / spectrum.sum()
    assert np.abs(out).max() > 0.95 * CEILING
    assert 10 * np.log10(overtones) < -50
    clipped = np.clip(tone, -CEILING, CEILING)
    worse = np.abs(np.fft.rfft(clipped * np.hanning(len(clipped)))) ** 2
    there = np.fft.rfftfreq(len(clipped), 1 / 48_000)
    assert 10 * np.log10(worse[np.abs(there - 1_000) > 100].sum() / worse.sum()) > -20


def test_one_that_follows_another_goes_on_where_that_was():
    sums = np.random.default_rng(3).integers(-80_000, 80_000, (4 * TICK, 2))
    alone, first, second = Limiter(2), Limiter(2), Limiter(2)
    whole = limited(sums, alone)
    limited(sums[: 2 * TICK], first)
    second.follow(first)
    assert np.array_equal(limited(sums[2 * TICK :], second), whole[2 * TICK :])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("begin", "end"), [(0, 32_768), (32_768, 0), (0, 0), (32_768, 32_768)])
def test_ramps_are_straight_lines(channels: int, begin: int, end: int):
    chance = np.random.default_rng(4)
    pcm = chance.integers(-32_768, 32_768, (TICK, channels)).astype(np.int16)
    sums = chance.integers(-100_000, 100_000, (TICK, channels)).astype(np.int32)
    gain = (
        begin + (end - begin) * np.arange(240) // 240 if end >= begin else begin - (begin - end) * np.arange(240) // 240
    )
    gain = np.concatenate([gain, np.full(TICK - 240, end)])[:, None]
    own, total = (np.frombuffer(b, np.int32).reshape(TICK, channels)
                  for b in ramped(pcm.tobytes(), sums.tobytes(), channels, begin, end, 240))  # fmt: skip
    expected = (pcm.astype(np.int64) * gain) >> 15
    assert np.array_equal(own, expected)
    assert np.array_equal(total, sums + expected)
