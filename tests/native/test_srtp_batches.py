"""A batch gives what its packets give one by one, on every back end."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.status import Status
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

every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_profile = pytest.mark.parametrize("profile", PROFILES, ids=profile_name)


@settings(max_examples=40, deadline=None)
@given(
    packets=st.lists(
        st.tuples(st.sampled_from(PROFILES), st.integers(0, 4), headers, payloads, st.integers(0, 2**48 - 1)),
        max_size=40,
    ),
    in_place=st.booleans(),
)
def test_back_ends_agree_on_mixed_batches(
    packets: list[tuple[Profile, int, bytes, bytes, int]], in_place: bool
) -> None:
    results = []
    for backend in BACKENDS:
        sessions = {(profile, seed): Keys(profile, seed).session(backend) for profile, seed, *_ in packets}
        jobs = [(sessions[p, seed], header, payload, index) for p, seed, header, payload, index in packets]
        results.append(ENGINES[backend].protect_batch(jobs, in_place))
    one_by_one = [
        ENGINES["libcrypto"].protect_batch([(Keys(p, seed).session("libcrypto"), header, payload, index)])[0]
        for p, seed, header, payload, index in packets
    ]
    assert all(result == one_by_one for result in results)


@every_backend
@every_profile
@pytest.mark.parametrize("count", [0, 1, 2, 8, 9, 15, 16, 17, 31, 63, 64, 65, 128, 200])
def test_batches_of_every_size(backend: str, profile: Profile, count: int) -> None:
    engine, window = ENGINES[backend], ReplayWindow()
    session, reference = Keys(profile).session(backend), Keys(profile).session("libcrypto")
    packets = [(rtp_header(n, csrcs=n % 4), payload_of(n * 7 % 1301, n), n) for n in range(count)]
    sealed = engine.protect_batch([(session, *packet) for packet in packets])
    assert sealed == ENGINES["libcrypto"].protect_batch([(reference, *packet) for packet in packets])
    opened = engine.unprotect_batch(
        [(session, window, data, len(header)) for data, (header, _, _) in zip(sealed, packets, strict=True)]
    )
    assert opened == [(Status.OK, header + payload, n) for header, payload, n in packets]


@every_backend
def test_sessions_of_several_peers_share_a_batch(backend: str) -> None:
    rng = random.Random(1)
    peers = [(Keys(profile, seed).session(backend), ReplayWindow()) for profile in PROFILES for seed in range(4)]
    packets = [(rng.randrange(len(peers)), rtp_header(n), payload_of(rng.randrange(200), n), n) for n in range(150)]
    engine = ENGINES[backend]
    sealed = engine.protect_batch([(peers[peer][0], header, payload, n) for peer, header, payload, n in packets])
    opened = engine.unprotect_batch(
        [(*peers[peer], data, 12) for data, (peer, *_) in zip(sealed, packets, strict=True)]
    )
    assert opened == [(Status.OK, header + payload, n) for _, header, payload, n in packets]


@every_backend
@every_profile
def test_of_duplicates_in_a_batch_the_first_is_taken(backend: str, profile: Profile) -> None:
    engine, session, window = ENGINES[backend], Keys(profile).session(backend), ReplayWindow()
    sealed = engine.protect_batch([(session, rtp_header(n), payload_of(50, n), n) for n in range(3)])
    arrivals = [sealed[0], sealed[1], sealed[0], sealed[2], sealed[1], sealed[2]]
    opened = engine.unprotect_batch([(session, window, packet, 12) for packet in arrivals])
    assert [status for status, _, _ in opened] == [
        Status.OK, Status.OK, Status.REPLAYED, Status.OK, Status.REPLAYED, Status.REPLAYED,
    ]  # fmt: skip


@every_backend
@every_profile
def test_a_forged_copy_does_not_keep_the_true_packet_out(backend: str, profile: Profile) -> None:
    engine, session, window = ENGINES[backend], Keys(profile).session(backend), ReplayWindow()
    [sealed] = engine.protect_batch([(session, rtp_header(7), b"true", 7)])
    forged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    opened = engine.unprotect_batch([(session, window, packet, 12) for packet in (forged, sealed, forged)])
    assert [status for status, _, _ in opened] == [Status.AUTH_FAILED, Status.OK, Status.REPLAYED]


@every_backend
@every_profile
def test_a_batch_may_turn_the_rollover_counter(backend: str, profile: Profile) -> None:
    # On a fresh window the second packet is only understood once the first is accepted.
    engine, session, window = ENGINES[backend], Keys(profile).session(backend), ReplayWindow()
    indices = [0xFFFE, 0x10001, 0xFFFF, 0x10000, 0x10001, 0x10002]
    sealed = engine.protect_batch([(session, rtp_header(n & 0xFFFF), payload_of(60, n), n) for n in indices])
    opened = engine.unprotect_batch([(session, window, packet, 12) for packet in sealed])
    assert [index for _, _, index in opened] == indices
    assert [status for status, _, _ in opened] == [
        Status.OK, Status.OK, Status.OK, Status.OK, Status.REPLAYED, Status.OK,
    ]  # fmt: skip


@every_backend
@every_profile
def test_a_forged_packet_does_not_turn_the_rollover_counter(backend: str, profile: Profile) -> None:
    engine, session, window = ENGINES[backend], Keys(profile).session(backend), ReplayWindow()
    forged = rtp_header(0xFFFF) + bytes(40)
    sealed = engine.protect_batch([(session, rtp_header(n), payload_of(60, n), n) for n in (5, 6)])
    opened = engine.unprotect_batch([(session, window, packet, 12) for packet in (forged, *sealed)])
    assert [(status, index) for status, _, index in opened] == [
        (Status.AUTH_FAILED, 0xFFFF), (Status.OK, 5), (Status.OK, 6),
    ]  # fmt: skip
