"""Every SRTP profile and back end carries media and RTCP, and libsrtp opens what the plane seals."""

from __future__ import annotations

import itertools

import pylibsrtp
import pytest
from mediaplane.secure.srtp import available_backends
from mediaplane.testing import wire

from scenarios.association import KEY_AND_SALT_SIZE
from scenarios.call import Call
from scenarios.network import Conditions

PROFILES = [0x0001, 0x0007, 0x0008]
LIBSRTP_PROFILE = {
    0x0001: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    0x0007: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    0x0008: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


@pytest.mark.parametrize("backend", available_backends())
@pytest.mark.parametrize("profile", PROFILES)
def test_media_and_reports_go_through(profile: int, backend: str) -> None:
    call = Call(seed=1, srtp_backend=backend)
    alice, bob = call.join(profile=profile), call.join(profile=profile)
    call.connect()
    assert [event[2] for event in call.events_of("transport_connected")] == [profile, profile]
    sources = alice.publish_audio(), alice.publish_video()
    slots = [bob.subscribe(source) for source in sources]
    call.network.down[bob.peer.address] = Conditions(loss=0.05)
    call.network.run_for(2)
    call.network.down.clear()
    call.network.run_for(0.5)
    for slot in slots:
        assert slot.track.gaps == []
        assert len(slot.track.packets) > 80
        assert slot.track.sender_reports
    assert sources[0].reports
    assert call.counters["rtx_sent"] > 0
    call.check_nothing_broke()


def test_each_transport_has_its_own_profile() -> None:
    call = Call()
    people = [call.join(profile=profile) for profile in PROFILES]
    call.connect()
    source = people[0].publish_video()
    slots = [person.subscribe(source) for person in people[1:]]
    call.network.run_for(1)
    for slot in slots:
        assert len(slot.track.packets) > 30
        assert slot.track.gaps == []
    call.check_nothing_broke()


@pytest.mark.parametrize("profile", PROFILES)
def test_libsrtp_opens_every_packet(profile: int) -> None:
    call = Call()
    alice, bob = call.join(), call.join(profile=profile)
    call.connect()
    sealed: list[bytes] = []

    def keep(data: bytes, destination: tuple[str, int]) -> None:
        if destination == bob.peer.address:
            sealed.append(data)

    call.network.on_sent = keep
    slots = [bob.subscribe(alice.publish_audio()), bob.subscribe(alice.publish_video())]
    call.network.run_for(1.5)
    _, _, key_and_salt = bob.peer.association.keys()
    assert len(key_and_salt) == sum(KEY_AND_SALT_SIZE[profile])
    policy = pylibsrtp.Policy(
        key=key_and_salt, ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND, srtp_profile=LIBSRTP_PROFILE[profile]
    )
    session = pylibsrtp.Session(policy)
    opened = {"rtp": 0, "rtcp": 0}
    for data in sealed:
        kind = wire.classify_datagram(data)
        if kind == "rtp":
            assert wire.rtp_parse_header(session.unprotect(data))["ssrc"] in {slot.track.ssrc for slot in slots}
        elif kind == "rtcp":
            wire.rtcp_parse(session.unprotect_rtcp(data))
        else:
            continue
        opened[kind] += 1
    assert opened["rtp"] >= sum(len(slot.track.packets) for slot in slots) > 100
    assert opened["rtcp"] >= 2


def test_the_roll_over_of_incoming_sequence_numbers_is_survived() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    microphone = alice.publish_audio(start=False)
    microphone.encodings[0].next_index = 65_500
    slot = bob.subscribe(microphone)
    microphone.start()
    call.network.run_for(2)
    assert len(slot.track.packets) > 95
    assert slot.track.gaps == []
    assert microphone.reports[-1]["highest_seq"] >> 16 == 1


def test_the_roll_over_of_outgoing_sequence_numbers_is_survived() -> None:
    """They start in the lower half, so that a whole turn is 32,768 packets at least."""
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    microphone = alice.publish_audio(start=False)
    call.ids = itertools.count(next(n for n in range(1, 10_000) if (n * 0x1357) & 0x7FFF > 0x7F80))
    slot = bob.receive("audio", repairs=False, received_ids={})
    slot.connect(microphone)
    arrived: list[int] = []
    bob.peer.tracks[slot.track.ssrc] = lambda packet: arrived.append(packet.index)
    for _ in range(520):
        for _ in range(64):
            microphone.send_frame()
        call.network.run_for(0.02)
    call.network.run_for(0.1)
    assert arrived == list(range(arrived[0], arrived[0] + 520 * 64))
    assert arrived[-1] > 0x10000
    call.check_nothing_broke()
