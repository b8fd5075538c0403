"""Speech made shorter and longer: by whole periods, with the same pitch, the same energy, and no click."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing.audio_parts import longer, shorter

from bench.speech import RATE, speech

HISTORY = 960
LEAST, MOST = 120, 720


def tone(frequency: float, size: int, harmonics: int = 5, amplitude: float = 3000) -> np.ndarray:
    time = np.arange(size) / RATE
    return (amplitude * sum(np.sin(2 * np.pi * k * frequency * time) / k for k in range(1, harmonics + 1))).astype(
        np.int16
    )


def made_shorter(pcm: np.ndarray, most: int = MOST, similar: float = 0.6, channels: int = 1) -> np.ndarray:
    return np.frombuffer(shorter(pcm.tobytes(), channels, most, similar), np.int16)


def made_longer(pcm: np.ndarray, most: int = MOST, similar: float = 0.6, channels: int = 1) -> np.ndarray:
    return np.frombuffer(longer(pcm.tobytes(), HISTORY, channels, most, similar), np.int16)


def steepest(pcm: np.ndarray) -> int:
    return int(np.abs(np.diff(pcm.astype(int))).max())


def pitch_of(pcm: np.ndarray) -> float:
    """The strongest peak of the spectrum, interpolated."""
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)), 1 << 17))
    return float(spectrum.argmax() * RATE / (1 << 17))


@pytest.mark.parametrize("frequency", [75, 100, 140, 200, 300, 390])
def test_whole_periods_go_and_come(frequency: float):
    period = RATE / frequency
    pcm = tone(frequency, 4800)
    removed = len(pcm) - len(made_shorter(pcm))
    added = len(made_longer(pcm)) - len(pcm)
    for moved in (removed, added):
        assert LEAST <= moved <= MOST
        periods = moved / period
        assert abs(periods - round(periods)) * period < 2, f"{moved} samples are {periods} periods"


@pytest.mark.parametrize("stretch", [made_shorter, made_longer])
@pytest.mark.parametrize("frequency", [90, 160, 250])
def test_pitch_energy_and_smoothness_of_a_vowel_stay(stretch, frequency: float):
    pcm = tone(frequency, 9600)
    out = stretch(pcm)
    assert len(out) != len(pcm)
    assert abs(pitch_of(out) - frequency) < 1
    assert steepest(out) <= steepest(pcm) * 1.05
    frames = out[: len(out) // 480 * 480].reshape(-1, 480).astype(float)
    loudness = 10 * np.log10((frames**2).mean(axis=1))
    assert np.ptp(loudness[1:-1]) < 10 * np.log10(2), "no frame stands out by 3 dB"


@pytest.mark.parametrize("stretch", [made_shorter, made_longer])
def test_noise_keeps_its_energy_at_the_seam(stretch):
    chance = np.random.default_rng(3)
    energies = []
    for _ in range(200):
        noise = chance.normal(scale=1000, size=2880).astype(np.int16)
        out = stretch(noise, similar=-1.0)
        at = 0 if stretch is made_shorter else HISTORY
        energies.append(np.mean(out[at + 60 : at + 180].astype(float) ** 2))
    assert abs(10 * np.log10(np.mean(energies) / 1000**2)) < 0.7, "unlike parts are not simply averaged"


@pytest.mark.parametrize("stretch", [made_shorter, made_longer])
def test_nothing_happens_where_no_two_periods_are_alike(stretch):
    noise = np.random.default_rng(1).normal(scale=1000, size=2880).astype(np.int16)
    assert np.array_equal(stretch(noise, similar=0.9), noise)


@pytest.mark.parametrize("stretch", [made_shorter, made_longer])
def test_both_channels_move_together(stretch):
    left, right = tone(150, 2880), tone(150, 2880, harmonics=2)[::-1]
    pcm = np.stack([left, right], axis=1)
    out = stretch(pcm, channels=2, similar=0.3).reshape(-1, 2)
    alone = stretch(np.stack([left, left], axis=1), channels=2, similar=0.3).reshape(-1, 2)
    assert len(out) != len(pcm)
    assert np.array_equal(alone[:, 0], alone[:, 1])
    assert steepest(out[:, 0]) <= steepest(left) * 1.3
    assert steepest(out[:, 1]) <= steepest(right) * 1.3


def test_no_click_in_speech():
    pcm = speech(8)
    limit = steepest(pcm)
    for at in range(HISTORY, len(pcm) - 1920, 960):
        out = made_shorter(pcm[at : at + 1920])
        assert steepest(np.concatenate([pcm[at - 100 : at], out])) <= limit
        out = made_longer(pcm[at - HISTORY : at + 1920])
        assert steepest(out) <= limit


@given(st.integers(1, 2), st.integers(0, 2000), st.integers(0, 1000), st.floats(-1, 1), st.integers(0, 2**32 - 1))
def test_any_length_is_taken(channels: int, size: int, most: int, similar: float, seed: int):
    chance = np.random.default_rng(seed)
    pcm = chance.integers(-32768, 32768, size * channels).astype(np.int16)
    out = made_shorter(pcm, most, similar, channels)
    assert len(pcm) - min(most, MOST) * channels <= len(out) <= len(pcm)
    history = chance.integers(-32768, 32768, HISTORY * channels).astype(np.int16)
    out = made_longer(np.concatenate([history, pcm]), most, similar, channels)
    grown = len(out) - (HISTORY + size) * channels
    assert 0 <= grown <= min(most, MOST) * channels
    assert np.array_equal(out[: HISTORY * channels], history), "what was fetched is fetched"
    assert np.array_equal(
        out[len(out) - max(0, size - 240) * channels :], pcm[len(pcm) - max(0, size - 240) * channels :]
    )
