"""The mix of a room, from microphones to listeners: through SRTP, workers, pipes and Opus, both ways."""

from __future__ import annotations

import random

import numpy as np
import pytest

from scenarios.mixed import FRAME, LOUD, RATE, SILENT, MixingCall, strength
from scenarios.negotiated import us_of_ntp
from scenarios.network import Conditions

HEARD, UNHEARD = 4_000, 400


def test_everybody_hears_the_others_and_nobody_themself() -> None:
    call = MixingCall()
    alice, bob, carol = call.people(3, 0)
    dave, erin = call.people(2, 1)
    speakers = {alice: call.speak(alice, 400), bob: call.speak(bob, 650), dave: call.speak(dave, 900)}
    listeners = [call.listen(each) for each in (alice, bob, carol, dave, erin)]
    call.network.run_for(3)
    for listener in listeners:
        listener.assert_continuous()
        assert len(listener.packets) >= 145
        line = listener.heard()[-RATE:]
        for owner, speaker in speakers.items():
            loudness = strength(line, speaker.frequency)
            if owner is listener.participant:
                assert loudness < UNHEARD
            else:
                assert loudness > HEARD
    carol_packets, erin_packets = listeners[2].packets, listeners[4].packets
    shared = {packet.payload for packet in carol_packets}
    assert sum(packet.payload in shared for packet in erin_packets) > 0.95 * len(erin_packets), "one encode for both"
    call.check_nothing_broke()


