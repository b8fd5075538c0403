"""Opus in RED (RFC 2198) and under several payload types: what the mix and subscribers make of it."""

from __future__ import annotations

import numpy as np

from scenarios.call import Participant, Slot
from scenarios.mixed import FRAME, RATE, RED, STEREO_OPUS, MixingCall, Speaker, red, strength, tone
from scenarios.negotiated import OPUS, OPUS_RECEIVED
from scenarios.network import Conditions
from scenarios.peer import Packet
from scenarios.publication import SentPacket

HEARD = 4_000
RED_RECEIVED = 62


def steadiness(line: np.ndarray, frequency: int) -> float:
    """The weakest 20 ms of a tone."""
    return min(strength(line[at : at + FRAME], frequency) for at in range(0, len(line) - FRAME, FRAME))


def test_redundancy_repairs_loss_in_the_mix() -> None:
    call = MixingCall(bitrate_bps=64_000)
    alice, bob = call.people(2)
    speaker, listener = call.speak(alice, 400), call.listen(bob)
    call.network.run_for(1)
    speaker.loses = lambda number: number % 2 == 0
    call.network.run_for(1)
    assert steadiness(listener.heard()[-RATE // 2 :], 400) < HEARD / 2, "so much loss is heard"
    speaker.inside_red = True
    call.network.run_for(1.5)
    assert steadiness(listener.heard()[-RATE // 2 :], 400) > HEARD
    listener.assert_continuous()
    call.check_nothing_broke()


def test_any_payload_type_of_opus_is_mixed_also_inside_red() -> None:
    call = MixingCall()
    alice, bob = call.people(2)
    speaker, listener = call.speak(alice, 400), call.listen(bob)
    call.network.run_for(0.5)
    speaker.payload_type = STEREO_OPUS
    for speaker.inside_red in (False, True):
        call.network.run_for(0.5)
        assert steadiness(listener.heard()[-RATE // 4 :], 400) > HEARD
    listener.assert_continuous()


def subscriber(participant: Participant, speaker: Speaker, *types: tuple[int, int]) -> tuple[Slot, list[Packet]]:
    """Takes these (payload type as sent, as received). With it, what it gets."""
    slot = Slot(participant, "audio", repairs=False)
    taken: list[Packet] = []
    participant.peer.tracks[slot.track.ssrc] = taken.append
    participant.call.plane.connect_consumer(
        slot.consumer_id, speaker.publication.producer_id, [(sent, received, 0) for sent, received in types]
    )
    participant.call.network.do_commands()
    return slot, taken


def test_who_negotiated_no_redundancy_gets_the_newest_block_also_again() -> None:
    call = MixingCall()
    alice, bob, carol = call.people(3)
    speaker = call.speak(alice, 400)
    speaker.inside_red = True
    slot, plain = subscriber(bob, speaker, (OPUS, OPUS_RECEIVED), (STEREO_OPUS, OPUS_RECEIVED))
    _, whole = subscriber(carol, speaker, (OPUS, OPUS_RECEIVED), (RED, RED_RECEIVED))
    call.network.run_for(0.5)
    payloads = tone(400)
    for packet in plain:
        assert packet.header["payload_type"] == OPUS_RECEIVED
        assert packet.payload in payloads
    for packet in whole[1:]:  # there is nothing before the first
        assert packet.header["payload_type"] == RED_RECEIVED
        assert any(packet.payload == red(OPUS, payloads[at - 1], payloads[at]) for at in range(len(payloads)))
    lost = plain[-1].index + 1
    down = call.network.down
    down[bob.peer.address] = Conditions(loss=1)
    call.network.run_for(0.02)
    down[bob.peer.address] = Conditions()
    call.network.run_for(0.06)
    slot.track.send_nack([lost])
    call.network.run_for(0.04)
    [again] = [packet for packet in plain if packet.index == lost]
    assert again.payload in payloads
    call.check_nothing_broke()


def test_broken_redundancy_is_dropped_counted_and_no_gap() -> None:
    call = MixingCall()
    alice, bob = call.people(2)
    speaker = call.speak(alice, 400)
    _, taken = subscriber(bob, speaker, (OPUS, OPUS_RECEIVED))
    call.network.run_for(0.2)
    encoding, publication = speaker.encoding, speaker.publication
    for payload in (b"\x80", bytes([0x80 | OPUS, 0, 3, 255, OPUS]), bytes([96]) + b"xx", red(96, b"x", b"y")):
        packet = SentPacket(None, payload, RED, False, 0, encoding.next_index, call.network.now_us, True)
        encoding.next_index += 1
        publication.write(packet, encoding.ssrc, packet.index, RED, payload, [])
    call.network.run_for(0.2)
    assert call.workers[0].counters["drop_unknown_payload_type"] == 4
    indices = [packet.index for packet in taken]
    assert indices == list(range(indices[0], indices[0] + len(indices)))
