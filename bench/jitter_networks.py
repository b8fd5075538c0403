"""The jitter buffer on networks of many kinds, in virtual time: what a listener pays in delay and in concealment.

    python -m bench.jitter_networks [--seeds 5] [--seconds 120] [NAME …]

Opus packets of 20 ms, ticks of 10 ms. delay: mean of what each packet waited above the path's least, ms. concealed: %
of the time, of which lost: what the network lost. stretched: samples left out or repeated, % of those played. R: points
of the E-model (ITU-T G.107) that the delay (with 100 ms for the rest of the path) and all concealment cost. Medians of
the seeds; the networks are random, but the same for a seed.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import numpy as np

from bench.jitter_adapter import FRAME, Audio

FRAME_MS, TICK_MS = 20.0, 10.0
PATH_MS = 30.0
Network = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # (times sent, chance) -> times of arrival; inf: lost


def in_order(sent: np.ndarray, delay: np.ndarray) -> np.ndarray:
    return np.maximum.accumulate(sent + PATH_MS + delay)


def stalls(sent: np.ndarray, chance: np.random.Generator, every: float, low: float, high: float) -> np.ndarray:
    """The path stops for low .. high ms about each `every` ms, and lets everything go at once."""
    delay, at = np.zeros(len(sent)), chance.exponential(every)
    while at < sent[-1]:
        length = chance.uniform(low, high)
        hit = (sent >= at) & (sent < at + length)
        delay[hit] = at + length - sent[hit]
        at += length + chance.exponential(every)
    return delay


def with_losses(arrivals: np.ndarray, chance: np.random.Generator, share: float) -> np.ndarray:
    return np.where(chance.random(len(arrivals)) < share, np.inf, arrivals)


def steady(sent: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return in_order(sent, chance.gamma(2.0, 1.0, len(sent)))


def queue_that_fills(sent: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    delay, at = np.zeros(len(sent)), chance.exponential(5_000)
    while at < sent[-1]:
        rise, top, fall = chance.uniform(2_000, 6_000), chance.uniform(100, 400), chance.uniform(300, 1_500)
        since = sent - at
        delay = np.maximum(delay, np.interp(since, [0, rise, rise + fall], [0, top, 0], left=0, right=0))
        at += rise + fall + chance.exponential(10_000)
    return in_order(sent, delay + chance.gamma(2.0, 1.5, len(sent)))


def delay_spikes(sent: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    delay, at = np.zeros(len(sent)), chance.exponential(8_000)
    while at < sent[-1]:
        since = sent - at
        spike = chance.uniform(100, 300) * np.exp(-np.maximum(since, 0) / chance.uniform(100, 400))
        delay = np.maximum(delay, np.where(since >= 0, spike, 0))
        at += chance.exponential(10_000)
    return in_order(sent, delay + chance.gamma(2.0, 1.5, len(sent)))


def mobile(sent: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    load = np.zeros(len(sent))
    for k in range(1, len(sent)):
        load[k] = 0.95 * load[k - 1] + 0.31 * chance.normal()
    slots = np.maximum(0, np.round((12 + 8 * load + chance.exponential(4, len(sent))) / 8) * 8)
    return with_losses(in_order(sent, slots + stalls(sent, chance, 20_000, 100, 300)), chance, 0.005)


def wifi_far_away(sent: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    delay = chance.exponential(8.0, len(sent)) + stalls(sent, chance, 2_500, 40, 250)
    return with_losses(in_order(sent, delay), chance, 0.01)


def reordering(sent: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    slow = chance.random(len(sent)) < 0.01
    return sent + PATH_MS + chance.exponential(2.0, len(sent)) + slow * chance.uniform(10, 40, len(sent))


def wide_jitter(sent: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return sent + PATH_MS + np.abs(chance.normal(0, 30, len(sent)))


def heavy_tail(sent: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return in_order(sent, np.minimum(400, chance.pareto(1.8, len(sent)) * 2.5))


def ten_percent_lost(sent: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return with_losses(in_order(sent, chance.gamma(2.0, 2.0, len(sent))), chance, 0.1)


def outages(sent: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return in_order(sent, stalls(sent, chance, 30_000, 1_500, 2_500) + chance.gamma(2.0, 1.0, len(sent)))


def path_changes(sent: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    delay, at = np.zeros(len(sent)), 0.0
    while at < sent[-1]:
        delay[sent >= at] = chance.choice([0, 30, 50, 80, 120])
        at += chance.exponential(10_000)
    return sent + PATH_MS + delay + chance.gamma(2.0, 1.5, len(sent))


def fast_clock(sent: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    return in_order(sent * 0.9995 + 60, chance.gamma(2.0, 2.0, len(sent)))


NETWORKS: list[Network] = [
    steady, queue_that_fills, delay_spikes, mobile, wifi_far_away, reordering, wide_jitter, heavy_tail,
    ten_percent_lost, outages, path_changes, fast_clock,
]  # fmt: skip


def rating(delays_ms: np.ndarray, concealed: float) -> float:
    """`concealed`: % of the time."""
    total = delays_ms + 100.0
    lost = 95 * concealed / (concealed + 20)
    return float(np.mean(0.024 * total + 0.11 * np.maximum(0, total - 177.3)) + lost)


def measure(network: Network, seed: int, seconds: float) -> dict[str, float]:
    sent = np.arange(int(seconds * 50)) * FRAME_MS
    arrivals = network(sent, np.random.default_rng([seed, *network.__name__.encode()]))
    order = [int(k) for k in np.argsort(arrivals, kind="stable") if np.isfinite(arrivals[k])]
    audio, played = Audio(TICK_MS), np.full(len(sent), np.nan)
    now = arrivals[order[0]]
    ticks = concealed = at = 0
    while at < len(order):
        while at < len(order) and arrivals[order[at]] <= now:
            k = order[at]
            audio.insert(arrivals[k], k & 0xFFFF, k * FRAME)
            at += 1
        kind, begin, end = audio.pull(now)
        if kind == "play" and end > begin:
            for k in range(-(-begin // FRAME), min(-(-end // FRAME), len(sent))):
                if np.isnan(played[k]) and arrivals[k] <= now:
                    played[k] = now + (k * FRAME - begin) / (end - begin) * TICK_MS
        ticks += kind != "idle"
        concealed += kind == "conceal"
        now += TICK_MS
    waited = played - sent - np.min(arrivals - sent)
    counted = audio.buffer.statistics
    share = 100 * concealed / ticks
    return {
        "R": rating(waited[np.isfinite(waited)], share),
        "delay": float(np.nanmean(waited)),
        "concealed": share,
        "lost": 100 * float(np.mean(~np.isfinite(arrivals))),
        "stretched": 100 * (counted["added"] + counted["removed"]) / max(1, counted["played"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="some of: " + ", ".join(n.__name__ for n in NETWORKS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    for network in NETWORKS:
        if options.names and network.__name__ not in options.names:
            continue
        rows = [measure(network, seed, options.seconds) for seed in range(1, options.seeds + 1)]
        figures = "  ".join(f"{key} {statistics.median(row[key] for row in rows):6.2f}" for key in rows[0])
        print(f"{network.__name__:18} {figures}", flush=True)


if __name__ == "__main__":
    main()
