"""The server's settings: defaults < TOML file < environment < command line.

Every setting has one name everywhere: `rtc_port` in the file, `MEDIASRV_RTC_PORT` in the environment, `--rtc-port` on
the command line. In the environment a list is separated by commas, and a map, as `keys`, is `name:secret,name:secret`.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_origin

import msgspec

from mediasrv.control.address import ControlAddress, TcpAddress, parse_address
from mediasrv.journal.settings import Addresses, Webhook, check_webhooks, parse_retention
from mediasrv.rooms.settings import HISTORY_MAX_MESSAGES

ENVIRONMENT_PREFIX = "MEDIASRV_"
DEV_KEY = "devkey"
DEV_SECRET = "devsecret-devsecret-devsecret-32"
SECRET_MIN_BYTES = 32  # HS256 with less is weaker than its hash (RFC 7518 §3.2)

# Never shown, not even when they are wrong: a secret must not reach a terminal or a log.
SECRET_SETTINGS = frozenset({"database", "keys", "webhooks"})

LogLevel = Literal["debug", "info", "warning", "error"]
SrtpBackend = Literal["auto", "ipsec-mb", "libcrypto"]


class ConfigError(Exception):
    """A setting that the server cannot start with; the text names the setting, its source and what to do."""


class HostPort(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


MAX_WORKERS = 64  # as many as the media plane joins by pipes


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the server runs with. `rtc_ip` and `rtc_bind` may be empty: see `mediasrv.addresses`."""

    http: str = "127.0.0.1:8080"
    """Address and port of pages, /rpc, WHIP and WHEP."""
    control: tuple[str, ...] = ()
    """Where programs reach the control protocol besides /rpc: `unix:PATH` or `tcp:HOST:PORT`."""
    control_tls_cert: str = ""
    """Certificate chain (PEM file) for `tcp:`; empty: without TLS."""
    control_tls_key: str = ""
    """Its private key (PEM file)."""
    control_plaintext: bool = False
    """Whether `tcp:` may do without TLS at addresses that are not loopback."""
    rtc_ip: tuple[str, ...] = ()
    """Addresses told to clients as ICE candidates; empty: those of the interfaces with a default route."""
    rtc_bind: tuple[str, ...] = ()
    """Addresses to bind for media; empty: all, or loopback with `dev`."""
    rtc_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 7882
    """UDP port of the first worker, the next ones follow; 0: any free ports."""
    workers: Annotated[int, msgspec.Meta(ge=0, le=MAX_WORKERS)] = 0
    """Media threads; 0: one for each CPU this process may use."""
    room_spread: Annotated[int, msgspec.Meta(ge=1)] = 200
    """Peer connections that a room has on one worker before others go to the next."""
    dev: bool = False
    """Development: known key, console logs, loopback only."""
    keys: dict[str, str] = {}
    """Secrets that tokens are signed with, by key id."""
    token_leeway_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 10.0
    """By how many seconds the clocks of those who make tokens may be wrong."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.0/8", "::1")
    """Addresses and networks of proxies whose X-Forwarded-For is believed."""
    open_rooms: bool = True
    """Whether a room opens when somebody joins it; else only control sessions create rooms."""
    room_lobby: bool = False
    """Whether moderators let people into rooms that open by themselves."""
    room_history: Annotated[int, msgspec.Meta(ge=0, le=HISTORY_MAX_MESSAGES)] = 0
    """How many messages such a room keeps for those who come later."""
    resume_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 30.0
    """For how many seconds a session can be resumed whose signaling connection was lost."""
    data_dir: str = ""
    """Folder for what is kept; empty: see `mediasrv.store.data_folder`, or with `dev` one that goes with the server."""
    database: str = ""
    """`sqlite:PATH` or `postgresql://…`; empty: SQLite in `data_dir`."""
    journal_retention: dict[str, str] = {}
    """How long the journal keeps what, by event, field, or "default"; see `mediasrv.journal.settings`."""
    journal_addresses: Addresses = "truncated"
    """What the journal keeps of IP addresses: their network, all, or nothing."""
    webhooks: tuple[Webhook, ...] = ()
    """Receivers of the journal's records."""
    log_level: LogLevel = "info"
    srtp_backend: SrtpBackend = "auto"
    max_linger_us: Annotated[int, msgspec.Meta(ge=0, le=20_000)] = 2000
    """How long a loaded worker waits at most for more packets before it sends; 0: never."""

    @property
    def http_address(self) -> HostPort:
        return parse_host_port(self.http)

    @property
    def control_addresses(self) -> tuple[ControlAddress, ...]:
        return tuple(map(parse_address, self.control))

    @property
    def worker_count(self) -> int:
        return self.workers or min(len(os.sched_getaffinity(0)), MAX_WORKERS)


FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


class _Value(NamedTuple):
    value: Any
    source: str  # as a reader would name it: "environment variable MEDIASRV_HTTP"


def load(
    options: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Settings from all sources; `options` are those of the command line, None meaning not given.

    The file is `file`, else the one that MEDIASRV_CONFIG names, else none. Raises `ConfigError`.
    """
    if file is None and environment.get("MEDIASRV_CONFIG"):
        file = Path(environment["MEDIASRV_CONFIG"])
    layers: dict[str, _Value] = {}
    if file is not None:
        layers |= _from_file(file)
    layers |= _from_environment(environment)
    for name, value in (options or {}).items():
        if value is not None:
            layers[name] = _Value(value, f"option --{name.replace('_', '-')}")
    settings = Settings(**{name: _convert(name, *layer) for name, layer in layers.items()})
    return _check(_with_dev_defaults(settings), {name: layer.source for name, layer in layers.items()})


def require_keys(settings: Settings) -> None:
    """Raise `ConfigError` if no token could ever be valid."""
    if not settings.keys:
        raise ConfigError(
            "no keys are configured, so no token could be valid and nobody could join.\n"
            "Make a secret with `openssl rand -hex 32` and put it into the configuration file (--config):\n"
            '    [keys]\n    main = "THE SECRET"\n'
            "or into the environment: MEDIASRV_KEYS=main:THE-SECRET. To try things out on this machine, use --dev."
        )


def parse_host_port(text: str) -> HostPort:
    """`127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`; raises `ConfigError`."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ConfigError(f"'{text}' is ambiguous: write an IPv6 address in brackets, like [::1]:8080")
    if not colon or not host:
        raise ConfigError(f"'{text}' is not HOST:PORT; write 127.0.0.1:8080, or 0.0.0.0:8080 for every address")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ConfigError(f"'{port}' in '{text}' is not a port from 0 to 65535")
    return HostPort(host, int(port))


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _from_file(path: Path) -> dict[str, _Value]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {path}: {error.strerror}") from None
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    for name in table:
        if name not in FIELDS:
            raise ConfigError(f"{path}: unknown key '{name}'{_suggestion(name)}")
    return {name: _Value(value, str(path)) for name, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, _Value]:
    layers = {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name in FIELDS:
            layers[name] = _Value(_parse_text(name, text), f"environment variable {variable}")
        # Only what looks like a slip is an error: Kubernetes sets MEDIASRV_SERVICE_HOST and the like by itself.
        elif name != "config" and difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.8):
            raise ConfigError(f"unknown environment variable {variable}{_suggestion(name, ENVIRONMENT_PREFIX)}")
    return layers


def _parse_text(name: str, text: str) -> Any:
    kind = get_origin(FIELDS[name].type)
    if name == "webhooks":  # a list of tables has no simpler form than the file's
        try:
            return tomllib.loads(f"webhooks = {text}")["webhooks"]
        except ValueError:
            raise ConfigError("MEDIASRV_WEBHOOKS is not a list of TOML tables: [{url = '…', secret = '…'}]") from None
    if kind is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is dict:
        pairs = [part.partition(":") for part in text.split(",") if part.strip()]
        return {key.strip(): value.strip() for key, _, value in pairs}
    return text


def _convert(name: str, value: Any, source: str) -> Any:
    try:
        return msgspec.convert(value, FIELDS[name].type, strict=not isinstance(value, str))
    except msgspec.ValidationError as error:
        shown = "" if name in SECRET_SETTINGS else f" (got {value!r})"
        raise ConfigError(f"{name}: {error}{shown}; set by {source}") from None


def _with_dev_defaults(settings: Settings) -> Settings:
    if not settings.dev:
        return settings
    return msgspec.structs.replace(
        settings,
        keys=settings.keys or {DEV_KEY: DEV_SECRET},
        rtc_ip=settings.rtc_ip or ("127.0.0.1",),
        rtc_bind=settings.rtc_bind or ("127.0.0.1",),
    )


def _check(settings: Settings, sources: Mapping[str, str]) -> Settings:
    """What types alone cannot say; raises `ConfigError` with the source of the offending value."""

    def fail(name: str, problem: str) -> ConfigError:
        return ConfigError(f"{name}: {problem}; set by {sources.get(name, 'default')}")

    try:
        address = settings.http_address
    except ConfigError as error:
        raise fail("http", str(error)) from None
    hosts = {"http": [address.host], "rtc_ip": settings.rtc_ip, "rtc_bind": settings.rtc_bind}
    for name in ("rtc_ip", "rtc_bind"):
        for text in hosts[name]:
            try:
                ip = ipaddress.ip_address(text)
            except ValueError:
                raise fail(name, f"'{text}' is not an IP address (a host name will not do)") from None
            if name == "rtc_ip" and ip.is_unspecified:
                raise fail(name, f"{text} is no address that a client could send to; give the machine's own")
    for text in settings.trusted_proxies:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise fail("trusted_proxies", f"'{text}' is not an IP address or network like 10.0.0.0/8") from None
    if settings.dev:
        for name, listed in hosts.items():
            for text in listed:
                if not is_loopback(text):
                    raise fail(name, f"{text} is not loopback, and with --dev everyone knows the key; use 127.0.0.1")
    _check_control(settings, fail)
    if settings.rtc_port and settings.rtc_port + settings.worker_count - 1 > 65535:
        raise fail("rtc_port", f"{settings.worker_count} workers need as many ports from {settings.rtc_port} on")
    for name, check in (
        ("journal_retention", lambda: parse_retention(settings.journal_retention)),
        ("webhooks", lambda: check_webhooks(settings.webhooks)),
    ):
        try:
            check()
        except ValueError as error:
            raise fail(name, str(error)) from None
    for key, secret in settings.keys.items():
        if not key:
            raise fail("keys", "a key id is empty")
        if len(secret.encode()) < SECRET_MIN_BYTES:
            raise fail(
                "keys",
                f"the secret of '{key}' has less than {SECRET_MIN_BYTES} bytes; `openssl rand -hex 32` makes one",
            )
    return settings


def _check_control(settings: Settings, fail: Callable[[str, str], ConfigError]) -> None:
    try:
        addresses = settings.control_addresses
    except ValueError as error:
        raise fail("control", str(error)) from None
    if bool(settings.control_tls_cert) != bool(settings.control_tls_key):
        missing = "control_tls_key" if settings.control_tls_cert else "control_tls_cert"
        raise fail(missing, "a certificate and its key belong together, and this one is missing")
    for address in addresses:
        if not isinstance(address, TcpAddress) or is_loopback(address.host):
            continue
        if settings.dev:
            raise fail("control", f"{address.host} is not loopback, and with --dev everyone knows the key")
        if not settings.control_tls_cert and not settings.control_plaintext:
            raise fail(
                "control",
                f"{address} is not loopback, and without TLS tokens would cross the network in the clear: set "
                "control_tls_cert and control_tls_key, or control_plaintext if that network is yours alone",
            )


def _suggestion(name: str, prefix: str = "") -> str:
    close = difflib.get_close_matches(name.lower().replace("-", "_"), FIELDS, n=1)
    if close:
        return f"; did you mean '{prefix}{close[0].upper() if prefix else close[0]}'?"
    return f"; known keys are {', '.join(sorted(FIELDS))}"
