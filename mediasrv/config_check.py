"""What the types of settings cannot say: addresses, ports, secrets, and what does not go together."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from mediasrv.control.address import TcpAddress
from mediasrv.host_port import HostPort
from mediasrv.journal.settings import check_webhooks, parse_retention
from mediasrv.rooms.permissions import GrantsError, from_names
from mediasrv.rooms.settings import BITRATE_MIN_BPS, KNOWN_CODECS
from mediasrv.settings import ConfigError, Settings

SECRET_MIN_BYTES = 32  # HS256 with less is weaker than its hash (RFC 7518 §3.2)


def check(settings: Settings, sources: Mapping[str, str]) -> None:
    """Raises `ConfigError` with the source of the offending value."""
    try:
        _check_addresses(settings)
        _check_control(settings)
        _check_networks(settings)
        _check_urls(settings)
        _check_keys(settings)
        _check_rooms(settings)
        if settings.tls_key and not settings.tls_cert:
            raise _WrongError("tls_key", "a key without a certificate: give the certificate's file as tls_cert")
        for name, of_journal in (
            ("journal_retention", lambda: parse_retention(settings.journal_retention)),
            ("webhooks", lambda: check_webhooks(settings.webhooks)),
        ):
            try:
                of_journal()
            except ValueError as error:
                raise _WrongError(name, str(error)) from None
    except _WrongError as wrong:
        source = sources.get(wrong.name, "default")
        raise ConfigError(f"{wrong.name}: {wrong.problem}; set by {source}") from None


class _WrongError(Exception):
    def __init__(self, name: str, problem: str) -> None:
        super().__init__(problem)
        self.name = name
        self.problem = problem


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_addresses(settings: Settings) -> None:
    address = _http_address(settings)
    hosts = {"http": [address.host], "rtc_ip": settings.rtc_ip, "rtc_bind": settings.rtc_bind}
    for name in ("rtc_ip", "rtc_bind"):
        for text in hosts[name]:
            try:
                ip = ipaddress.ip_address(text)
            except ValueError:
                raise _WrongError(name, f"'{text}' is not an IP address (a host name will not do)") from None
            if name == "rtc_ip" and ip.is_unspecified:
                raise _WrongError(name, f"{text} is no address that a client could send to; give the machine's own")
    if settings.dev:
        for name, listed in hosts.items():
            for text in listed:
                if not is_loopback(text):
                    raise _WrongError(
                        name, f"{text} is not loopback, and with --dev everyone knows the key; use 127.0.0.1"
                    )
    if settings.rtc_port and settings.rtc_port + settings.worker_count - 1 > 65535:
        raise _WrongError("rtc_port", f"{settings.worker_count} workers need as many ports from {settings.rtc_port} on")


def _check_control(settings: Settings) -> None:
    try:
        addresses = settings.control_addresses
    except ValueError as error:
        raise _WrongError("control", str(error)) from None
    if bool(settings.control_tls_cert) != bool(settings.control_tls_key):
        missing = "control_tls_key" if settings.control_tls_cert else "control_tls_cert"
        raise _WrongError(missing, "a certificate and its key belong together, and this one is missing")
    for address in addresses:
        if not isinstance(address, TcpAddress) or is_loopback(address.host):
            continue
        if settings.dev:
            raise _WrongError("control", f"{address.host} is not loopback, and with --dev everyone knows the key")
        if not settings.control_tls_cert and not settings.control_plaintext:
            raise _WrongError(
                "control",
                f"{address} is not loopback, and without TLS tokens would cross the network in the clear: set "
                "control_tls_cert and control_tls_key, or control_plaintext if that network is yours alone",
            )


def _http_address(settings: Settings) -> HostPort:
    try:
        return settings.http_address
    except ConfigError as error:
        raise _WrongError("http", str(error)) from None


def _check_networks(settings: Settings) -> None:
    for name in ("trusted_proxies", "metrics_from"):
        for text in getattr(settings, name):
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError:
                raise _WrongError(name, f"'{text}' is not an IP address or network like 10.0.0.0/8") from None


def _check_urls(settings: Settings) -> None:
    for name in ("reconnect_url", "otel_endpoint"):
        text = getattr(settings, name)
        parts = urlsplit(text)
        if text and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise _WrongError(name, f"'{text}' is not a URL: it begins with https:// (or http://) and a host")


def _check_keys(settings: Settings) -> None:
    for key, secret in settings.keys.items():
        if not key:
            raise _WrongError("keys", "a key id is empty")
        if len(secret.encode()) < SECRET_MIN_BYTES:
            raise _WrongError(
                "keys",
                f"the secret of '{key}' has less than {SECRET_MIN_BYTES} bytes; `openssl rand -hex 32` makes one",
            )


def _check_rooms(settings: Settings) -> None:
    if 0 < settings.room_track_bitrate_bps < BITRATE_MIN_BPS:
        raise _WrongError(
            "room_track_bitrate_bps", f"no track does with less than {BITRATE_MIN_BPS}; give 0 for no bound"
        )
    try:
        from_names(settings.room_default_permissions)
    except GrantsError as error:
        raise _WrongError("room_default_permissions", str(error)) from None
    for codec in settings.room_codecs:
        if codec not in KNOWN_CODECS:
            raise _WrongError("room_codecs", f"'{codec}' is not one of {', '.join(KNOWN_CODECS)}")
