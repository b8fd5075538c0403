"""How much a track may send: bursts are free, what goes on is not, and who keeps to the bound never notices it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.testing.stream import BitrateLimit

BURST_US = 2_000_000
BURST_BYTES = 65_536


def sent(limit: BitrateLimit, bitrate_bps: float, *, size: int = 1000, for_s: float = 60, from_us: int = 0) -> float:
    """The bit rate that passes, of packets at an even `bitrate_bps`."""
    interval_us = size * 8e6 / bitrate_bps
    count = int(for_s * 1e6 / interval_us)
    return sum(limit.take(size, from_us + int(index * interval_us)) for index in range(count)) * size * 8 / for_s


def test_without_a_bound_everything_passes():
    assert all(BitrateLimit(0).take(1200, 0) for _ in range(100_000))


def test_who_keeps_to_the_bound_loses_nothing_and_who_exceeds_it_gets_what_is_allowed():
    assert sent(BitrateLimit(500_000), 500_000) >= 499_000
    assert sent(BitrateLimit(500_000), 550_000) >= 549_000, "encoders are somewhat above their target"
    burst_bps = 500_000 * BURST_US / 1e6 / 60
    assert 500_000 < sent(BitrateLimit(500_000), 5_000_000) < 500_000 * 1.13 + burst_bps * 1.13


@given(
    bound_bps=st.integers(8_000, 100_000_000),
    frames=st.lists(st.tuples(st.integers(1, 200_000), st.integers(0, 300_000)), max_size=60),
)
@settings(max_examples=30, deadline=None)
def test_bursts_pass_as_long_as_their_mean_is_within_the_bound(bound_bps, frames):
    """A publisher with a leaky bucket of its own, half a second deep, as encoders' rate control has: any frame sizes,
    keyframes of half a second among them, each sent as fast as the wire takes it."""
    limit, now_us, full_until_us = BitrateLimit(bound_bps), 1_000_000, 0.0
    deep_us = max(500_000, BURST_BYTES * 4e6 / bound_bps)
    for size, pause_us in frames:
        now_us += pause_us
        full_until_us = max(full_until_us, now_us) + size * 8e6 / bound_bps
        if full_until_us - now_us > deep_us:  # the encoder would have made this frame smaller
            full_until_us -= size * 8e6 / bound_bps
            continue
        for start in range(0, size, 1200):
            assert limit.take(min(1200, size - start), now_us)


def test_a_keyframe_passes_however_low_the_bound():
    limit = BitrateLimit(8_000)
    assert all(limit.take(1000, 5_000_000) for _ in range(65))
    assert not limit.take(1000, 5_000_000)
    assert not limit.take(1000, 5_300_000)
    assert limit.take(1000, 5_600_000)
    assert not limit.take(1000, 6_300_000)


def test_another_bound_holds_at_once():
    limit = BitrateLimit(8_000)
    assert sent(limit, 1_000_000, for_s=20) < 50_000
    limit.set(2_000_000)
    assert sent(limit, 1_000_000, from_us=20_000_000) >= 999_000
    limit.set(0)
    assert sent(limit, 50_000_000, for_s=3, from_us=80_000_000) >= 49_900_000
