"""DTLS of a peer: the project's own sessions, or pyOpenSSL's, which can be told which SRTP profiles to offer."""

from __future__ import annotations

from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from mediaplane.testing.dtls import DtlsSession
from OpenSSL import SSL

from scenarios.identity import Identity

KEY_AND_SALT_SIZE = {0x0001: (16, 14), 0x0007: (16, 12), 0x0008: (32, 12)}
PROFILE_NAMES = {
    0x0001: b"SRTP_AES128_CM_SHA1_80",
    0x0007: b"SRTP_AEAD_AES_128_GCM",
    0x0008: b"SRTP_AEAD_AES_256_GCM",
}


class Association(Protocol):
    def start(self, now_us: int) -> None: ...
    def receive(self, datagram: bytes, now_us: int) -> None: ...
    def timeout(self, now_us: int) -> None: ...
    def datagrams(self) -> list[bytes]: ...
    def messages(self) -> list[bytes]: ...
    def deadline(self) -> int | None: ...
    def connected(self) -> bool: ...
    def closed(self) -> bool: ...
    def close(self) -> None: ...
    def send(self, message: bytes) -> None: ...
    def keys(self) -> tuple[int, bytes, bytes]:
        """SRTP profile, and the key with its salt of what we send and of what the other side sends."""


class NativeAssociation:
    def __init__(self, identity: Identity, role: str, fingerprint: tuple[str, bytes]) -> None:
        self.session = DtlsSession(identity.context, role, [fingerprint])

    def start(self, now_us: int) -> None:
        if self.session.state == "new":
            self.session.start(now_us)

    def receive(self, datagram: bytes, now_us: int) -> None:
        self.session.receive(datagram, now_us)

    def timeout(self, now_us: int) -> None:
        self.session.timeout(now_us)

    def datagrams(self) -> list[bytes]:
        return self.session.datagrams()

    def messages(self) -> list[bytes]:
        return self.session.messages()

    def deadline(self) -> int | None:
        return self.session.next_deadline

    def connected(self) -> bool:
        return self.session.state == "connected"

    def closed(self) -> bool:
        return self.session.state in ("closed", "failed")

    def close(self) -> None:
        self.session.close()

    def send(self, message: bytes) -> None:
        self.session.send(message)

    def keys(self) -> tuple[int, bytes, bytes]:
        return self.session.export_keys()


class OpenSslAssociation:
    """A client by pyOpenSSL that offers one SRTP profile. For links without loss: its timer is the wall clock's."""

    def __init__(self, identity: Identity, profile: int) -> None:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *arguments: True)
        context.use_certificate(x509.load_pem_x509_certificate(identity.certificate))
        context.use_privatekey(load_pem_private_key(identity.private_key, None))
        context.set_tlsext_use_srtp(PROFILE_NAMES[profile])
        context.set_options(SSL.OP_NO_QUERY_MTU)
        self.profile = profile
        self.connection = SSL.Connection(context, None)
        self.connection.set_ciphertext_mtu(1200)
        self.connection.set_connect_state()
        self._connected = False

    def start(self, now_us: int) -> None:
        if not self._connected:
            try:
                self.connection.do_handshake()
                self._connected = True
            except SSL.WantReadError:
                pass

    def receive(self, datagram: bytes, now_us: int) -> None:
        self.connection.bio_write(datagram)
        self.start(now_us)

    def timeout(self, now_us: int) -> None:
        raise AssertionError("it has no deadline")

    def datagrams(self) -> list[bytes]:
        """Each record as a datagram: the memory BIO does not keep their bounds (RFC 6347 section 4.1)."""
        try:
            data = self.connection.bio_read(65536)
        except SSL.WantReadError:
            return []
        records = []
        while data:
            size = 13 + int.from_bytes(data[11:13], "big")
            records.append(data[:size])
            data = data[size:]
        return records

    def messages(self) -> list[bytes]:
        return []

    def deadline(self) -> int | None:
        return None

    def connected(self) -> bool:
        return self._connected

    def closed(self) -> bool:
        return False

    def close(self) -> None:
        self.connection.shutdown()

    def send(self, message: bytes) -> None:
        self.connection.send(message)

    def keys(self) -> tuple[int, bytes, bytes]:
        key_size, salt_size = KEY_AND_SALT_SIZE[self.profile]
        material = self.connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key_size + salt_size))
        client, server = material[:key_size], material[key_size : 2 * key_size]
        salts = material[2 * key_size :]
        return self.profile, client + salts[:salt_size], server + salts[salt_size:]
