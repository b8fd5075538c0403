"""A ClientHello that comes in pieces, in any order, repeated: browsers with post-quantum keys always cut theirs."""

from __future__ import annotations

import random

import pytest
from dtls_peers import ALICE, BOB, OpenSslPeer, connect, talk
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.testing.dtls import DtlsSession
from OpenSSL import SSL

CLIENT_HELLO = 1


def with_long_hello(context: SSL.Context) -> None:
    context.set_alpn_protos([bytes([97 + i]) * 120 for i in range(9)])


def cut(record: bytes, size: int) -> list[bytes]:
    """The handshake message of one record as fragments of `size` bytes, a record each (RFC 6347 section 4.2.3)."""
    header, message = record[:13], record[13:]
    body = message[12:]
    assert header[0] == 22
    assert int.from_bytes(message[1:4], "big") == len(body)
    pieces = []
    for number, offset in enumerate(range(0, len(body), size)):
        piece = body[offset : offset + size]
        fragment = message[:6] + offset.to_bytes(3, "big") + len(piece).to_bytes(3, "big") + piece
        sequence = (0).to_bytes(2, "big") + number.to_bytes(6, "big")
        pieces.append(header[:3] + sequence + len(fragment).to_bytes(2, "big") + fragment)
    return pieces


def start_client() -> tuple[OpenSslPeer, bytes]:
    """A client with a hello of about the size of Chromium's, whole in one record."""
    theirs = OpenSslPeer(ALICE, "client", configure=with_long_hello)
    theirs.connection.set_ciphertext_mtu(4000)
    theirs.go_on()
    (hello,) = theirs.datagrams()
    assert hello[13] == CLIENT_HELLO
    assert len(hello) > 1200
    return theirs, hello


@pytest.mark.parametrize("order", ["in order", "reversed", "shuffled"])
@pytest.mark.parametrize("size", [255, 600, 1200])
def test_a_client_hello_in_pieces(size: int, order: str) -> None:
    _, hello = start_client()
    pieces = cut(hello, size)
    if order == "reversed":
        pieces.reverse()
    elif order == "shuffled":
        random.Random(size).shuffle(pieces)
    ours = DtlsSession(BOB.context, "server", [ALICE.fingerprint()])
    for piece in pieces[:-1]:
        ours.receive(piece, 0)
        assert ours.state == "handshaking"
        assert ours.datagrams() == []
    ours.receive(pieces[-1], 0)
    flight = b"".join(ours.datagrams())
    assert flight[13] == 2  # ServerHello


@given(order=st.permutations(range(6)), again=st.lists(st.integers(0, 5), max_size=6), size=st.integers(230, 260))
@settings(max_examples=25, deadline=None)
def test_pieces_in_any_order_and_repeated(order: list[int], again: list[int], size: int) -> None:
    _, hello = start_client()
    pieces = cut(hello, size)
    ours = DtlsSession(BOB.context, "server", [ALICE.fingerprint()])
    for index in [*order, *again]:
        if index < len(pieces):
            ours.receive(pieces[index], 0)
    assert ours.state == "handshaking"
    assert (len(pieces) <= 6) == bool(ours.datagrams())


def test_a_handshake_that_started_in_pieces_ends_well() -> None:
    """Two pieces, as Chromium makes them; the client's own record numbers go on behind them."""
    theirs = OpenSslPeer(ALICE, "client", configure=with_long_hello)
    theirs.connection.set_ciphertext_mtu(800)
    theirs.go_on()
    pieces = theirs.datagrams()
    assert len(pieces) == 2
    ours = DtlsSession(BOB.context, "server", [ALICE.fingerprint()])
    for piece in reversed(pieces):
        ours.receive(piece, 0)
    talk(ours, theirs)
    assert ours.state == "connected", ours.failure_text
    assert theirs.connected


def test_our_own_flights_respect_a_small_mtu() -> None:
    link = connect(mtu=256)
    assert max(len(datagram) for _, _, datagram in link.sent) <= 256
    assert len(link.sent) >= 8
