"""Handshakes are dear, so media goes first: those who join wait in a bounded queue, and go on one by one."""

from __future__ import annotations

from mediaplane.testing import wire

from scenarios.call import Call, Participant, Slot
from scenarios.network import Address
from scenarios.publication import Publication

QUEUE = 256
Datagrams = list[tuple[bytes, Address]]


class Door:
    """A call with media, at which `joining` stand whose DTLS is held back on its way to the server."""

    def __init__(self, joining: int) -> None:
        self.call = Call()
        alice, bob = self.call.join(), self.call.join()
        self.call.connect()
        self.microphone: Publication = alice.publish_audio(start=False)
        self.slot: Slot = bob.subscribe(self.microphone)
        self.held: Datagrams = []
        self.send = self.call.network.send
        self.call.network.send = self._send  # type: ignore[method-assign]
        self.joining: list[Participant] = [self.call.join() for _ in range(joining)]
        self.call.network.run_for(0.05)  # ICE
        assert len(self.held) >= joining

    def _send(self, data: bytes, source: Address) -> None:
        if wire.classify_datagram(data) in ("dtls", "rtp"):
            self.held.append((data, source))
        else:
            self.send(data, source)

    def receive(self, datagrams: Datagrams) -> list[str]:
        """What goes out, without going on with handshakes."""
        return kinds(self.call.plane.receive(datagrams, self.call.network.now_us, handshakes=False))

    def go_on(self) -> list[str]:
        return kinds(self.call.plane.go_on_with_handshakes(self.call.network.now_us))


def kinds(datagrams: Datagrams) -> list[str]:
    return [wire.classify_datagram(data) for data, _ in datagrams]


def test_media_goes_before_handshakes_that_came_before_it() -> None:
    door = Door(joining=20)
    door.microphone.send_frame()
    assert wire.classify_datagram(door.held[-1][0]) == "rtp"
    assert door.receive(door.held) == ["rtp"]
    answered = [door.go_on() for _ in range(20)]
    assert all("dtls" in out for out in answered)


def test_more_than_the_queue_takes_are_dropped_and_counted() -> None:
    door = Door(joining=1)
    assert door.receive([door.held[0]] * (QUEUE + 44)) == []
    assert door.call.counters["drop_handshake_full"] == 44


def test_the_handshake_of_one_who_left_meanwhile_goes_nowhere() -> None:
    door = Door(joining=2)
    hellos = door.held
    assert door.receive(hellos) == []
    door.call.plane.close_transport(door.joining[0].transport_id)
    door.receive([])
    answered = [out for _ in hellos for out in door.go_on()]
    assert "dtls" in answered
    assert door.call.counters["drop_unknown_tuple"] >= 1


def test_those_who_waited_get_in() -> None:
    door = Door(joining=10)
    door.receive(door.held)
    door.call.network.send = door.send  # type: ignore[method-assign]
    door.call.connect()
    door.call.check_nothing_broke()
