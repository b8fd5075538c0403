"""A flag that changes in the middle of a call: what happens to the packets of a live media plane, from the next on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from scenarios.call import Call, Slot
from scenarios.publication import Publication

from mediasrv.rooms.grants import Term
from mediasrv.rooms.permissions import ALL, FLAG_OF_CONSENT, NONE, Permission, flag_names
from mediasrv.rooms.room import Room

from .fakes import Client, FakeGrant, FakePeerConnection, FakeProducer, House

SOURCES = {"0": "microphone", "1": "camera", "2": "screen"}
FLAG = {
    "microphone": Permission.PUBLISH_AUDIO,
    "camera": Permission.PUBLISH_VIDEO,
    "screen": Permission.SHARE_SCREEN,
}


class GatedProducer(FakeProducer):
    """Its gate is the one of a publication in the plane."""

    gate: Callable[[bool], None]

    def set_open(self, open: bool) -> None:
        super().set_open(open)
        self.gate(open)


@dataclass
class LiveCall:
    """Ada sends three sources to Bob in a virtual plane, whose gates the rooms of `house` open and shut."""

    house: House
    call: Call
    ada: Client
    bob: Client
    moderator: Client
    sent: dict[str, Publication]
    received: dict[str, Slot]

    def passing(self) -> set[str]:
        """The sources of which packets arrive while a second passes."""
        before = {source: len(slot.track.packets) for source, slot in self.received.items()}
        self.call.network.run_for(1)
        return {source for source, slot in self.received.items() if len(slot.track.packets) > before[source]}


@pytest.fixture
def live() -> LiveCall:
    return live_call()


def live_call(expiring: Permission = NONE) -> LiveCall:
    """Ada's token grants everything, but `expiring` for five seconds."""
    call = Call()
    sender, receiver = call.join(), call.join()
    call.connect()
    sent = {
        "microphone": sender.publish_audio(),
        "camera": sender.publish_video(),
        "screen": sender.publish_video(),
    }
    received = {source: receiver.subscribe(publication) for source, publication in sent.items()}

    class Peer(FakePeerConnection):
        def _send(self, answer: Any, producer: FakeProducer, authorise: Any) -> None:
            gated = GatedProducer(producer.mid, producer.kind, producer.codec_names, producer.rids)
            publication = sent[SOURCES[producer.mid]]

            def gate(open: bool) -> None:
                call.plane.gate_producer(publication.producer_id, open)
                call.network.do_commands()

            gated.gate = gate
            super()._send(answer, gated, authorise)

        def close(self) -> None:
            super().close()
            if self.producers:
                sender.close()

    class LiveHouse(House):
        def connect(self, room: Room, observer: Callable[[Any], None]) -> FakePeerConnection:
            self.peers.append(Peer(room, observer))
            return self.peers[-1]

    house = LiveHouse()
    bob, moderator, ada = house.joined("bob"), house.joined("host"), house.client()
    terms = {flag: Term(until=house.clock.now + 5) for flag in Permission if flag & expiring}
    ada.session._verify = lambda token: FakeGrant("ada", terms=terms)
    ada.joined = ada.request("join", {"token": "t"})
    ada.offer("0 audio send", "1 video send", "2 video send", m2="screen")
    bob.offer("0 audio recv", "1 video recv", "2 video recv")
    for slot, mid in zip(received.values(), bob.peer.slots.values(), strict=True):
        mid.set_allowed = slot.gate  # type: ignore[method-assign]
    return LiveCall(house, call, ada, bob, moderator, sent, received)


def grant(live: LiveCall, whom: Client, flag: Permission) -> None:
    params = {"participant_id": whom.id, "permissions": flag_names(flag)}
    live.moderator.request("grant", params)


def revoke(live: LiveCall, whom: Client, flag: Permission) -> None:
    live.moderator.request("revoke", {"participant_id": whom.id, "permissions": flag_names(flag)})


def test_everything_passes_at_first(live: LiveCall) -> None:
    assert live.passing() == set(FLAG)


@pytest.mark.parametrize("source", FLAG)
@pytest.mark.parametrize("how", ["revoke", "expiry", "consent", "mute_track"])
def test_without_its_flag_no_packet_of_a_source_passes_and_all_of_the_others(source: str, how: str) -> None:
    flag = FLAG[source]
    live = live_call(expiring=flag if how == "expiry" else NONE)
    consent = next(name for name, of in FLAG_OF_CONSENT.items() if of == flag)
    track = next(track for track in live.ada.participant.publications.tracks if track.source == source)
    match how:
        case "revoke":
            revoke(live, live.ada, flag)
        case "expiry":
            live.house.clock.advance(5)
        case "consent":
            live.ada.request("set_consent", {"consents": {consent: False}})
        case "mute_track":
            live.moderator.request("mute_track", {"participant_id": live.ada.id, "track_id": track.id})
    dropped = live.call.counters["drop_gated"]
    assert live.passing() == set(FLAG) - {source}
    assert live.call.counters["drop_gated"] > dropped
    match how:
        case "revoke" | "expiry":
            grant(live, live.ada, flag)
        case "consent":
            live.ada.request("set_consent", {"consents": {consent: True}})
        case "mute_track":
            live.ada.request("unmute", {"track_id": track.id})
    assert live.passing() == set(FLAG)


def test_a_packet_behind_the_change_is_the_first_that_does_not_pass(live: LiveCall) -> None:
    microphone, slot = live.sent["microphone"], live.received["microphone"]
    microphone.stop()
    live.call.network.run_for(0.2)
    seen = len(slot.track.packets)
    microphone.send_frame()  # on its way when the moderator acts
    revoke(live, live.ada, Permission.PUBLISH_AUDIO)
    live.call.network.run_for(0.2)
    assert len(slot.track.packets) == seen


def test_without_subscribe_nothing_arrives_and_everything_is_still_sent(live: LiveCall) -> None:
    revoke(live, live.bob, Permission.SUBSCRIBE)
    assert live.passing() == set()
    assert live.call.counters["drop_gated"] == 0
    grant(live, live.bob, Permission.SUBSCRIBE)
    assert live.passing() == set(FLAG)


@pytest.mark.parametrize("flag", [flag for flag in ALL if flag not in (*FLAG.values(), Permission.JOIN)])
def test_flags_that_are_not_the_publishers_stop_no_packet_of_theirs(live: LiveCall, flag: Permission) -> None:
    revoke(live, live.ada, flag)
    assert live.passing() == set(FLAG)


def test_who_loses_join_sends_nothing_more(live: LiveCall) -> None:
    revoke(live, live.ada, Permission.JOIN)
    assert live.ada.closing is not None
    assert live.ada.closing["reason"] == "join_revoked"
    assert live.passing() == set()
