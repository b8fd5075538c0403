"""Making engines and sessions, and the limits of SRTCP."""

from __future__ import annotations

import pytest
from mediaplane.secure.srtp import available_backends
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing.srtp import ReplayWindow, SrtpEngine, SrtpSession, overhead
from srtp_cases import BACKENDS, ENGINES, PROFILES, Keys, Profile, profile_name

every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_profile = pytest.mark.parametrize("profile", PROFILES, ids=profile_name)
COMPOUND = bytes.fromhex("80c90001 4d617273")


def test_libcrypto_is_always_there_and_auto_takes_the_fastest() -> None:
    assert BACKENDS[-1] == "libcrypto"
    assert available_backends() == BACKENDS
    assert SrtpEngine().backend == BACKENDS[0]
    assert [SrtpEngine(name).backend for name in BACKENDS] == BACKENDS


@every_backend
@every_profile
def test_the_overhead_is_the_tag(backend: str, profile: Profile) -> None:
    assert Keys(profile).session(backend).overhead == profile.tag_size == overhead(profile.number)


@every_backend
def test_unknown_profiles_are_refused(backend: str) -> None:
    for profile in (0, 2, 5, 9, -1):
        with pytest.raises(MediaPlaneError) as raised:
            SrtpSession(ENGINES[backend], profile, bytes(16), bytes(14))
        assert raised.value.status == Status.UNSUPPORTED
        with pytest.raises(MediaPlaneError):
            overhead(profile)


@every_backend
def test_keys_of_another_size_are_refused(backend: str) -> None:
    for profile in PROFILES:
        for key_size, salt_size in [(profile.key_size - 1, profile.salt_size), (profile.key_size, 13)]:
            with pytest.raises(ValueError, match="wrong size"):
                SrtpSession(ENGINES[backend], profile.number, bytes(key_size), bytes(salt_size))


@every_backend
@every_profile
def test_a_compound_needs_a_header_and_room_for_the_tag(backend: str, profile: Profile) -> None:
    engine, session = ENGINES[backend], Keys(profile).session(backend)
    for size in range(8):
        with pytest.raises(MediaPlaneError) as raised:
            engine.protect_rtcp(session, COMPOUND[:size], 1)
        assert raised.value.status == Status.TRUNCATED
    with pytest.raises(MediaPlaneError) as raised:
        engine.protect_rtcp(session, COMPOUND, 1, room=profile.tag_size + 3)
    assert raised.value.status == Status.NO_SPACE


@every_backend
@every_profile
def test_the_srtcp_index_has_31_bits(backend: str, profile: Profile) -> None:
    engine, session, window = ENGINES[backend], Keys(profile).session(backend), ReplayWindow()
    sealed = engine.protect_rtcp(session, COMPOUND, 2**31 - 1)
    assert engine.unprotect_rtcp(session, window, sealed) == COMPOUND
    assert window.highest_index == 2**31 - 1
    with pytest.raises(MediaPlaneError) as raised:
        engine.protect_rtcp(session, COMPOUND, 2**31)
    assert raised.value.status == Status.BAD_STATE


@every_backend
@every_profile
def test_compounds_may_arrive_out_of_order_but_only_once(backend: str, profile: Profile) -> None:
    engine, session, window = ENGINES[backend], Keys(profile).session(backend), ReplayWindow()
    sealed = {index: engine.protect_rtcp(session, COMPOUND, index) for index in (1, 2, 3, 2000)}
    for index in (2, 1, 3):
        assert engine.unprotect_rtcp(session, window, sealed[index]) == COMPOUND
    with pytest.raises(MediaPlaneError) as raised:
        engine.unprotect_rtcp(session, window, sealed[1])
    assert raised.value.status == Status.REPLAYED
    assert engine.unprotect_rtcp(session, window, sealed[2000]) == COMPOUND
    with pytest.raises(MediaPlaneError):
        engine.unprotect_rtcp(session, window, engine.protect_rtcp(session, COMPOUND, 900))
