"""Certificates as a self-hoster has them, in PEM files."""

from __future__ import annotations

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NO_PASSPHRASE = serialization.NoEncryption()


class Authority:
    """A certification authority of one's own."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = _certificate("test authority", self.key, self.key, "test authority", days=365, is_ca=True)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def write_pair(
    folder: Path,
    *,
    name: str = "localhost",
    days: float = 90,
    authority: Authority | None = None,
    passphrase: bytes | None = None,
) -> tuple[Path, Path]:
    """A new certificate and its key, in place of those in `folder`; self-signed without an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer, issuer = (authority.key, "test authority") if authority is not None else (key, name)
    certificate = _certificate(name, key, signer, issuer, days=days)
    paths = folder / "cert.pem", folder / "key.pem"
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else NO_PASSPHRASE
    contents = (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption),
    )
    for path, content in zip(paths, contents, strict=True):
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        os.replace(fresh, path)
    return paths


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    issuer: str,
    *,
    days: float,
    is_ca: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, now + timedelta(days=days)) - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if not is_ca:
        names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())
