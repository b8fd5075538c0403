"""Two DTLS peers and the network between them, in virtual time."""

from __future__ import annotations

import datetime
import functools
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from mediaplane.testing.dtls import DtlsContext, DtlsSession
from OpenSSL import SSL

HASHES = {"sha-256": hashes.SHA256(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}
DELAY_US = 10_000
Role = Literal["server", "client"]


def other(role: Role) -> Role:
    return "client" if role == "server" else "server"


@dataclass(frozen=True)
class Identity:
    """A self-signed certificate and its key."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    def fingerprint(self, algorithm: str = "sha-256") -> tuple[str, bytes]:
        return algorithm, self.certificate.fingerprint(HASHES[algorithm])

    def pem(self) -> tuple[bytes, bytes]:
        return self.certificate.public_bytes(serialization.Encoding.PEM), self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @functools.cached_property
    def context(self) -> DtlsContext:
        return DtlsContext(*self.pem())


def make_identity(
    private_key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None, name: str = "WebRTC"
) -> Identity:
    private_key = private_key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(private_key, hashes.SHA256())
    )
    return Identity(certificate, private_key)


ALICE = make_identity()
BOB = make_identity()


def make_pair(mtu: int = 1200) -> tuple[DtlsSession, DtlsSession]:
    """(client, server) that know each other's fingerprint."""
    return (
        DtlsSession(ALICE.context, "client", [BOB.fingerprint()], mtu),
        DtlsSession(BOB.context, "server", [ALICE.fingerprint()], mtu),
    )


class Link:
    """A network between two sessions. `fate(number, datagram)` says after which delays (in us) the datagram of that
    number arrives: none for a lost one, several for duplicates."""

    def __init__(
        self,
        client: DtlsSession,
        server: DtlsSession,
        fate: Callable[[int, bytes], Sequence[int]] = lambda number, datagram: [DELAY_US],
    ) -> None:
        self.client, self.server, self.fate = client, server, fate
        self.now_us = 1_000_000
        self.sent: list[tuple[int, DtlsSession, bytes]] = []
        self._underway: list[tuple[int, int, DtlsSession, bytes]] = []

    def connected(self) -> bool:
        return self.client.state == self.server.state == "connected"

    def run(self, done: Callable[[], bool] | None = None) -> None:
        """Until done(), or until nothing is left to happen."""
        done = done or self.connected
        if self.client.state == "new":
            self.client.start(self.now_us)
        while True:
            self._collect()
            moments = [moment for peer in (self.client, self.server) if (moment := peer.next_deadline) is not None]
            moments += [entry[0] for entry in self._underway[:1]]
            if done() or not moments:
                return
            self.now_us = max(self.now_us, min(moments))
            while self._underway and self._underway[0][0] <= self.now_us:
                _, _, receiver, datagram = heapq.heappop(self._underway)
                receiver.receive(datagram, self.now_us)
            for peer in (self.client, self.server):
                if (deadline := peer.next_deadline) is not None and deadline <= self.now_us:
                    peer.timeout(self.now_us)

    def deliver_rest(self) -> None:
        """Delivers what is under way and what that leads to, while no time passes."""
        self._collect()
        while self._underway:
            _, _, receiver, datagram = heapq.heappop(self._underway)
            receiver.receive(datagram, self.now_us)
            self._collect()

    def _collect(self) -> None:
        for sender, receiver in ((self.client, self.server), (self.server, self.client)):
            for datagram in sender.datagrams():
                number = len(self.sent)
                self.sent.append((self.now_us, sender, datagram))
                for copy, delay in enumerate(self.fate(number, datagram)):
                    heapq.heappush(self._underway, (self.now_us + delay, 2 * number + copy, receiver, datagram))


def connect(mtu: int = 1200) -> Link:
    """A link whose two peers are connected."""
    link = Link(*make_pair(mtu))
    link.run()
    link.deliver_rest()
    assert link.connected()
    return link


def records(data: bytes) -> list[bytes]:
    """The DTLS records of a datagram, or of several in a row (RFC 6347 section 4.1)."""
    found = []
    while data:
        size = 13 + int.from_bytes(data[11:13], "big")
        found.append(data[:size])
        data = data[size:]
    return found


class OpenSslPeer:
    """DTLS by pyOpenSSL, which brings an OpenSSL of its own. In place of the datagrams that its memory BIO
    loses, each record becomes one."""

    def __init__(
        self,
        identity: Identity | None,
        role: Role,
        srtp_profiles: bytes | None = b"SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80",
        configure: Callable[[SSL.Context], object] = lambda context: None,
    ) -> None:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *args: True)
        if identity is not None:
            context.use_certificate(identity.certificate)
            context.use_privatekey(identity.private_key)
        if srtp_profiles is not None:
            context.set_tlsext_use_srtp(srtp_profiles)
        context.set_options(SSL.OP_NO_QUERY_MTU)
        configure(context)
        self.context, self.role = context, role
        self.restart()

    def restart(self) -> None:
        """A new association with the same settings."""
        self.connection = SSL.Connection(self.context, None)
        self.connection.set_ciphertext_mtu(1200)
        if self.role == "client":
            self.connection.set_connect_state()
        else:
            self.connection.set_accept_state()
        self.connected = False
        self.error: SSL.Error | None = None

    def go_on(self) -> None:
        if not self.connected and self.error is None:
            try:
                self.connection.do_handshake()
                self.connected = True
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                self.error = error

    def receive(self, datagram: bytes) -> None:
        self.connection.bio_write(datagram)
        self.go_on()

    def datagrams(self) -> list[bytes]:
        try:
            return records(self.connection.bio_read(65536))
        except SSL.WantReadError:
            return []

    def srtp_keys(self, key_size: int, salt_size: int) -> tuple[bytes, bytes]:
        """(client's key + salt, server's key + salt), RFC 5764 section 4.2."""
        material = self.connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key_size + salt_size))
        client, server = material[:key_size], material[key_size : 2 * key_size]
        salts = material[2 * key_size :]
        return client + salts[:salt_size], server + salts[salt_size:]


def talk(ours: DtlsSession, theirs: OpenSslPeer) -> None:
    """Carries every datagram both ways, in no time, until both are silent."""
    if ours.state == "new":
        ours.start(0)
    theirs.go_on()
    busy = True
    while busy:
        busy = False
        for datagram in theirs.datagrams():
            ours.receive(datagram, 0)
            busy = True
        for datagram in ours.datagrams():
            theirs.receive(datagram)
            busy = True
