"""Application data, close_notify, and associations that gave their memory back."""

from __future__ import annotations

import pytest
from dtls_peers import ALICE, BOB, OpenSslPeer, connect, make_pair, talk
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError
from mediaplane.testing.dtls import DtlsSession, heap_bytes
from OpenSSL import SSL


@given(messages=st.lists(st.binary(min_size=1, max_size=1400), max_size=10), shrunk=st.booleans())
@settings(max_examples=15, deadline=None)
def test_messages_arrive_whole_and_in_order_both_ways(messages: list[bytes], shrunk: bool) -> None:
    link = connect()
    for sender, receiver in ((link.client, link.server), (link.server, link.client)):
        if shrunk:
            sender.shrink()
            receiver.shrink()
        for message in messages:
            sender.send(message)
        link.deliver_rest()
        assert receiver.messages() == messages


def test_a_message_that_fits_no_datagram_is_refused() -> None:
    link = connect()
    link.client.send(bytes(1400))
    (datagram,) = link.client.datagrams()
    assert len(datagram) == 1437
    with pytest.raises(MediaPlaneError, match="full"):
        link.client.send(bytes(1401))
    with pytest.raises(MediaPlaneError, match="breaks its format"):
        link.client.send(b"")
    assert link.client.state == "connected"


def test_several_records_in_one_datagram_are_several_messages() -> None:
    link = connect()
    for message in (b"one", b"two", b"three"):
        link.client.send(message)
    link.server.receive(b"".join(link.client.datagrams()), 0)
    assert link.server.messages() == [b"one", b"two", b"three"]


def test_data_that_overtakes_the_last_flight_is_kept() -> None:
    client, server = make_pair()
    client.start(0)
    for datagram in client.datagrams():
        server.receive(datagram, 0)
    for datagram in server.datagrams():
        client.receive(datagram, 0)
    for datagram in client.datagrams():
        server.receive(datagram, 0)
    server.send(b"early")
    last_flight, early = server.datagrams()
    client.receive(early, 0)
    assert (client.state, client.messages()) == ("handshaking", [])
    client.receive(last_flight, 0)
    assert (client.state, client.messages()) == ("connected", [b"early"])


def test_what_nobody_fetches_is_dropped_and_counted() -> None:
    link = connect()
    for _ in range(200):
        link.client.send(bytes(1000))
        for datagram in link.client.datagrams():
            link.server.receive(datagram, 0)
    kept = link.server.messages()
    assert 10 < len(kept) < 40
    assert link.server.dropped == 200 - len(kept)
    for _ in range(200):
        link.client.send(bytes(1000))
    sent = link.client.datagrams()
    assert 10 < len(sent) < 40
    assert link.client.dropped == 200 - len(sent)
    link.client.send(b"still there")
    link.deliver_rest()
    assert link.server.messages() == [b"still there"]


@pytest.mark.parametrize("shrunk", [False, True])
@pytest.mark.parametrize("closer", ["client", "server"])
def test_close_notify_ends_both_sides(closer: str, shrunk: bool) -> None:
    link = connect()
    one, other = (link.client, link.server) if closer == "client" else (link.server, link.client)
    if shrunk:
        one.shrink()
        other.shrink()
    other.send(b"last words")
    for datagram in other.datagrams():
        one.receive(datagram, 0)
    one.close()
    assert one.state == "closed"
    (close_notify,) = one.datagrams()
    other.receive(close_notify, 0)
    assert other.state == "closed"
    assert other.failure is None
    assert len(other.datagrams()) == 1  # its own close_notify
    assert one.messages() == [b"last words"]
    one.close()
    assert one.datagrams() == []
    for call in (lambda: one.send(b"x"), other.export_keys):
        with pytest.raises(MediaPlaneError, match="not allowed"):
            call()


def test_close_before_the_handshake_is_over_says_nothing() -> None:
    client, server = make_pair()
    client.start(0)
    (hello,) = client.datagrams()
    server.receive(hello, 0)
    server.datagrams()
    for peer in (client, server):
        peer.close()
        assert (peer.state, peer.next_deadline, peer.datagrams()) == ("closed", None, [])
        assert peer.receive(hello, 0).name == "BAD_STATE"


def test_data_and_close_notify_with_openssl() -> None:
    ours = DtlsSession(BOB.context, "server", [ALICE.fingerprint()])
    theirs = OpenSslPeer(ALICE, "client")
    talk(ours, theirs)
    ours.shrink()
    theirs.connection.send(b"to the server")
    talk(ours, theirs)
    assert ours.messages() == [b"to the server"]
    ours.send(b"to the client")
    talk(ours, theirs)
    assert theirs.connection.recv(100) == b"to the client"
    theirs.connection.shutdown()
    talk(ours, theirs)
    assert ours.state == "closed"
    with pytest.raises(SSL.ZeroReturnError):
        theirs.connection.recv(100)


def test_a_client_cannot_renegotiate() -> None:
    ours = DtlsSession(BOB.context, "server", [ALICE.fingerprint()])
    theirs = OpenSslPeer(ALICE, "client")
    talk(ours, theirs)
    assert theirs.connection.renegotiate()
    theirs.connected = False
    keys = ours.export_keys()
    theirs.go_on()
    for datagram in theirs.datagrams():
        ours.receive(datagram, 0)
    assert (ours.state, ours.export_keys()) == ("connected", keys)
    talk(ours, theirs)
    assert not theirs.connected
    assert "no renegotiation" in str(theirs.error)


def test_shrinking_gives_memory_back() -> None:
    before = heap_bytes()
    links = [connect() for _ in range(20)]
    full = heap_bytes() - before
    if full < 20 * 2 * 10_000:
        pytest.skip("this C library does not tell how much memory is in use")
    for link in links:
        link.client.shrink()
        link.server.shrink()
    shrunk = heap_bytes() - before
    assert (full - shrunk) / 40 > 30_000
    assert shrunk / 40 < 45_000
    for link in links:
        link.client.send(b"wakes up")
        link.deliver_rest()
        assert link.server.messages() == [b"wakes up"]
    assert (heap_bytes() - before) / 40 < 45_000


def test_memory_of_sessions_comes_back() -> None:
    def handshake_and_leave() -> None:
        link = connect()
        link.client.close()
        link.deliver_rest()

    for _ in range(5):
        handshake_and_leave()
    before = heap_bytes()
    for _ in range(40):
        handshake_and_leave()
    assert heap_bytes() - before < 40 * 1_000
