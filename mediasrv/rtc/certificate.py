"""The server's own DTLS certificate: ECDSA on P-256, self-signed, new at every start; peers know it by fingerprint."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mediasrv.rtc.sdp_attributes import Fingerprint

# Peers compare fingerprints and not dates; these are wide enough for a server that is never restarted.
_VALIDITY = datetime.timedelta(days=3650)
_CLOCK_SKEW = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """`certificate` and `private_key` are PEM; `fingerprint` is SHA-256 (RFC 8122)."""

    certificate: bytes
    private_key: bytes
    fingerprint: Fingerprint

    @classmethod
    def generate(cls) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mediasrv")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(now + _VALIDITY)
            .sign(key, hashes.SHA256())
        )
        return cls(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
            Fingerprint("sha-256", certificate.fingerprint(hashes.SHA256())),
        )

    def __repr__(self) -> str:
        return f"Certificate({self.fingerprint})"
