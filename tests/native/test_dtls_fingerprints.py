"""The certificate must be the one that signaling announced (RFC 8122 section 5)."""

import pytest
from dtls_peers import ALICE, BOB, Link, OpenSslPeer, Role, make_identity, other, talk
from mediaplane.testing.dtls import DtlsSession

WRONG = {"sha-256": bytes(32), "sha-384": bytes(48), "sha-512": bytes(64)}


@pytest.mark.parametrize("algorithm", WRONG)
def test_each_hash_is_understood(algorithm: str) -> None:
    client = DtlsSession(ALICE.context, "client", [BOB.fingerprint(algorithm)])
    server = DtlsSession(BOB.context, "server", [ALICE.fingerprint(algorithm)])
    link = Link(client, server)
    link.run()
    assert link.connected()


def test_any_matching_fingerprint_will_do() -> None:
    fingerprints = [("sha-512", WRONG["sha-512"]), ("sha-256", WRONG["sha-256"]), ALICE.fingerprint("sha-384")]
    ours = DtlsSession(BOB.context, "server", fingerprints)
    talk(ours, OpenSslPeer(ALICE, "client"))
    assert ours.state == "connected"


@pytest.mark.parametrize("algorithm", WRONG)
@pytest.mark.parametrize("our_role", ["server", "client"])
def test_another_certificate_ends_the_handshake_with_an_alert(our_role: Role, algorithm: str) -> None:
    _, digest = ALICE.fingerprint(algorithm)
    for wrong in (WRONG[algorithm], digest[:-1] + bytes([digest[-1] ^ 1]), bytes([digest[0] ^ 128]) + digest[1:]):
        ours = DtlsSession(BOB.context, our_role, [(algorithm, wrong)])
        theirs = OpenSslPeer(ALICE, other(our_role))
        talk(ours, theirs)
        assert (ours.state, ours.failure) == ("failed", "fingerprint")
        assert not theirs.connected or our_role == "client"
        assert "bad certificate" in str(theirs.error)
        assert ours.next_deadline is None


def test_a_fingerprint_counts_only_with_its_own_hash() -> None:
    ours = DtlsSession(BOB.context, "server", [("sha-384", ALICE.fingerprint("sha-256")[1] + bytes(16))])
    talk(ours, OpenSslPeer(ALICE, "client"))
    assert ours.failure == "fingerprint"


def test_nothing_of_the_certificate_gets_into_the_failure_text() -> None:
    mallory = make_identity(name="mallory@example.org")
    ours = DtlsSession(BOB.context, "server", [ALICE.fingerprint()])
    talk(ours, OpenSslPeer(mallory, "client"))
    assert ours.failure == "fingerprint"
    assert "mallory" not in ours.failure_text
    assert ours.failure_text == "the peer's certificate is not the one that its session description announced"


def test_a_failed_session_stays_silent() -> None:
    ours = DtlsSession(BOB.context, "server", [("sha-256", bytes(32))])
    theirs = OpenSslPeer(ALICE, "client")
    talk(ours, theirs)
    fresh = OpenSslPeer(ALICE, "client")
    fresh.go_on()
    for datagram in fresh.datagrams():
        assert ours.receive(datagram, 0).name == "BAD_STATE"
    ours.close()
    assert ours.datagrams() == []
    assert (ours.state, ours.failure) == ("failed", "fingerprint")
