"""What a mix costs: CPU of one participant for a second, all packets coming in and what listeners need going out,
and how late sound leaves. `pytest bench/bench_mixer.py`; medians of five runs are in the extra info.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest
from mediaplane.testing.mixer import AudioMixer
from mediaplane.testing.opus import Decoder, Encoder
from pytest_benchmark.fixture import BenchmarkFixture

from bench.speech import FRAME, speech

RATE = 48_000
SECONDS = 2
TICKS = SECONDS * 50
RUNS = 5
COMPLEXITY = 4  # as in the figures that others are known by
LOUD, QUIET = 20, 127


def packets(seconds: float, seed: int) -> list[bytes]:
    encoder = Encoder(bitrate_bps=32_000, complexity=COMPLEXITY)
    pcm = speech(seconds, seed)
    return [encoder.encode(pcm[at : at + FRAME].tobytes()) for at in range(0, len(pcm), FRAME)]


class Room:
    """`talkers` are heard at once; as many, or all, of `count` speak. `own`: whoever speaks gets a mix of their own."""

    def __init__(self, count: int, talkers: int, *, own: bool) -> None:
        self.mixer = AudioMixer(talkers=talkers, complexity=COMPLEXITY, music=True)
        self.count = count
        for who in range(1, count + 1):
            self.mixer.add(who, who if own else 0)
        self.mixer.want(range(talkers + 1))
        voices = [packets(SECONDS, seed) for seed in range(1, 5)]
        self.voices = {who: voices[who % 4] for who in range(1, count + 1)}
        self.levels = {who: LOUD if who <= talkers else QUIET for who in range(1, count + 1)}
        self.tick = 0

    def run(self) -> float:
        """CPU time of TICKS ticks, in ms for a participant and a second."""
        began = time.process_time()
        for _ in range(TICKS):
            now_us = 1_000_000 + self.tick * 20_000
            for who, voice in self.voices.items():
                payload = voice[self.tick % TICKS]
                self.mixer.receive(who, payload, self.tick & 0xFFFF, self.tick * FRAME, now_us, level=self.levels[who])
            assert self.mixer.tick(now_us)[0]
            self.tick += 1
        return (time.process_time() - began) * 1_000 / self.count / SECONDS


@pytest.mark.parametrize(
    ("name", "count", "talkers", "own"),
    [
        ("own encode for each", 100, 100, True),
        ("shared encode, all decoded", 100, 100, False),
        ("shared and gated", 100, 3, True),
        ("shared and gated", 300, 3, True),
    ],
)
def test_cost_of_a_participant(benchmark: BenchmarkFixture, name: str, count: int, talkers: int, own: bool) -> None:
    room = Room(count, talkers, own=own)
    costs: list[float] = []
    benchmark.pedantic(lambda: costs.append(room.run()), rounds=RUNS, warmup_rounds=1)
    assert len(room.mixer.heard) == talkers
    assert room.mixer.statistics["flooded"] == 0
    if benchmark.stats is not None:
        benchmark.extra_info["what"] = name
        benchmark.extra_info["ms_per_participant_second"] = round(statistics.median(costs[1:]), 3)


def test_cost_of_libopus_alone(benchmark: BenchmarkFixture) -> None:
    """What is below a mix that decodes everybody: the same packets, decoded and nothing else."""
    decoders = {who: Decoder() for who in range(1, 101)}
    voices = [packets(SECONDS, seed) for seed in range(1, 5)]
    costs: list[float] = []

    def run() -> None:
        began = time.process_time()
        for tick in range(TICKS):
            for who, decoder in decoders.items():
                decoder.decode(voices[who % 4][tick])
        costs.append((time.process_time() - began) * 1_000 / len(decoders) / SECONDS)

    benchmark.pedantic(run, rounds=RUNS, warmup_rounds=1)
    if benchmark.stats is not None:
        benchmark.extra_info["ms_per_participant_second"] = round(statistics.median(costs[1:]), 3)


@pytest.mark.parametrize("phase_us", [0, 5_000, 10_000, 15_000])
def test_delay(benchmark: BenchmarkFixture, phase_us: int) -> None:
    """From the moment a sound has been recorded to the moment its packet leaves, and how much the codecs add; packets
    come without jitter, `phase_us` before a tick."""

    def delay_ms() -> float:
        mixer = AudioMixer(complexity=COMPLEXITY, music=True)
        mixer.add(1, 1)
        pcm = speech(3, 1)
        encoder, decoder = Encoder(bitrate_bps=64_000), Decoder()
        heard = []
        for at in range(150):
            now_us = 1_000_000 + at * 20_000
            frame = encoder.encode(pcm[at * FRAME : (at + 1) * FRAME].tobytes())
            mixer.receive(1, frame, at, at * FRAME, now_us - phase_us, level=LOUD)
            heard.append(np.frombuffer(decoder.decode(mixer.tick(now_us)[0]), np.int16))
        said, back = pcm[50 * FRAME : 140 * FRAME].astype(float), np.concatenate(heard)[50 * FRAME :].astype(float)
        spectrum = np.fft.rfft(back, 1 << 18) * np.conj(np.fft.rfft(said, 1 << 18))
        lag = int(np.argmax(np.fft.irfft(spectrum)[: RATE // 2]))
        # What was recorded last in a frame comes when the frame is sent.
        return lag / 48 + phase_us / 1_000

    delays: list[float] = []
    benchmark.pedantic(lambda: delays.append(delay_ms()), rounds=1)
    benchmark.extra_info["delay_ms"] = round(delays[-1], 1)
