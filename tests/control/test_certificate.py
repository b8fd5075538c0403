"""The server's own certificate."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mediasrv.rtc.certificate import Certificate
from mediasrv.rtc.sdp_attributes import Fingerprint


def test_it_is_p_256_signed_by_itself_and_known_by_its_fingerprint() -> None:
    ours = Certificate.generate()
    certificate = x509.load_pem_x509_certificate(ours.certificate)
    key = serialization.load_pem_private_key(ours.private_key, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(certificate)
    digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()
    assert ours.fingerprint == Fingerprint("sha-256", digest)
    assert Fingerprint.parse(1, str(ours.fingerprint)) == ours.fingerprint


def test_the_key_is_not_printed() -> None:
    ours = Certificate.generate()
    assert "PRIVATE" not in repr(ours)
