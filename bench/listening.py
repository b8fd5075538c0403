"""How the jitter buffer sounds: what comes out is compared with the same without a network, in two ways.

PESQ (ITU-T P.862.2, wideband): 1 to 4.64. It compares what lies at the same time, so that it also counts changes of
speed that nobody hears: those alone, of speech that is complete, are the column "paced".

Spectra: the mean difference in dB, in 20 bands, of each 20 ms in which somebody speaks to the most similar 20 ms within
25 ms of its place in the source: what is heard, whenever it is; and the mean of the worst twentieth.

    python -m bench.listening [--speech FILE.raw] [--seconds 30]

FILE.raw: mono, 16 bits, 48 kHz (`espeak-ng --stdout … | ffmpeg -i - -ac 1 -ar 48000 -f s16le FILE.raw`); without it the
made-up speech of `bench.speech`, which is no language and gets lower scores. "decoder" is libopus alone, with its
concealment where a packet is lost and all others in time. Needs `pip install -e '.[listening]'`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from mediaplane.testing.audio_parts import longer, shorter
from mediaplane.testing.jitter_buffer import JitterBuffer
from mediaplane.testing.opus import Decoder, Encoder
from pesq import pesq

from bench.speech import FRAME, RATE, speech

FRAME_MS = 20.0
TICK_US = 20_000
STRETCH_HISTORY = 960  # samples that the stretching may look back
WINDOW, STEP, REACH = 320, 16, 25  # of the spectra, samples at 16 kHz: 20 ms, each ms; how far off the same may lie, ms
SPOKEN_DB, LEAST_DB = 40.0, 20.0  # louder is speech; softer than that in a band is not heard beside it


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


def through_buffer(packets: list[bytes], delays_ms: np.ndarray, lost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sound, and of each sample its place in the source's."""
    buffer = JitterBuffer()
    arrivals = np.arange(len(packets)) * FRAME_MS + delays_ms
    order = [k for k in np.argsort(arrivals, kind="stable") if not lost[k]]
    heard, places, now_us = [], [], 0
    while order or now_us < len(packets) * TICK_US + 200_000:
        while order and arrivals[order[0]] * 1000 <= now_us:
            k = int(order.pop(0))
            buffer.insert(packets[k], k, k * FRAME, int(arrivals[k] * 1000))
        heard.append(buffer.pull(now_us))
        begin, end = buffer.last["from_ts64"] % 2**32, buffer.last["to_ts64"] % 2**32
        places.append(np.linspace(begin, end, FRAME, endpoint=False))
        now_us += TICK_US
    return np.frombuffer(b"".join(heard), np.int16), np.concatenate(places)


def through_decoder(packets: list[bytes], lost: np.ndarray) -> np.ndarray:
    decoder = Decoder()
    heard = [decoder.conceal(FRAME) if gone else decoder.decode(p) for p, gone in zip(packets, lost, strict=True)]
    return np.frombuffer(b"".join(heard), np.int16)


def paced(truth: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """`truth`, with a period left out where a packet is lost, and made longer again behind that."""
    chunks, spoken, owed = [], np.zeros(STRETCH_HISTORY, np.int16), 0
    k = 0
    while k < len(lost):
        part = truth[k * FRAME : (k + 1 + lost[k]) * FRAME]
        if lost[k]:
            heard = np.frombuffer(shorter(part.tobytes(), 1, FRAME // 2, -1.0), np.int16)
        elif owed > FRAME // 4:
            with_past = np.concatenate([spoken, part]).tobytes()
            heard = np.frombuffer(longer(with_past, STRETCH_HISTORY, 1, min(owed, FRAME // 2), 0.6), np.int16)
            heard = heard[STRETCH_HISTORY:]
        else:
            heard = part
        owed += len(part) - len(heard)
        chunks.append(heard)
        spoken = np.concatenate([spoken, heard])[-STRETCH_HISTORY:]
        k += 1 + lost[k]
    return np.concatenate(chunks)


def at_16_khz(pcm: np.ndarray) -> np.ndarray:
    taps = np.sinc((np.arange(193) - 96) / 3.2) * np.hamming(193)
    return np.convolve(pcm.astype(float), taps / taps.sum(), "same")[::3].astype(np.int16)


def score(truth: np.ndarray, heard: np.ndarray) -> float:
    """The mean over pieces of 8 s, which PESQ is made for. Both begin at most 200 ms apart; PESQ aligns them."""
    truth, heard = at_16_khz(truth), at_16_khz(heard)
    size = 8 * 16_000
    pieces = range(0, len(truth) - size + 1, size)
    return float(np.mean([pesq(16_000, truth[at : at + size], heard[at : at + size], "wb") for at in pieces]))


def bands(pcm: np.ndarray, step: int) -> np.ndarray:
    """dB in each of 20 bands, equally wide to the ear, of windows of 20 ms, one each `step` samples at 16 kHz."""
    windows = np.lib.stride_tricks.sliding_window_view(pcm.astype(float), WINDOW)[::step] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(windows, 512)) ** 2 / WINDOW
    edges = 650 * (np.exp(np.linspace(np.log1p(100 / 650), np.log1p(7_600 / 650), 21)) - 1) * 512 / 16_000
    sums = np.add.reduceat(power, edges[:-1].astype(int), axis=1)[:, :20]
    return np.maximum(10 * np.log10(sums + 1e-9), LEAST_DB)


def spectral_difference(truth: np.ndarray, heard: np.ndarray, places: np.ndarray) -> tuple[float, float]:
    """dB: the mean where somebody speaks, and that of the worst twentieth."""
    true, ours = bands(at_16_khz(truth), STEP), bands(at_16_khz(heard), WINDOW // 2)
    differences = []
    for k in range(len(ours)):
        near = int(places[3 * k * WINDOW // 2]) // (3 * STEP)
        near_by = true[max(near - REACH, 0) : near + REACH + 1]
        if len(near_by) > REACH and near_by[REACH].max() > SPOKEN_DB:
            differences.append(np.abs(near_by - ours[k]).mean(axis=1).min())
    differences.sort()
    return float(np.mean(differences)), float(np.mean(differences[-(len(differences) // 20) :]))


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
    print(f"{'network':34} {'PESQ':>5} {'decoder':>8} {'paced':>6}   {'spectra, dB':>12} {'decoder':>13}")
    same_place = np.arange(len(truth), dtype=float)
    for name, (delays_ms, lost) in networks(len(packets)).items():
        heard, places = through_buffer(packets, delays_ms, lost)
        alone = through_decoder(packets, lost)
        scores = [score(truth, sound) for sound in (heard, alone, paced(truth, lost))]
        ours = spectral_difference(truth, heard, places)
        theirs = spectral_difference(truth, alone, same_place)
        print(
            f"{name:34} {scores[0]:5.2f} {scores[1]:8.2f} {scores[2]:6.2f}   {ours[0]:5.2f} {ours[1]:6.2f} "
            f"{theirs[0]:6.2f} {theirs[1]:6.2f}"
        )


if __name__ == "__main__":
    main()
