"""How the jitter buffer sounds: PESQ (ITU-T P.862.2, wideband) of what comes out, against the same without a network.

    python -m bench.listening [--speech FILE.raw] [--seconds 30]

FILE.raw: mono, 16 bits, 48 kHz (`espeak-ng --stdout … | ffmpeg -i - -ac 1 -ar 48000 -f s16le FILE.raw`); without it the
made-up speech of `bench.speech`, which is no language and gets lower scores. "decoder" is libopus alone, with its
concealment where a packet is lost and all others in time. Needs `pip install -e '.[listening]'`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from mediaplane.testing.jitter_buffer import JitterBuffer
from mediaplane.testing.opus import Decoder, Encoder
from pesq import pesq

from bench.speech import FRAME, RATE, speech

FRAME_MS = 20.0
TICK_US = 20_000


def networks(count: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name -> delay of each packet above the path's in ms, and whether it is lost."""
    chance = np.random.default_rng(1)
    none, whole = np.zeros(count), np.zeros(count, bool)
    bursts = np.zeros(count, bool)
    for at in np.flatnonzero(chance.random(count) < 0.05 / 3):
        bursts[at : at + 3] = True
    stalls = np.zeros(count)
    for at in range(150, count - 10, 150):
        length = chance.uniform(40, 120)
        stalls[at : at + 6] = np.maximum(0, length - np.arange(6) * FRAME_MS)
    return {
        "perfect": (none, whole),
        "jitter of 10 ms": (chance.gamma(2.0, 5.0, count), whole),
        "stalls of 40 to 120 ms, each 3 s": (stalls + chance.exponential(3.0, count), whole),
        "2 % lost": (none, chance.random(count) < 0.02),
        "5 % lost": (none, chance.random(count) < 0.05),
        "5 % lost, three at a time": (none, bursts),
    }


def through_buffer(packets: list[bytes], delays_ms: np.ndarray, lost: np.ndarray) -> np.ndarray:
    buffer = JitterBuffer()
    arrivals = np.arange(len(packets)) * FRAME_MS + delays_ms
    order = [k for k in np.argsort(arrivals, kind="stable") if not lost[k]]
    heard, now_us = [], 0
    while order or now_us < len(packets) * TICK_US + 200_000:
        while order and arrivals[order[0]] * 1000 <= now_us:
            k = int(order.pop(0))
            buffer.insert(packets[k], k, k * FRAME, int(arrivals[k] * 1000))
        heard.append(buffer.pull(now_us))
        now_us += TICK_US
    return np.frombuffer(b"".join(heard), np.int16)


def through_decoder(packets: list[bytes], lost: np.ndarray) -> np.ndarray:
    decoder = Decoder()
    heard = [decoder.conceal(FRAME) if gone else decoder.decode(p) for p, gone in zip(packets, lost, strict=True)]
    return np.frombuffer(b"".join(heard), np.int16)


def at_16_khz(pcm: np.ndarray) -> np.ndarray:
    taps = np.sinc((np.arange(193) - 96) / 3.2) * np.hamming(193)
    return np.convolve(pcm.astype(float), taps / taps.sum(), "same")[::3].astype(np.int16)


def score(truth: np.ndarray, heard: np.ndarray) -> float:
    """The mean over pieces of 8 s, which PESQ is made for. Both begin at most 200 ms apart; PESQ aligns them."""
    truth, heard = at_16_khz(truth), at_16_khz(heard)
    size = 8 * 16_000
    pieces = range(0, len(truth) - size + 1, size)
    return float(np.mean([pesq(16_000, truth[at : at + size], heard[at : at + size], "wb") for at in pieces]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path)
    parser.add_argument("--seconds", type=float, default=32)
    options = parser.parse_args()
    pcm = np.fromfile(options.speech, np.int16) if options.speech else speech(options.seconds)
    pcm = pcm[: int(options.seconds * RATE) // FRAME * FRAME]
    encoder = Encoder(bitrate_bps=32_000)
    packets = [encoder.encode(pcm[at : at + FRAME].tobytes()) for at in range(0, len(pcm), FRAME)]
    truth = through_decoder(packets, np.zeros(len(packets), bool))
    print(f"{'network':34} {'buffer':>7} {'decoder':>8}")
    for name, (delays_ms, lost) in networks(len(packets)).items():
        ours = score(truth, through_buffer(packets, delays_ms, lost))
        print(f"{name:34} {ours:7.2f} {score(truth, through_decoder(packets, lost)):8.2f}")


if __name__ == "__main__":
    main()
