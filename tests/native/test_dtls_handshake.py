"""Handshakes in both roles with another implementation, and what they agree on."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from dtls_peers import ALICE, BOB, Identity, Link, OpenSslPeer, Role, connect, make_identity, make_pair, other, talk
from mediaplane.status import MediaPlaneError
from mediaplane.testing.dtls import DtlsContext, DtlsSession
from OpenSSL import SSL

PROFILES = {  # name -> (number, key size, salt size)
    b"SRTP_AES128_CM_SHA1_80": (0x0001, 16, 14),
    b"SRTP_AEAD_AES_128_GCM": (0x0007, 16, 12),
    b"SRTP_AEAD_AES_256_GCM": (0x0008, 32, 12),
}


def test_our_peers_connect_and_have_nothing_left_to_wait_for() -> None:
    link = connect()
    for peer in (link.client, link.server):
        assert peer.next_deadline is None
        assert peer.failure is None
        assert peer.failure_text == ""
    profile, client_sends, client_gets = link.client.export_keys()
    assert link.server.export_keys() == (profile, client_gets, client_sends)
    assert client_sends != client_gets
    assert profile == 0x0007


def test_every_association_has_its_own_keys() -> None:
    assert connect().client.export_keys() != connect().client.export_keys()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("our_role", ["server", "client"])
def test_keys_agree_with_openssl(our_role: Role, profile: bytes) -> None:
    ours = DtlsSession(BOB.context, our_role, [ALICE.fingerprint()])
    theirs = OpenSslPeer(ALICE, other(our_role), profile)
    talk(ours, theirs)
    assert ours.state == "connected"
    assert theirs.connected
    number, key_size, salt_size = PROFILES[profile]
    client, server = theirs.srtp_keys(key_size, salt_size)
    assert ours.export_keys() == ((number, server, client) if our_role == "server" else (number, client, server))


def test_the_server_prefers_gcm_128_whatever_the_client_prefers() -> None:
    ours = DtlsSession(BOB.context, "server", [ALICE.fingerprint()])
    talk(ours, OpenSslPeer(ALICE, "client", b"SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM"))
    assert ours.export_keys()[0] == 0x0007


@pytest.mark.parametrize("profiles", [None, b"SRTP_AES128_CM_SHA1_32"])
@pytest.mark.parametrize("our_role", ["server", "client"])
def test_without_a_common_srtp_profile_the_handshake_fails_with_an_alert(
    our_role: Role, profiles: bytes | None
) -> None:
    ours = DtlsSession(BOB.context, our_role, [ALICE.fingerprint()])
    theirs = OpenSslPeer(ALICE, other(our_role), profiles)
    talk(ours, theirs)
    assert (ours.state, ours.failure) == ("failed", "no_srtp_profile")
    assert "SRTP" in ours.failure_text
    assert "handshake failure" in str(theirs.error)
    with pytest.raises(MediaPlaneError, match="not allowed in this state"):
        ours.export_keys()


@pytest.mark.parametrize(
    ("identity", "cipher"),
    [
        (make_identity(ec.generate_private_key(ec.SECP384R1())), "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (make_identity(rsa.generate_private_key(65537, 2048)), "ECDHE-RSA-AES128-GCM-SHA256"),
    ],
    ids=["P-384", "RSA"],
)
def test_other_kinds_of_certificates(identity: Identity, cipher: str) -> None:
    ours = DtlsSession(identity.context, "server", [ALICE.fingerprint()])
    theirs = OpenSslPeer(ALICE, "client")
    talk(ours, theirs)
    assert ours.state == "connected"
    assert theirs.connection.get_cipher_name() == cipher
    assert theirs.connection.get_protocol_version_name() == "DTLSv1.2"
    theirs = OpenSslPeer(identity, "client")
    ours = DtlsSession(ALICE.context, "server", [identity.fingerprint()])
    talk(ours, theirs)
    assert ours.state == "connected"


@pytest.mark.parametrize(
    "private_key",
    [
        ec.generate_private_key(ec.SECP224R1()),  # FFmpeg over GnuTLS
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-224", "P-384", "P-521", "RSA"],
)
@pytest.mark.parametrize("our_role", ["server", "client"])
def test_other_kinds_of_certificates_of_the_peer(
    our_role: Role, private_key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> None:
    identity = make_identity(private_key)
    ours = DtlsSession(BOB.context, our_role, [identity.fingerprint()])
    theirs = DtlsSession(identity.context, other(our_role), [BOB.fingerprint()])
    link = Link(ours, theirs) if our_role == "client" else Link(theirs, ours)
    link.run()
    assert link.connected(), ours.failure_text


def test_no_session_is_ever_resumed() -> None:
    ours = DtlsSession(BOB.context, "server", [ALICE.fingerprint()])
    theirs = OpenSslPeer(ALICE, "client")
    talk(ours, theirs)
    session = theirs.connection.get_session()
    assert session is not None
    secret = theirs.connection.master_key()
    theirs.restart()
    theirs.connection.set_session(session)
    ours = DtlsSession(BOB.context, "server", [ALICE.fingerprint()])
    talk(ours, theirs)
    assert ours.state == "connected"
    assert theirs.connection.master_key() != secret


@pytest.mark.parametrize(
    ("configure", "reason"),
    [
        (lambda context: context.set_cipher_list(b"ECDHE-ECDSA-CHACHA20-POLY1305"), "no shared cipher"),
        (lambda context: context.set_cipher_list(b"DHE-RSA-AES128-GCM-SHA256"), "no shared cipher"),
    ],
    ids=["ChaCha20", "finite-field DH"],
)
def test_an_unacceptable_offer_is_refused_with_the_reason(configure, reason: str) -> None:  # type: ignore[no-untyped-def]
    ours = DtlsSession(BOB.context, "server", [ALICE.fingerprint()])
    theirs = OpenSslPeer(ALICE, "client", configure=configure)
    talk(ours, theirs)
    assert (ours.state, ours.failure, ours.failure_text) == ("failed", "handshake", reason)
    assert ours.next_deadline is None
    assert isinstance(theirs.error, SSL.Error)


def test_a_client_without_a_certificate_is_refused() -> None:
    ours = DtlsSession(BOB.context, "server", [ALICE.fingerprint()])
    talk(ours, OpenSslPeer(None, "client"))
    assert (ours.state, ours.failure) == ("failed", "handshake")
    assert ours.failure_text == "peer did not return a certificate"


def test_an_unusable_identity_is_refused() -> None:
    certificate, private_key = ALICE.pem()
    with pytest.raises(ValueError, match="not a usable pair"):
        DtlsContext(certificate, BOB.pem()[1])
    with pytest.raises(ValueError, match="not a usable pair"):
        DtlsContext(private_key, certificate)
    with pytest.raises(ValueError, match="not a usable pair"):
        DtlsContext(certificate[:100], private_key)


def test_a_session_needs_fingerprints() -> None:
    with pytest.raises(ValueError, match="no session"):
        DtlsSession(ALICE.context, "server", [])


def test_calls_out_of_turn_are_refused() -> None:
    client, server = make_pair()
    assert client.receive(bytes([22]) * 50, 0).name == "BAD_STATE"  # a client speaks first
    client.start(0)
    with pytest.raises(MediaPlaneError, match="not allowed"):
        client.start(0)
    for call in (client.export_keys, lambda: client.send(b"too early"), lambda: server.send(b"too early")):
        with pytest.raises(MediaPlaneError, match="not allowed"):
            call()


def test_an_output_buffer_that_is_too_small_loses_nothing() -> None:
    client, _ = make_pair()
    client.start(0)
    with pytest.raises(MediaPlaneError, match="full"):
        client.next_datagram(20)
    assert len(client.datagrams()) == 1
