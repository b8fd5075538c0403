"""https from files: what is served, what replaces it while it is served, and what is wrong with files."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509

from mediasrv.settings import Settings
from mediasrv.tls import TlsContext, TlsError, TlsFiles, read_certificate
from tests.control.tls_files import Authority, write_pair


@asynccontextmanager
async def served(tls: TlsContext) -> AsyncIterator[int]:
    """A TLS server on loopback: its port."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def certificate_at(port: int, trusted: bytes) -> x509.Certificate:
    """What the server shows to somebody who trusts `trusted` and wants `localhost`."""
    client = ssl.create_default_context(cadata=trusted.decode())
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(shown)


async def test_what_is_served_is_what_is_in_the_files(tmp_path):
    authority = Authority()
    files = TlsFiles(*write_pair(tmp_path, authority=authority))
    async with served(TlsContext(files)) as port:
        shown = await certificate_at(port, authority.pem)
    assert shown == x509.load_pem_x509_certificate(files.certificate.read_bytes())


async def test_certificate_and_key_may_be_in_one_file(tmp_path):
    authority = Authority()
    certificate, key = write_pair(tmp_path, authority=authority)
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    of_both = TlsFiles.of("tls", Settings(tls_cert=str(both)))
    assert of_both is not None
    async with served(TlsContext(of_both)) as port:
        await certificate_at(port, authority.pem)


async def test_changed_files_are_served_without_a_restart(tmp_path):
    authority = Authority()
    files = TlsFiles(*write_pair(tmp_path, authority=authority, days=1))
    tls = TlsContext(files)
    async with served(tls) as port:
        before = await certificate_at(port, authority.pem)
        tls.look()
        assert await certificate_at(port, authority.pem) == before
        write_pair(tmp_path, authority=authority)
        tls.look()
        after = await certificate_at(port, authority.pem)
    assert after != before
    assert tls.info.not_after == after.not_valid_after_utc


async def test_half_of_a_change_does_no_harm(tmp_path):
    """Who looks between the new certificate and its new key goes on with the pair before."""
    authority = Authority()
    files = TlsFiles(*write_pair(tmp_path, authority=authority))
    tls = TlsContext(files)
    async with served(tls) as port:
        before = await certificate_at(port, authority.pem)
        elsewhere = tmp_path / "new"
        elsewhere.mkdir()
        certificate, key = write_pair(elsewhere, authority=authority)
        certificate.replace(files.certificate)
        tls.look()
        assert await certificate_at(port, authority.pem) == before
        with pytest.raises(TlsError, match="is not that of the certificate"):
            tls.reload()
        assert await certificate_at(port, authority.pem) == before
        key.replace(files.private_key)
        tls.look()
        assert await certificate_at(port, authority.pem) != before


def test_what_a_certificate_says(tmp_path):
    info = read_certificate(TlsFiles(*write_pair(tmp_path, name="call.example.org")))
    assert info.names == ("call.example.org", "127.0.0.1")
    assert (info.self_signed, info.chain_length) == (True, 1)


def missing(folder: Path) -> TlsFiles:
    return TlsFiles(folder / "cert.pem", folder / "nowhere.pem")


def another_key(folder: Path) -> TlsFiles:
    other = folder / "other"
    other.mkdir()
    return TlsFiles(folder / "cert.pem", write_pair(other)[1])


def nothing_in_it(folder: Path) -> TlsFiles:
    (folder / "cert.pem").write_text("hello")
    return TlsFiles(folder / "cert.pem", folder / "key.pem")


def with_a_passphrase(folder: Path) -> TlsFiles:
    return TlsFiles(*write_pair(folder, passphrase=b"secret"))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (missing, r"tls_key: cannot read .*nowhere.pem: No such file"),
        (another_key, r"tls_key: the key in .* is not that of the certificate"),
        (nothing_in_it, r"tls_cert: .* are not a certificate and its private key in PEM"),
        (with_a_passphrase, r"tls_key: .* has a passphrase.*openssl pkey"),
    ],
)
def test_wrong_files_are_named(tmp_path, wrong, says):
    write_pair(tmp_path)
    with pytest.raises(TlsError, match=says):
        TlsContext(wrong(tmp_path))
