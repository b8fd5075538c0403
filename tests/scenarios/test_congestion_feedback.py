"""Transport-wide congestion feedback: every packet is reported, with the time it really took."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mediaplane.testing import wire

from scenarios.call import Call
from scenarios.network import Conditions

sys.path.append(str(Path(__file__).parent.parent / "native"))
from transport_cc_decoder import decode


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_feedback_covers_all_packets(loss: float) -> None:
    call = Call(seed=2)
    alice, bob = call.join(), call.join()
    call.connect()
    call.network.up[alice.peer.address] = Conditions(loss=loss, jitter_us=8_000)
    sources = alice.publish_audio(transport_cc=True), alice.publish_video(transport_cc=True)
    for source in sources:
        source.answers_nacks = False
        bob.subscribe(source)
    arrivals: dict[int, int | None] = {}
    counts = []

    def seen(packets: list[wire.RtcpPacket], compound: bytes) -> None:
        if compound[1] == 205 and compound[0] & 31 == 15:
            feedback = decode(compound)
            counts.append(feedback.count)
            for offset, arrival in enumerate(feedback.arrivals_250us):
                number = wire.unwrap16(0x10000, (feedback.base + offset) & 0xFFFF)
                if arrivals.get(number) is None:
                    arrivals[number] = None if arrival is None else feedback.reference_64ms * 256 + arrival

    alice.peer.rtcp_listeners.append(seen)
    call.network.run_for(3)
    for source in sources:
        source.stop()
    call.network.run_for(0.5)
    assert counts == [number & 0xFF for number in range(len(counts))]
    assert 25 <= len(counts) <= 40, "ten a second"
    sent = alice.transport_cc[0] - 0xFFF0
    numbers = sorted(arrivals)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert sent - 5 <= len(numbers) <= sent
    lost = sum(arrival is None for arrival in arrivals.values())
    assert lost == 0 if not loss else 0.05 < lost / sent < 0.16
    assert call.network.now_us // 250 > max(arrival for arrival in arrivals.values() if arrival is not None)


def test_without_the_feedback_being_negotiated_there_is_none() -> None:
    call = Call()
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video()
    camera.transport_cc = [0]
    bob.subscribe(camera)
    compounds: list[bytes] = []
    alice.peer.rtcp_listeners.append(lambda packets, compound: compounds.append(compound))
    call.network.run_for(2)
    assert compounds
    assert all(compound[0] & 31 != 15 for compound in compounds if compound[1] == 205)


def arrivals_of_a_second(batch_us: int) -> list[int]:
    """When the packets of a camera arrived by its feedback, in 250 us after the first, with a worker that takes what
    came every `batch_us`."""
    call = Call(seed=4)
    alice, bob = call.join(), call.join()
    call.connect()
    call.network.run_until(lambda: call.network.now_us >= 2_000_000, limit_s=2)
    call.network.batch_us = batch_us
    bob.subscribe(alice.publish_video(transport_cc=True))
    arrivals: list[int] = []

    def seen(packets: list[wire.RtcpPacket], compound: bytes) -> None:
        if compound[1] == 205 and compound[0] & 31 == 15:
            feedback = decode(compound)
            arrivals.extend(
                feedback.reference_64ms * 256 + arrival for arrival in feedback.arrivals_250us if arrival is not None
            )

    alice.peer.rtcp_listeners.append(seen)
    call.network.run_for(1)
    return [arrival - arrivals[0] for arrival in arrivals]


def test_times_are_those_of_the_arrival_however_late_a_batch_is_taken() -> None:
    at_once, late = arrivals_of_a_second(0), arrivals_of_a_second(20_000)
    compared = min(len(at_once), len(late))
    assert compared > 30
    assert len(set(at_once)) > 15
    assert all(abs(one - other) <= 1 for one, other in zip(at_once[:compared], late[:compared], strict=True))
