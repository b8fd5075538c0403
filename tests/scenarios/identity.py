"""Certificates of the server and of peers."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mediaplane.testing.dtls import DtlsContext


@dataclass(frozen=True)
class Identity:
    """A self-signed certificate and its key, as PEM, and the certificate's sha-256 digest."""

    certificate: bytes
    private_key: bytes
    digest: bytes

    @property
    def fingerprint(self) -> tuple[str, bytes]:
        return "sha-256", self.digest

    @functools.cached_property
    def context(self) -> DtlsContext:
        return DtlsContext(self.certificate, self.private_key)


def make_identity() -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "WebRTC")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return Identity(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.fingerprint(hashes.SHA256()),
    )


SERVER = make_identity()
PEER = make_identity()
"""Of every peer that does not need one of its own: making them costs more than a handshake."""
STRANGER = make_identity()
