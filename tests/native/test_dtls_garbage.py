"""Bytes from anyone must not end an association: DTLS drops invalid records (RFC 6347 section 4.1.2.7)."""

from __future__ import annotations

from dtls_peers import DELAY_US, Link, connect, make_pair
from hypothesis import assume, given, settings
from hypothesis import strategies as st


def record(content_type: int, epoch: int, number: int, body: bytes) -> bytes:
    return (
        bytes([content_type, 0xFE, 0xFD])
        + epoch.to_bytes(2, "big")
        + number.to_bytes(6, "big")
        + len(body).to_bytes(2, "big")
        + body
    )


ENCRYPTED = st.builds(
    record, st.integers(20, 24), st.integers(1, 3), st.integers(0, 2**48 - 1), st.binary(max_size=100)
)
PLAIN = st.builds(record, st.integers(20, 63), st.just(0), st.integers(0, 2**48 - 1), st.binary(max_size=60))
NOISE = st.builds(lambda first, rest: bytes([first]) + rest, st.integers(0, 255), st.binary(max_size=200))


@given(garbage=st.lists(st.one_of(ENCRYPTED, NOISE), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_a_handshake_survives_garbage_between_its_datagrams(garbage: list[bytes]) -> None:
    assume(not any(len(g) >= 13 and g[0] in range(20, 24) and g[1] == 0xFE and g[3:5] == b"\0\0" for g in garbage))
    client, server = make_pair(400)

    def surround(number: int, datagram: bytes) -> list[int]:
        for peer in (client, server):
            if peer.state != "new":
                for noise in garbage:
                    peer.receive(noise, link.now_us)
        return [DELAY_US]

    link = Link(client, server, surround)
    link.run()
    assert link.connected(), (client.failure_text, server.failure_text)
    link.client.send(b"fine")
    link.deliver_rest()
    assert link.server.messages() == [b"fine"]


def test_cut_copies_of_real_datagrams_do_no_harm() -> None:
    client, server = make_pair()

    def surround(number: int, datagram: bytes) -> list[int]:
        receiver = server if link.sent[number][1] is client else client
        for size in range(0, len(datagram), 7):
            if receiver.state != "new" and len(datagram[:size]) != 0:
                cut = datagram[:size]
                # A cut that ends with a whole record is no garbage, it is a part of the flight.
                receiver.receive(cut, link.now_us)
        return [DELAY_US]

    link = Link(client, server, surround)
    link.run()
    assert link.connected(), (client.failure_text, server.failure_text)


CONNECTED = connect()


@given(garbage=st.one_of(ENCRYPTED, PLAIN, NOISE))
@settings(max_examples=100, deadline=None)
def test_a_connected_session_ignores_all_that_is_not_authentic(garbage: bytes) -> None:
    for peer in (CONNECTED.client, CONNECTED.server):
        peer.receive(garbage, 0)
        assert peer.state == "connected", peer.failure_text
        assert peer.messages() == []
        assert peer.datagrams() == []


def test_sealed_records_too_short_for_their_nonce_and_tag_are_dropped() -> None:
    link = connect()
    for length in range(24):
        for peer in (link.client, link.server):
            peer.receive(record(23, 1, 7, bytes(length)), 0)
            assert peer.state == "connected", (length, peer.failure_text)
    link.client.send(b"still here")
    link.deliver_rest()
    assert link.server.messages() == [b"still here"]


@given(flip=st.integers(min_value=0))
@settings(max_examples=60, deadline=None)
def test_a_changed_record_is_dropped(flip: int) -> None:
    CONNECTED.client.send(b"important")
    (datagram,) = CONNECTED.client.datagrams()
    changed = bytearray(datagram)
    changed[flip // 8 % len(changed)] ^= 1 << flip % 8
    CONNECTED.server.receive(bytes(changed), 0)
    assert CONNECTED.server.messages() == []
    CONNECTED.server.receive(datagram, 0)
    assert CONNECTED.server.messages() == [b"important"]
    CONNECTED.server.receive(datagram, 0)  # a replay
    assert CONNECTED.server.messages() == []


@given(datagrams=st.lists(st.one_of(PLAIN, ENCRYPTED, NOISE), max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_new_server_takes_anything_without_harm(datagrams: list[bytes]) -> None:
    _, server = make_pair()
    for datagram in datagrams:
        server.receive(datagram, 0)
    assert server.state in ("new", "handshaking", "failed")
    assert server.failure in (None, "handshake")
    assert all(len(answer) < 100 for answer in server.datagrams())  # alerts at most: nothing is amplified
