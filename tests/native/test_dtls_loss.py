"""Lost, late and repeated datagrams: retransmission gets every handshake through, by the clock of the caller."""

from __future__ import annotations

import pytest
from dtls_peers import ALICE, BOB, DELAY_US, Link, OpenSslPeer, connect, make_pair, records, talk
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.testing.dtls import DtlsSession

WHOLE_HANDSHAKE = {mtu: len(connect(mtu).sent) for mtu in (1200, 256)}


def assert_connected(link: Link) -> None:
    assert link.connected(), (link.client.failure_text, link.server.failure_text)
    profile, client_sends, client_gets = link.client.export_keys()
    assert link.server.export_keys() == (profile, client_gets, client_sends)


@pytest.mark.parametrize("mtu", WHOLE_HANDSHAKE)
def test_any_single_loss_costs_one_retransmission(mtu: int) -> None:
    for lost in range(WHOLE_HANDSHAKE[mtu]):
        link = Link(*make_pair(mtu), lambda number, _, lost=lost: [] if number == lost else [DELAY_US])  # type: ignore[misc]
        link.run()
        assert_connected(link)
        assert link.now_us < 1_000_000 + 300_000


@pytest.mark.parametrize("mtu", WHOLE_HANDSHAKE)
def test_any_two_losses_are_survived(mtu: int) -> None:
    if mtu == 256:
        pairs = [(a, a + distance) for a in range(WHOLE_HANDSHAKE[mtu]) for distance in (1, 7)]
    else:
        pairs = [(a, b) for a in range(8) for b in range(a + 1, 9)]
    for pair in pairs:
        link = Link(*make_pair(mtu), lambda number, _, pair=pair: [] if number in pair else [DELAY_US])  # type: ignore[misc]
        link.run()
        assert_connected(link)


@pytest.mark.parametrize("mtu", WHOLE_HANDSHAKE)
def test_duplicates_change_nothing(mtu: int) -> None:
    link = Link(*make_pair(mtu), lambda number, _: [DELAY_US, DELAY_US + 5_000])
    link.run()
    assert_connected(link)
    link.deliver_rest()
    assert_connected(link)


FATES: st.SearchStrategy[list[int]] = st.one_of(
    st.just([]),
    st.just([DELAY_US]),
    st.lists(st.sampled_from([1_000, DELAY_US, 30_000, 120_000, 450_000]), min_size=1, max_size=2),
)


@given(fates=st.lists(FATES, max_size=24), mtu=st.sampled_from([1200, 400]))
@settings(max_examples=40, deadline=None)
def test_a_bad_start_of_the_network_is_survived(fates: list[list[int]], mtu: int) -> None:
    link = Link(*make_pair(mtu), lambda number, _: fates[number] if number < len(fates) else [DELAY_US])
    link.run()
    assert_connected(link)


def test_the_intervals_double_up_to_three_seconds_and_the_handshake_ends_after_thirty() -> None:
    link = Link(*make_pair(), lambda number, _: [])
    link.run()
    times_ms = [(when - 1_000_000) // 1000 for when, _, _ in link.sent]
    assert times_ms == [0, 100, 300, 700, 1500, 3100, 6100, 9100, 12100, 15100, 18100, 21100]
    assert (link.client.state, link.client.failure) == ("failed", "timeout")
    assert link.now_us == 1_000_000 + 30_000_000
    assert "30 s" in link.client.failure_text
    assert link.client.next_deadline is None


def test_a_server_whose_client_goes_away_gives_up() -> None:
    client, server = make_pair()
    link = Link(client, server, lambda number, _: [DELAY_US] if number == 0 else [])
    link.run(lambda: server.failure is not None)
    assert server.failure == "timeout"
    assert sum(sender is server for _, sender, _ in link.sent) == 12


def test_a_deadline_that_was_overslept_is_made_good_once() -> None:
    client, _ = make_pair()
    client.start(0)
    client.datagrams()
    assert client.next_deadline == 100_000
    client.timeout(99_999)
    assert client.datagrams() == []
    client.timeout(5_000_000)
    assert len(client.datagrams()) == 1
    assert client.next_deadline == 5_200_000


def test_every_retransmission_has_new_record_numbers() -> None:
    """Else a peer that dropped the message behind its replay window would never take it (RFC 6347 section 4.2.4)."""
    link = Link(*make_pair(), lambda number, _: [DELAY_US] if number == 0 else [])
    link.run()
    for peer in (link.client, link.server):
        numbers = [record[3:11] for _, sender, datagram in link.sent if sender is peer for record in records(datagram)]
        assert len(numbers) == len(set(numbers)) > 11
        assert numbers == sorted(numbers)


def test_a_connected_server_answers_a_repeated_last_flight() -> None:
    client, server = make_pair()
    lost: list[bytes] = []

    def lose_first_answers(number: int, datagram: bytes) -> list[int]:
        if server.state == "connected" and client.state == "handshaking" and datagram[0] == 20 and len(lost) < 5:
            lost.append(datagram)
            return []
        return [DELAY_US]

    link = Link(client, server, lose_first_answers)
    link.run()
    assert len(lost) == 5
    assert_connected(link)
    client.send(b"through")
    link.deliver_rest()
    assert server.messages() == [b"through"]


def test_a_shrunk_server_answers_a_repeated_last_flight() -> None:
    client, server = make_pair()
    lost: list[bytes] = []

    def lose_and_shrink(number: int, datagram: bytes) -> list[int]:
        if server.state == "connected" and client.state == "handshaking":
            server.shrink()
            if len(lost) < 2:
                lost.append(datagram)
                return []
        return [DELAY_US]

    link = Link(client, server, lose_and_shrink)
    link.run()
    assert len(lost) == 2
    assert_connected(link)


def test_openssl_accepts_our_retransmissions() -> None:
    ours = DtlsSession(BOB.context, "client", [ALICE.fingerprint()])
    theirs = OpenSslPeer(ALICE, "server")
    ours.start(0)
    for now_us in (100_000, 300_000):
        ours.datagrams()  # lost
        ours.timeout(now_us)
    for datagram in ours.datagrams():
        theirs.receive(datagram)
    for datagram in theirs.datagrams():
        ours.receive(datagram, 310_000)
    ours.datagrams()  # our last flight is lost
    ours.timeout(410_000)
    talk(ours, theirs)
    assert ours.state == "connected"
    assert theirs.connected
