"""TLS from PEM files: read at start, and again when they change or when it is asked for."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import structlog
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from mediasrv.settings import Settings

log = structlog.get_logger("tls")

LOOK_EVERY_S = 10.0
SOON_DAYS = 14


class TlsError(Exception):
    """The certificate or its key cannot be used; the text names the file and says what to do."""


class TlsFiles(NamedTuple):
    """`prefix` is what the names of their settings begin with: `tls_cert` and `tls_key`, for instance."""

    certificate: Path
    private_key: Path
    prefix: str = "tls"

    @classmethod
    def of(cls, prefix: str, settings: Settings) -> TlsFiles | None:
        """What the settings name; None if that is nothing. The key may be in the certificate's file."""
        certificate, key = getattr(settings, f"{prefix}_cert"), getattr(settings, f"{prefix}_key")
        return cls(Path(certificate), Path(key or certificate), prefix) if certificate else None


class CertificateInfo(NamedTuple):
    """What a certificate says of itself."""

    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    self_signed: bool
    chain_length: int
    """Certificates in the file: its own, and those between it and a root."""

    def days_left(self, now: datetime) -> float:
        return (self.not_after - now).total_seconds() / 86400


class TlsContext:
    """An `SSLContext` whose certificate can be replaced while connections are served: the next ones get the new one."""

    def __init__(self, files: TlsFiles) -> None:
        """Raises `TlsError`."""
        self.files = files
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.info: CertificateInfo
        self._seen = _stamp(files)
        self._load(files)

    def reload(self, files: TlsFiles | None = None) -> None:
        """Read the files again, or others. Raises `TlsError`; then everything stays as it was."""
        files = files or self.files
        self._seen = _stamp(files)
        self._load(files)
        self.files = files

    def look(self) -> None:
        """Read the files again if they have changed; what is wrong with them is logged, once for each change."""
        stamp = _stamp(self.files)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._load(self.files)
        except TlsError as error:
            log.error("the changed certificate cannot be used, the one before stays", error=str(error))

    async def watch(self) -> None:
        """`look` from time to time, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def _load(self, files: TlsFiles) -> None:
        # Tried on another context first: a certificate without its key must not end up in the one that is in use.
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), files)
        info = read_certificate(files)
        load_pair(self.context, files)
        self.info = info
        days = info.days_left(datetime.now(UTC))
        say = log.warning if days < SOON_DAYS else log.info
        say("certificate", names=info.names, not_after=info.not_after.isoformat(), days_left=round(days, 1))


def load_pair(context: ssl.SSLContext, files: TlsFiles) -> None:
    """Put a certificate and its key into `context`. Raises `TlsError`."""
    cert, key = f"{files.prefix}_cert", f"{files.prefix}_key"
    for name, path in ((cert, files.certificate), (key, files.private_key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise TlsError(f"{name}: cannot read {path}: {error.strerror}") from None

    def no_passphrase() -> str:
        raise TlsError(
            f"{key}: {files.private_key} has a passphrase, and nobody is there to type it: "
            f"`openssl pkey -in {files.private_key} -out FILE` writes it without one"
        )

    try:
        context.load_cert_chain(files.certificate, files.private_key, password=no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsError(
                f"{key}: the key in {files.private_key} is not that of the certificate in {files.certificate}"
            ) from None
        raise TlsError(
            f"{cert}: {files.certificate} and {files.private_key} are not a certificate and its private key in PEM "
            f"({error.reason or error})"
        ) from None


def read_certificate(files: TlsFiles) -> CertificateInfo:
    """What the first certificate in its file says. Raises `TlsError`."""
    path, name = files.certificate, f"{files.prefix}_cert"
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise TlsError(f"{name}: cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise TlsError(f"{name}: there is no certificate in PEM in {path}") from None
    own = chain[0]
    return CertificateInfo(
        names=_names(own),
        not_before=own.not_valid_before_utc,
        not_after=own.not_valid_after_utc,
        self_signed=own.issuer == own.subject,
        chain_length=len(chain),
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    except x509.ExtensionNotFound:
        return ()
    names = extension.value
    assert isinstance(names, x509.SubjectAlternativeName)
    addresses = names.get_values_for_type(x509.IPAddress)
    return (*names.get_values_for_type(x509.DNSName), *map(str, addresses))


def _stamp(files: TlsFiles) -> tuple[tuple[int, int, int] | None, ...]:
    """Changes when a file does; following links, as certbot's files are."""
    stamps: list[tuple[int, int, int] | None] = []
    for path in (files.certificate, files.private_key):
        try:
            status = path.stat()
        except OSError:
            stamps.append(None)
        else:
            stamps.append((status.st_mtime_ns, status.st_ino, status.st_size))
    return tuple(stamps)
