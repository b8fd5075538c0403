"""Speech to test with: voiced syllables with a moving pitch and formants, hisses, and pauses. Made, not recorded."""

from __future__ import annotations

import numpy as np

RATE = 48_000
FRAME = 960  # samples of 20 ms
# First three formants (Hz) of a, e, i, o, u.
_VOWELS = np.array([[730, 1090, 2440], [530, 1840, 2480], [270, 2290, 3010], [570, 840, 2410], [300, 870, 2240]])
_WIDTHS = np.array([80, 100, 130])


def _resonate(signal: np.ndarray, frequency: float, width: float) -> np.ndarray:
    """A two-pole resonator as a truncated impulse response, which numpy can convolve."""
    time = np.arange(int(0.03 * RATE)) / RATE
    response = np.exp(-np.pi * width * time) * np.sin(2 * np.pi * frequency * time)
    size = len(signal) + len(response)
    return np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(response, size), size)[: len(signal)]


def _syllable(chance: np.random.Generator, pitch: float) -> np.ndarray:
    size = int(chance.uniform(0.12, 0.28) * RATE)
    time = np.arange(size) / RATE
    melody = pitch * (1 + chance.uniform(-0.15, 0.15) + chance.uniform(-0.4, 0.4) * time)
    phase = np.cumsum(melody) / RATE
    pulses = np.diff(np.floor(phase), prepend=0.0)
    voiced = sum(_resonate(pulses, f, w) for f, w in zip(chance.choice(_VOWELS), _WIDTHS, strict=True))
    hiss_size = int(chance.uniform(0.03, 0.09) * RATE)
    hiss = np.diff(chance.normal(size=hiss_size), prepend=0.0) * 0.2
    voiced *= np.minimum(1, np.minimum(time, time[::-1]) / 0.03)
    return np.concatenate([hiss * np.hanning(hiss_size), voiced / np.abs(voiced).max()])


def speech(seconds: float, seed: int = 1, pitch: float = 120.0) -> np.ndarray:
    """Mono, 16 bits, 48 kHz, with room noise at about -66 dBFS; the same seed makes the same speech."""
    chance = np.random.default_rng(seed)
    size = int(seconds * RATE)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < size:
        parts += [_syllable(chance, pitch) for _ in range(int(chance.integers(2, 8)))]
        parts.append(np.zeros(int(chance.uniform(0.15, 0.6) * RATE)))
    signal = 0.3 * np.concatenate(parts)[:size] + chance.normal(scale=5e-4, size=size)
    return np.clip(signal * 32767, -32768, 32767).astype(np.int16)
