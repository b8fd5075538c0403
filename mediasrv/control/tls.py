"""The server's certificate for TCP, from files."""

from __future__ import annotations

import ssl


class TlsError(Exception):
    """Certificate or key cannot be used; the text says why and what to do."""


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 and later with the certificate chain and the key in these PEM files. Raises `TlsError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).lower().replace("_", " ")
        raise TlsError(f"{certificate} and {key} are no certificate with its key, in PEM: {reason}") from None
    except OSError as error:
        raise TlsError(f"cannot read {certificate} and {key}: {error.strerror}") from None
    except ValueError:
        raise TlsError(f"{key} needs a password; give a key without one, readable by the server alone") from None
    return context


def _no_password() -> str:
    raise ValueError
