"""Packet by packet the same bytes, and the same verdicts, as libsrtp."""

from __future__ import annotations

import struct
from contextlib import suppress

import pylibsrtp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing.srtp import ReplayWindow
from srtp_cases import (
    BACKENDS,
    ENGINES,
    PROFILES,
    Keys,
    Profile,
    headers,
    payload_of,
    payloads,
    profile_name,
    rtp_header,
)

pytestmark = [
    pytest.mark.parametrize("backend", BACKENDS),
    pytest.mark.parametrize("profile", PROFILES, ids=profile_name),
]
INBOUND, OUTBOUND = pylibsrtp.Policy.SSRC_ANY_INBOUND, pylibsrtp.Policy.SSRC_ANY_OUTBOUND
LIBSRTP_MAX_SIZE = 1356  # what pylibsrtp has room for

# A sender's indices: it starts in the first half of the numbers and may skip up to almost half a turn.
indices = st.builds(
    lambda start, steps: [start + sum(steps[:n]) for n in range(len(steps) + 1)],
    start=st.integers(0, 0x7FFF),
    steps=st.lists(st.integers(1, 30) | st.integers(1, 30_000), max_size=30),
)


@settings(max_examples=60, deadline=None)
@given(header=headers, payload=payloads, seed=st.integers(0, 5), in_place=st.booleans())
def test_any_packet_is_sealed_to_the_same_bytes(
    backend: str, profile: Profile, header: bytes, payload: bytes, seed: int, in_place: bool
) -> None:
    keys, engine = Keys(profile, seed), ENGINES[backend]
    packet = (header + payload)[:LIBSRTP_MAX_SIZE]
    payload = packet[len(header) :]
    seq16 = struct.unpack_from(">H", header, 2)[0]
    [sealed] = engine.protect_batch([(keys.session(backend), header, payload, seq16)], in_place)
    assert sealed == keys.libsrtp(OUTBOUND).protect(packet)
    assert keys.libsrtp(INBOUND).unprotect(sealed) == packet
    opened = engine.unprotect_batch([(keys.session(backend), ReplayWindow(), sealed, len(header))])
    assert opened == [(Status.OK, packet, seq16)]


@settings(max_examples=40, deadline=None)
@given(indices=indices)
def test_the_rollover_counter_goes_on_like_that_of_libsrtp(backend: str, profile: Profile, indices: list[int]) -> None:
    keys, engine = Keys(profile), ENGINES[backend]
    session, theirs = keys.session(backend), keys.libsrtp(OUTBOUND)
    packets = [(rtp_header(index & 0xFFFF), payload_of(40, index)) for index in indices]
    expected = [theirs.protect(header + payload) for header, payload in packets]
    jobs = [(session, *packet, index) for packet, index in zip(packets, indices, strict=True)]
    assert engine.protect_batch(jobs) == expected
    window = ReplayWindow()
    opened = engine.unprotect_batch([(session, window, sealed, 12) for sealed in expected])
    assert opened == [
        (Status.OK, header + payload, index) for (header, payload), index in zip(packets, indices, strict=True)
    ]


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(0, 0x7FFF) | st.integers(0x7F00, 0x7FFF) | st.just(0),
    skip=st.sampled_from([0, 0, 30_000]),
    arrivals=st.lists(st.integers(0, 70) | st.integers(1000, 1200), min_size=1, max_size=60),
    batch=st.integers(1, 20),
)
def test_what_arrives_twice_late_or_out_of_order_gets_the_verdict_of_libsrtp(
    backend: str, profile: Profile, start: int, skip: int, arrivals: list[int], batch: int
) -> None:
    keys, engine = Keys(profile), ENGINES[backend]
    session, theirs, window = keys.session(backend), keys.libsrtp(INBOUND), ReplayWindow()
    # After the skip the numbers are near the end of a turn, so that arrivals fall on both sides of it.
    first = [start, *([start + skip, 0xFFD8] if skip else [])]
    stream = [*first, *((first[-1] + 1 + n) for n in arrivals)]
    sealed = engine.protect_batch([(session, rtp_header(n & 0xFFFF), payload_of(20, n), n) for n in stream])
    opened = []
    for at in range(0, len(sealed), batch):
        opened += engine.unprotect_batch([(session, window, packet, 12) for packet in sealed[at : at + batch]])
    for packet, (status, plain, _) in zip(sealed, opened, strict=True):
        expected = None
        with suppress(pylibsrtp.Error):
            expected = theirs.unprotect(packet)
        assert plain == expected
        assert status == (Status.REPLAYED if expected is None else Status.OK)


@settings(max_examples=40, deadline=None)
@given(words=st.integers(0, 300), ssrc=st.integers(0, 0xFFFF_FFFF), seed=st.integers(0, 5))
def test_compounds(backend: str, profile: Profile, words: int, ssrc: int, seed: int) -> None:
    keys, engine = Keys(profile, seed), ENGINES[backend]
    outbound, inbound = keys.libsrtp(OUTBOUND), keys.libsrtp(INBOUND)
    session, window = keys.session(backend), ReplayWindow()
    for index in range(1, 4):  # libsrtp counts from 1
        compound = struct.pack(">BBHI", 0x81, 200, words + 1, ssrc) + payload_of(4 * words, index)
        sealed = engine.protect_rtcp(session, compound, index)
        assert sealed == outbound.protect_rtcp(compound)
        assert inbound.unprotect_rtcp(sealed) == compound
        assert engine.unprotect_rtcp(session, window, sealed) == compound
        with pytest.raises(MediaPlaneError, match="seen before"):
            engine.unprotect_rtcp(session, window, sealed)
