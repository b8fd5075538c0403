"""Packets of a frame that differ by a few bytes leave as one run of equal ones."""

from __future__ import annotations

from itertools import pairwise

import pytest
from mediaplane.testing import wire

from scenarios.call import Call, Participant, Slot
from scenarios.network import Conditions
from scenarios.publication import Publication
from scenarios.test_repair import arrived, finish, sent

LARGEST_PADDING = 24


def forwarding(*, uneven: int, packets: int = 6, **options: object) -> tuple[Call, Participant, Publication, Slot]:
    call = Call(seed=11)
    alice, bob = call.join(), call.join()
    call.connect()
    camera = alice.publish_video(start=False)
    camera.encodings[0].uneven = uneven
    camera.encodings[0].packets_per_frame = packets
    return call, bob, camera, bob.subscribe(camera, **options)


class Sent:
    """The RTP datagrams of one track as they leave."""

    def __init__(self, call: Call, slot: Slot) -> None:
        self.datagrams: list[bytes] = []
        self._ssrc = slot.track.ssrc
        call.network.on_sent = self._see

    def _see(self, data: bytes, destination: object) -> None:
        if wire.classify_datagram(data) == "rtp" and int.from_bytes(data[8:12], "big") == self._ssrc:
            self.datagrams.append(data)

    def frames(self) -> list[list[bytes]]:
        found: dict[bytes, list[bytes]] = {}
        for data in self.datagrams:
            found.setdefault(data[4:8], []).append(data)
        return list(found.values())


@pytest.mark.parametrize("uneven", [0, 1, 7, LARGEST_PADDING])
def test_a_frame_leaves_as_one_run(uneven: int) -> None:
    call, _, camera, slot = forwarding(uneven=uneven)
    seen = Sent(call, slot)
    camera.start()
    call.network.run_for(1)
    finish(call, camera, slot)
    assert arrived(slot) == sent(camera)
    assert len(seen.frames()) > 20
    for frame in seen.frames():
        *run, last = map(len, frame)
        assert len(set(run)) == 1
        assert last <= run[0]
    padded = [packet for packet in slot.track.packets.values() if packet.header["padded"]]
    assert bool(padded) == (uneven > 0)
    call.check_nothing_broke()


def test_packets_that_differ_more_are_left_alone() -> None:
    call, _, camera, slot = forwarding(uneven=9 * LARGEST_PADDING, packets=2)
    camera.encodings[0].payload_size = 600
    camera.start()
    call.network.run_for(1)
    finish(call, camera, slot)
    assert arrived(slot) == sent(camera)
    sizes = {len(packet.data) for packet in slot.track.packets.values()}
    assert len(sizes) > 4
    for one, next_one in pairwise(sorted(slot.track.packets.values(), key=lambda packet: packet.index)):
        if one.header["padded"]:
            assert len(one.data) == len(next_one.data)


def test_what_is_sent_again_is_the_very_same() -> None:
    call, bob, camera, slot = forwarding(uneven=9, rtx=False)
    call.network.down[bob.peer.address] = Conditions(loss=0.15)
    seen = Sent(call, slot)
    camera.start()
    call.network.run_for(3)
    finish(call, camera, slot)
    assert arrived(slot) == sent(camera)
    copies: dict[bytes, set[bytes]] = {}
    for data in seen.datagrams:
        copies.setdefault(data[2:4], set()).add(data)
    assert len(seen.datagrams) > len(copies)
    # One nonce never seals two packets.
    assert all(len(same) == 1 for same in copies.values())
    call.check_nothing_broke()


def test_a_retransmission_with_numbers_of_its_own_is_not_padded() -> None:
    call, bob, camera, slot = forwarding(uneven=9)
    call.network.down[bob.peer.address] = Conditions(loss=0.15)
    camera.start()
    call.network.run_for(3)
    finish(call, camera, slot)
    assert arrived(slot) == sent(camera)
    repaired = [packet for packet in slot.track.packets.values() if packet.repaired]
    assert repaired
    assert not any(packet.header["padded"] for packet in repaired)


def test_reports_count_no_padding() -> None:
    call, _, camera, slot = forwarding(uneven=20)
    camera.start()
    call.network.run_for(2.2)
    _, report = slot.track.sender_reports[-1]
    assert any(packet.header["padded"] for packet in slot.track.packets.values())
    payloads = [len(packet.payload) for packet in slot.track.packets.values()]
    assert report["packets"] <= len(payloads)
    assert report["octets"] <= sum(payloads)


def test_large_packets_leave_before_small_ones_so_that_these_end_their_run() -> None:
    call = Call(seed=3, batch_us=1000)
    alice, bob = call.join(), call.join()
    call.connect()
    microphone, camera = alice.publish_audio(start=False), alice.publish_video(start=False)
    slots = [bob.subscribe(camera), bob.subscribe(microphone)]
    order: list[tuple[int, int]] = []

    def see(data: bytes, _destination: object) -> None:
        if wire.classify_datagram(data) == "rtp":
            order.append((int.from_bytes(data[8:12], "big"), len(data)))

    call.network.on_sent = see
    for _ in range(10):
        order.clear()
        microphone.send_frame()  # it comes first
        camera.send_frame()
        call.network.run_for(0.1)
        assert order[-1][0] == slots[1].track.ssrc
        assert order[-1][1] < min(size for _, size in order[:-1])
        assert {ssrc for ssrc, _ in order[:-1]} == {slots[0].track.ssrc}
    for slot in slots:
        assert slot.track.gaps == []
        assert slot.track.in_order == slot.track.arrivals
