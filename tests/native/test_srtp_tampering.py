"""Nothing that was changed, cut or made up is accepted, and it leaves no trace in the replay window."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError, Status
from mediaplane.testing.srtp import ReplayWindow
from srtp_cases import BACKENDS, ENGINES, PROFILES, Keys, Profile, payload_of, profile_name, rtp_header

pytestmark = [
    pytest.mark.parametrize("backend", BACKENDS),
    pytest.mark.parametrize("profile", PROFILES, ids=profile_name),
]
COMPOUND = bytes.fromhex("81c80006 4d617273") + bytes(20)


def changed(packet: bytes, at: int) -> bytes:
    return packet[:at] + bytes([packet[at] ^ 0x40]) + packet[at + 1 :]


def test_a_change_of_any_byte_is_found(backend: str, profile: Profile) -> None:
    engine, session = ENGINES[backend], Keys(profile).session(backend)
    header = rtp_header(1000, csrcs=1, extension_words=2)
    [sealed] = engine.protect_batch([(session, header, payload_of(77), 1000)])
    windows = [ReplayWindow() for _ in sealed]
    jobs = [(session, windows[at], changed(sealed, at), len(header)) for at in range(len(sealed))]
    assert {status for status, _, _ in engine.unprotect_batch(jobs)} == {Status.AUTH_FAILED}
    assert all(window.highest_index is None for window in windows)
    assert engine.unprotect_batch([(session, windows[0], sealed, len(header))])[0][0] == Status.OK


def test_a_change_of_any_byte_of_a_compound_is_found(backend: str, profile: Profile) -> None:
    engine, session, window = ENGINES[backend], Keys(profile).session(backend), ReplayWindow()
    sealed = engine.protect_rtcp(session, COMPOUND, 3)
    for at in range(len(sealed)):
        with pytest.raises(MediaPlaneError) as raised:
            engine.unprotect_rtcp(session, window, changed(sealed, at))
        assert raised.value.status == Status.AUTH_FAILED
    e_flag = len(sealed) - 4 if profile.tag_size == 16 else len(sealed) - 14
    with pytest.raises(MediaPlaneError) as raised:
        engine.unprotect_rtcp(session, window, sealed[:e_flag] + b"\x00" + sealed[e_flag + 1 :])
    assert raised.value.status == Status.MALFORMED
    assert window.highest_index is None
    assert engine.unprotect_rtcp(session, window, sealed) == COMPOUND


def test_a_packet_cut_anywhere_is_refused(backend: str, profile: Profile) -> None:
    engine, session, window = ENGINES[backend], Keys(profile).session(backend), ReplayWindow()
    [sealed] = engine.protect_batch([(session, rtp_header(1), payload_of(30), 1)])
    for size in range(len(sealed)):
        expected = Status.TRUNCATED if size < 12 + profile.tag_size else Status.AUTH_FAILED
        assert engine.unprotect_batch([(session, window, sealed[:size], 12)])[0][0] == expected
    assert (
        engine.unprotect_batch([(session, window, sealed, len(sealed) - profile.tag_size + 1)])[0][0]
        == Status.TRUNCATED
    )
    assert engine.unprotect_batch([(session, window, sealed, 11)])[0][0] == Status.TRUNCATED
    assert window.highest_index is None


def test_a_compound_cut_anywhere_is_refused(backend: str, profile: Profile) -> None:
    engine, session, window = ENGINES[backend], Keys(profile).session(backend), ReplayWindow()
    sealed = engine.protect_rtcp(session, COMPOUND, 3)
    for size in range(len(sealed)):
        with pytest.raises(MediaPlaneError) as raised:
            engine.unprotect_rtcp(session, window, sealed[:size])
        assert raised.value.status in (Status.TRUNCATED, Status.MALFORMED, Status.AUTH_FAILED)
        assert (raised.value.status == Status.TRUNCATED) == (size < 8 + 4 + profile.tag_size)


@settings(max_examples=100, deadline=None)
@given(junk=st.binary(max_size=300), header_size=st.integers(0, 400))
def test_junk_is_refused(backend: str, profile: Profile, junk: bytes, header_size: int) -> None:
    engine, session, window = ENGINES[backend], Keys(profile).session(backend), ReplayWindow()
    [(status, _, _)] = engine.unprotect_batch([(session, window, junk, header_size)])
    assert status in (Status.TRUNCATED, Status.AUTH_FAILED)
    with pytest.raises(MediaPlaneError) as raised:
        engine.unprotect_rtcp(session, window, junk)
    assert raised.value.status in (Status.TRUNCATED, Status.MALFORMED, Status.AUTH_FAILED)
    assert window.highest_index is None


def test_keys_of_another_session_open_nothing(backend: str, profile: Profile) -> None:
    engine, window = ENGINES[backend], ReplayWindow()
    [sealed] = engine.protect_batch([(Keys(profile, 1).session(backend), rtp_header(1), payload_of(30), 1)])
    opened = engine.unprotect_batch([(Keys(profile, 2).session(backend), window, sealed, 12)])
    assert opened[0][0] == Status.AUTH_FAILED
