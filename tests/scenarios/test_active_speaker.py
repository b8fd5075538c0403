"""Who speaks is told from the levels of authentic packets alone, whether anybody listens or not."""

from __future__ import annotations

import pytest

from scenarios.call import Call, Event, Participant
from scenarios.joined import two_workers
from scenarios.negotiated import AUDIO_LEVEL
from scenarios.publication import Publication

ROOM = 9000


def level_of(level: int, *, voice: bool = True) -> list:
    """`level` in -dBov, 0 the loudest."""
    return [(AUDIO_LEVEL, bytes([level | (0x80 if voice else 0)]))]


LOUD, QUIET, SILENT = level_of(30), level_of(50), level_of(127, voice=False)


def microphone(person: Participant, group: int = ROOM) -> Publication:
    source = person.publish_audio(start=False, speaker_group=group)
    source.elements = SILENT
    return source.start()


class Meeting:
    """Some people in a room, each with a microphone that is silent yet."""

    def __init__(self, count: int = 3) -> None:
        self.call = Call()
        self.people = [self.call.join() for _ in range(count)]
        self.call.connect()
        self.microphones = [microphone(person) for person in self.people]
        self.call.network.run_for(0.5)

    @property
    def told(self) -> list[Event]:
        return self.call.events_of("speakers", ROOM)

    def ids(self, *numbers: int) -> list[int]:
        return [self.microphones[number].producer_id for number in numbers]

    @property
    def dominant(self) -> int:
        return self.told[-1][2]

    @property
    def ranking(self) -> list[int]:
        return [speaker[0] for speaker in self.told[-1][3]]


def test_silence_is_not_worth_an_event() -> None:
    meeting = Meeting()
    meeting.call.network.run_for(5)
    assert meeting.told == []


def test_who_speaks_is_told_soon_and_once() -> None:
    meeting = Meeting()
    meeting.microphones[1].elements = LOUD
    assert meeting.call.network.run_until(lambda: bool(meeting.told), limit_s=0.25)
    assert meeting.ranking == meeting.ids(1)
    assert meeting.call.network.run_until(lambda: meeting.dominant == meeting.ids(1)[0], limit_s=0.4)
    meeting.call.network.run_for(5)
    assert len(meeting.told) == 2


def test_the_floor_passes_on_and_the_last_one_keeps_it() -> None:
    meeting = Meeting()
    for number in (0, 2, 1):
        for other, source in enumerate(meeting.microphones):
            source.elements = LOUD if other == number else SILENT
        meeting.call.network.run_for(2)
        assert meeting.dominant == meeting.ids(number)[0]
    for source in meeting.microphones:
        source.elements = SILENT
    meeting.call.network.run_for(10)
    assert meeting.ranking == []
    assert meeting.dominant == meeting.ids(1)[0]
    told = len(meeting.told)
    meeting.call.network.run_for(10)
    assert len(meeting.told) == told


def test_the_loudest_stands_first() -> None:
    meeting = Meeting()
    meeting.microphones[0].elements = QUIET
    meeting.call.network.run_for(1)
    meeting.microphones[2].elements = LOUD
    meeting.call.network.run_for(1)
    assert meeting.ranking == meeting.ids(2, 0)
    assert meeting.dominant == meeting.ids(0)[0]


def test_a_muted_microphone_is_not_heard() -> None:
    meeting = Meeting()
    meeting.microphones[0].elements = LOUD
    meeting.microphones[1].elements = QUIET
    meeting.call.network.run_for(1)
    meeting.call.plane.gate_producer(meeting.microphones[0].producer_id, False)
    meeting.call.network.run_for(0.2)
    assert meeting.ranking == meeting.ids(1)
    meeting.call.network.run_for(3)
    assert meeting.ranking == meeting.ids(1)
    assert meeting.dominant == meeting.ids(1)[0]