def test_as_many_are_heard_at_once_as_the_mix_has_talkers_and_none_of_them_themself() -> None:
    call = MixingCall(talkers=15, bitrate_bps=256_000, complexity=0)
    speakers, (listener,) = call.people(15, 0), call.people(1, 1)
    frequencies = [400 + 150 * at for at in range(15)]
    for person, frequency in zip(speakers, frequencies, strict=True):
        call.speak(person, frequency)
    everything = call.listen(listener)
    own = {at: call.listen(speakers[at]) for at in (0, 7, 14)}
    call.network.run_for(0.6)
    line = everything.heard()[-RATE // 5 :]
    assert min(strength(line, frequency) for frequency in frequencies) > UNHEARD
    for at, each in own.items():
        each.assert_continuous()
        line = each.heard()[-RATE // 5 :]
        heard = [strength(line, frequency) for frequency in frequencies]
        assert heard.pop(at) < UNHEARD
        assert min(heard) > UNHEARD
    call.check_nothing_broke()


def test_a_lost_packet_of_any_encoding_is_sent_again() -> None:
    call = MixingCall(talkers=15)
    speakers = call.people(15)
    for at, person in enumerate(speakers):
        call.speak(person, 400 + 150 * at)
    listeners = [call.listen(person) for person in speakers[::7]]
    call.network.run_for(0.2)
    for listener in listeners:
        address = listener.participant.peer.address
        call.network.down[address] = Conditions(loss=1)
        call.network.run_for(0.02)
        call.network.down[address] = Conditions()
        call.network.run_for(0.04)
        indices = {packet.index for packet in listener.packets}
        [lost] = set(range(min(indices), max(indices))) - indices
        listener.slot.track.send_nack([lost])
        call.network.run_for(0.04)
        [again] = [packet.payload for packet in listener.packets if packet.index == lost]
        others = {packet.payload for other in listeners if other is not listener for packet in other.packets}
        assert again not in others, "it is of the encoding without this one"


def test_who_begins_to_speak_never_hears_a_single_packet_of_themself() -> None:
    call = MixingCall()
    alice, bob = call.people(2, 0)
    (carol,) = call.people(1, 1)
    first, second = call.speak(alice, 400), call.speak(bob, 650, SILENT)
    listeners = {each: call.listen(each) for each in (alice, bob, carol)}
    call.network.run_for(2)
    second.level = LOUD
    call.network.run_for(1.5)
    second.level, first.level = SILENT, SILENT
    call.network.run_for(4)
    second.level = LOUD
    call.network.run_for(1)
    for listener in listeners.values():
        listener.assert_continuous()
    line = listeners[bob].heard()
    spans = [line[at : at + 2 * FRAME] for at in range(0, len(line) - 2 * FRAME, FRAME)]
    assert max(strength(span, 650) for span in spans) < 1_200, "a leak of the window, from the other tone"
    assert strength(line[RATE : 2 * RATE], 400) > HEARD
    carols = listeners[carol].heard()
    assert strength(carols[-RATE // 2 :], 650) > HEARD
    assert strength(carols[-RATE // 2 :], 400) < UNHEARD


def test_a_mute_is_heard_within_the_next_tick() -> None:
    call = MixingCall()
    alice, bob = call.people(2)
    speaker = call.speak(alice, 400)
    listener = call.listen(bob)
    call.network.run_for(2)
    before = len(listener.packets)
    call.gate(speaker, False)
    call.network.run_for(1)
    # The tick after it fades; what libopus still sounds of it is gone in the one after that.
    line = listener.heard()[(before + 3) * FRAME :]
    assert np.abs(line).max() < UNHEARD
    listener.assert_continuous()
    call.gate(speaker, True)
    call.network.run_for(1)
    assert strength(listener.heard()[-RATE // 2 :], 400) > HEARD


def test_a_slot_changes_between_a_track_and_the_mix_at_any_time() -> None:
    call = MixingCall()
    alice, bob, carol = call.people(3)
    speakers = [call.speak(alice, 400), call.speak(bob, 650)]
    listener = call.listen(carol)
    call.network.run_for(1)
    for _ in range(3):
        listener.slot.connect(speakers[0].publication)
        call.network.run_for(0.5)
        assert strength(listener.heard()[-10 * FRAME :], 650) < 4 * UNHEARD
        call.connect(listener)
        call.network.run_for(0.5)
        assert strength(listener.heard()[-10 * FRAME :], 650) > HEARD
    indices = [packet.index for packet in listener.packets]
    assert indices == list(range(indices[0], indices[0] + len(indices)))
    steps = np.diff([packet.header["timestamp"] for packet in listener.packets]) % 2**32
    assert steps.min() > 0
    assert steps.max() < 4 * FRAME


def test_sender_reports_say_when_it_was_mixed() -> None:
    call = MixingCall()
    alice, bob = call.people(2)
    call.speak(alice, 400)
    listener = call.listen(bob)
    call.network.run_for(5)
    reports = listener.slot.track.sender_reports
    assert len(reports) >= 2
    packets = {packet.header["timestamp"]: packet.arrived_us for packet in listener.packets}
    moments = []
    for _, info in reports:
        timestamp, arrived_us = min(packets.items(), key=lambda each: abs(each[0] - info["rtp_timestamp"]))
        ahead = (info["rtp_timestamp"] - timestamp) / RATE * 1e6
        moments.append(us_of_ntp(info["ntp"]) - ahead - arrived_us)
    assert max(moments) - min(moments) < 1_000, "one clock for all"


def test_ticks_left_out_are_a_gap_in_time_and_none_in_numbers() -> None:
    call = MixingCall()
    alice, bob = call.people(2)
    call.speak(alice, 400)
    listener = call.listen(bob)
    call.network.run_for(1)
    before = len(listener.packets)
    call.server.to_skip = 8
    call.network.run_for(1)
    indices = [packet.index for packet in listener.packets]
    assert indices == list(range(indices[0], indices[0] + len(indices)))
    steps = np.diff([packet.header["timestamp"] for packet in listener.packets]) % 2**32
    assert sorted(set(steps)) == [FRAME, 9 * FRAME]
    assert len(listener.packets) - before in range(41, 44)
    assert call.mixing.counters()["skipped"] == 8
    assert strength(listener.heard()[-RATE // 4 :], 400) > HEARD


def test_those_who_leave_are_silent_and_the_mix_goes_on() -> None:
    call = MixingCall()
    alice, bob, carol = call.people(3)
    speaker = call.speak(alice, 400)
    call.speak(bob, 650)
    listener, own = call.listen(carol), call.listen(bob)
    call.network.run_for(1)
    call.mixing.remove_source(call.mix_id, worker=0, producer_id=speaker.publication.producer_id)
    call.network.run_for(1)
    for each in (listener, own):
        each.assert_continuous()
    assert strength(listener.heard()[-RATE // 2 :], 400) < UNHEARD
    assert strength(listener.heard()[-RATE // 2 :], 650) > HEARD
    handed = call.workers[0].counters["pipe_packets_sent"]
    call.network.run_for(1)
    assert call.workers[0].counters["pipe_packets_sent"] - handed <= 51, "nobody takes what she sends"


def test_where_nobody_listens_nothing_is_decoded_or_encoded() -> None:
    call = MixingCall()
    alice, bob = call.people(2)
    call.speak(alice, 400)
    call.network.run_for(1)
    assert call.mixing.counters()["packets_sent"] == 0
    listener = call.listen(bob)
    call.network.run_for(1)
    assert len(listener.packets) >= 47
    assert strength(listener.heard()[-RATE // 2 :], 400) > HEARD


def test_a_tap_shows_what_is_mixed_as_numpy_arrays() -> None:
    call = MixingCall(channels=2)
    alice, _ = call.people(2)
    call.speak(alice, 400)
    tap = call.mixing.open_tap(call.mix_id, ticks=50)
    call.network.run_for(0.5)
    taken = []
    for _ in range(20):
        view = np.asarray(tap)
        assert view.dtype == np.int16
        assert view.shape[1] == tap.channels == 2
        assert not view.flags.writeable
        taken.append(view.copy())
        tap.release()
        call.network.run_for(0.1)
    line = np.concatenate(taken)
    assert len(line) >= 2 * RATE - 10 * FRAME
    assert strength(line[-RATE:, 0].astype(float), 400) > HEARD
    assert tap.dropped == 0
    call.network.run_for(2)
    assert tap.dropped > 0, "a reader that is slow holds nobody up"
    tap.close()
    tap.close()
    call.network.run_for(0.1)
    dropped = tap.dropped
    call.network.run_for(1)
    assert tap.dropped == dropped


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_and_goes_nothing_breaks(seed: int) -> None:
    chance = random.Random(seed)
    call = MixingCall()
    people = [*call.people(4, 0), *call.people(3, 1)]
    speakers = {each: call.speak(each, 300 + 100 * at) for at, each in enumerate(people)}
    inside = set(people)
    listeners = [call.listen(each) for each in people]
    for _ in range(40):
        who = chance.choice(people)
        producer_id, worker = speakers[who].publication.producer_id, people.index(who) // 4
        match chance.randrange(6):
            case 0 if who in inside:
                call.mixing.remove_source(call.mix_id, worker=worker, producer_id=producer_id)
                inside.discard(who)
            case 1 if who not in inside:
                call.mixing.add_source(
                    call.mix_id, worker=worker, producer_id=producer_id, transport_id=who.transport_id,
                    opus_payload_types=[111],
                )  # fmt: skip
                inside.add(who)
            case 2:
                speakers[who].level = chance.choice([LOUD, SILENT, 40])
            case 3:
                call.gate(speakers[who], chance.random() < 0.7)
            case 4:
                call.mixing.set_mix(call.mix_id, bitrate_bps=chance.choice([16_000, 64_000]), complexity=1)
            case 5:
                call.mixing.shed(chance.randrange(5))
        call.network.run_for(chance.choice([0.02, 0.1]))
    for listener in listeners:
        listener.assert_continuous()
    call.mixing.close_mix(call.mix_id)
    call.network.run_for(0.1)
    counts = [len(listener.packets) for listener in listeners]
    call.network.run_for(0.2)
    assert counts == [len(listener.packets) for listener in listeners]
    assert call.mixing.counters()["commands_stale"] == 0
    call.check_nothing_broke()


def test_orders_are_checked() -> None:
    mixing = MixingCall().mixing
    with pytest.raises(ValueError, match="talkers"):
        mixing.open_mix(7, talkers=16)
    with pytest.raises(ValueError, match="complexity"):
        mixing.open_mix(7, complexity=11)
    with pytest.raises(ValueError, match="no mix 7"):
        mixing.add_source(7, worker=0, producer_id=1, transport_id=1, opus_payload_types=[111])
    with pytest.raises(ValueError, match="worker"):
        mixing.add_source(MixingCall.mix_id, worker=63, producer_id=1, transport_id=1, opus_payload_types=[111])
    with pytest.raises(ValueError, match="tap"):
        mixing.open_tap(MixingCall.mix_id, ticks=0)


def test_statistics_of_a_microphone_say_what_its_network_did_to_it() -> None:
    call = MixingCall()
    alice, bob = call.people(2)
    speaker = call.speak(alice, 400)
    hers = {"worker": 0, "producer_id": speaker.publication.producer_id}
    call.network.run_for(2)
    assert call.mixing.source_statistics(call.mix_id, **hers) is None, "nobody listens, so nothing is decoded"
    call.listen(bob)
    call.network.run_for(3)
    calm = call.mixing.source_statistics(call.mix_id, **hers)
    assert calm is not None
    assert calm["late"] == calm["concealed"] == 0
    assert calm["target_us"] <= 30_000
    lost: list[int] = []

    def loses(number: int) -> bool:
        if call.network.chance.random() < 0.1:
            lost.append(number)
        return lost[-1:] == [number]

    speaker.loses = loses
    call.network.up[alice.peer.address] = Conditions(jitter_us=80_000)
    call.network.run_for(10)
    rough = call.mixing.source_statistics(call.mix_id, **hers)
    assert rough is not None
    assert rough["target_us"] > calm["target_us"] + 20_000
    assert rough["target_us"] / 3 < rough["delay_us"] < 3 * rough["target_us"]
    assert abs(rough["packets"] - calm["packets"] - (500 - len(lost))) <= 55, "a second old at most"
    assert rough["added"] > 0, "the delay grew by stretching"
    assert 0.3 * len(lost) * FRAME < rough["concealed"] < 3 * len(lost) * FRAME
    speaker.inside_red = True
    call.network.run_for(5)
    repaired = call.mixing.source_statistics(call.mix_id, **hers)
    assert repaired is not None
    assert repaired["red_recovered"] > 10
    sums = call.mixing.counters()
    for name in ("packets", "late", "played", "concealed", "removed", "added", "red_recovered"):
        assert sums[f"source_{name}"] == repaired[name]
    assert sums["heard"] == 1
    assert (sums["heard_target_us"], sums["heard_delay_us"]) == (repaired["target_us"], max(0, repaired["delay_us"]))
    call.mixing.remove_source(call.mix_id, **hers)
    call.network.run_for(2)
    assert call.mixing.source_statistics(call.mix_id, **hers) is None
    after = call.mixing.counters()
    assert after["heard"] == 0
    assert after["source_packets"] >= repaired["packets"], "sums do not forget who went"
    call.check_nothing_broke()