def test_who_leaves_makes_room_in_the_ranking() -> None:
    meeting = Meeting()
    meeting.microphones[0].elements = LOUD
    meeting.microphones[1].elements = QUIET
    meeting.call.network.run_for(1)
    meeting.people[0].close()
    meeting.call.network.run_for(0.3)
    assert meeting.ranking == meeting.ids(1)
    assert meeting.dominant in (0, meeting.ids(1)[0])


def test_rooms_do_not_hear_each_other() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    microphone(alice, 1).elements = LOUD
    microphone(bob, 2).elements = LOUD
    unheard = microphone(bob, 0)
    unheard.elements = LOUD
    call.network.run_for(2)
    assert [len(call.events_of("speakers", group)) for group in (0, 1, 2)] == [0, 2, 2]


def test_a_stranger_who_forges_packets_does_not_speak() -> None:
    meeting = Meeting(2)
    alice = meeting.people[0]
    stolen = meeting.microphones[0].encodings[0]
    meeting.microphones[0].stop()
    forged = bytearray(200)
    forged[0], forged[1] = 0x90, 111
    forged[8:12] = stolen.ssrc.to_bytes(4, "big")
    forged[12:20] = b"\xbe\xde\x00\x01\x40\x8a\x00\x00"
    for number in range(100):
        forged[2:4] = (stolen.next_index + number + 1 & 0xFFFF).to_bytes(2, "big")
        meeting.call.network.send(bytes(forged), alice.peer.address)
        meeting.call.network.run_for(0.02)
    assert meeting.call.counters["drop_srtp_auth"] >= 100
    assert meeting.told == []


def test_events_come_at_most_ten_times_a_second() -> None:
    meeting = Meeting(4)
    for source in meeting.microphones:
        source.elements = LOUD
    meeting.call.network.run_for(1)
    before = len(meeting.told)
    for moment in range(400):  # somebody is muted or unmuted 40 times a second
        source = meeting.microphones[moment % 4]
        meeting.call.plane.gate_producer(source.producer_id, moment // 4 % 8 != moment % 4)
        meeting.call.network.run_for(0.025)
    assert 20 < len(meeting.told) - before <= 101


@pytest.mark.parametrize("on", [True, False])
def test_scores_are_told_regularly_only_when_asked_for(on: bool) -> None:
    meeting = Meeting()
    meeting.call.plane.refresh_speakers(ROOM, on)
    meeting.microphones[1].elements = LOUD
    meeting.call.network.run_for(0.5)
    before = len(meeting.told)
    meeting.call.network.run_for(3)
    assert len(meeting.told) - before == (6 if on else 0)
    meeting.microphones[1].elements = SILENT
    meeting.call.network.run_for(5)
    before = len(meeting.told)
    meeting.call.network.run_for(3)
    assert len(meeting.told) == before


def test_a_full_event_ring_delays_the_news_and_loses_none() -> None:
    call = Call(event_capacity=16)
    alice = call.join()
    call.connect()
    source = microphone(alice, ROOM)
    call.plane.events()
    for _ in range(20):
        call.plane.request_stats(alice.transport_id, 1)
    call.network.do_commands()
    source.elements = LOUD
    call.network.run_for(1)
    told = [event[0] for event in call.plane.events()]
    assert "speakers" not in told
    call.network.run_for(0.3)
    assert "speakers" in [event[0] for event in call.plane.events()]


def test_each_of_two_workers_tells_of_its_own() -> None:
    one, other = two_workers()
    alice, bob = one.join(), other.join()
    one.connect(alice)
    other.connect(bob)
    sources = [microphone(alice), microphone(bob)]
    bob.subscribe(other.pipe(sources[0]))
    for source in sources:
        source.elements = LOUD
    one.network.run_for(2)
    for worker, source in zip((one, other), sources, strict=True):
        told = worker.events_of("speakers")
        assert told[-1][1:3] == (ROOM, source.producer_id)
        assert [speaker[0] for speaker in told[-1][3]] == [source.producer_id]
