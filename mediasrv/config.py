"""Where the server's settings come from: defaults < TOML file < environment < command line.

Every setting has one name everywhere: `rtc_port` in the file, `MEDIASRV_RTC_PORT` in the environment, `--rtc-port` on
the command line. In the environment a list is separated by commas, and a map, as `keys`, is `name:secret,name:secret`.

In the file, those of rooms may stand in a table of their own: `[rooms]` with `lobby` is `room_lobby`.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import msgspec

from mediasrv import room_defaults
from mediasrv.config_check import check
from mediasrv.host_port import HostPort as HostPort
from mediasrv.settings import DEV_KEY as DEV_KEY
from mediasrv.settings import DEV_SECRET as DEV_SECRET
from mediasrv.settings import FIELDS as FIELDS
from mediasrv.settings import SECRET_SETTINGS
from mediasrv.settings import ConfigError as ConfigError
from mediasrv.settings import Settings as Settings
from mediasrv.settings import parse_host_port as parse_host_port

ENVIRONMENT_PREFIX = "MEDIASRV_"
DEV_SOURCE = "--dev"


class _Value(NamedTuple):
    value: Any
    source: str  # as a reader would name it: "environment variable MEDIASRV_HTTP"


class Loaded(NamedTuple):
    """Settings, and for those that are not defaults where they come from, as a reader would name it."""

    settings: Settings
    sources: Mapping[str, str]


def load(
    options: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Settings from all sources; `options` are those of the command line, None meaning not given.

    The file is `file`, else the one that MEDIASRV_CONFIG names, else none. Raises `ConfigError`.
    """
    return load_with_sources(options, file=file, environment=environment).settings


def load_with_sources(
    options: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Loaded:
    """As `load`, with the source of each setting. Raises `ConfigError`."""
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
    sources = {name: layer.source for name, layer in layers.items()}
    if settings.dev:
        settings = _with_dev_defaults(settings, sources)
    check(settings, sources)
    return Loaded(settings, sources)


def require_keys(settings: Settings) -> None:
    """Raise `ConfigError` if no token could ever be valid."""
    if not settings.keys:
        raise ConfigError(
            "no keys are configured, so no token could be valid and nobody could join.\n"
            "Make a secret with `openssl rand -hex 32` and put it into the configuration file (--config):\n"
            '    [keys]\n    main = "THE SECRET"\n'
            "or into the environment: MEDIASRV_KEYS=main:THE-SECRET. To try things out on this machine, use --dev."
        )


def _from_file(path: Path) -> dict[str, _Value]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {path}: {error.strerror}") from None
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    rooms = table.pop(room_defaults.TABLE, {})
    for name in table:
        if name not in FIELDS:
            raise ConfigError(f"{path}: unknown key '{name}'{_suggestion(name)}")
    layers = {name: _Value(value, str(path)) for name, value in table.items()}
    if not isinstance(rooms, dict):
        raise ConfigError(f"{path}: rooms is a table: write [rooms], and below it what rooms shall be like")
    try:
        for name, value in room_defaults.from_table(rooms):
            if name in layers:
                raise ConfigError(f"{path}: {name} is set twice, by itself and in [rooms]")
            layers[name] = _Value(value, f"[rooms] of {path}")
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    return layers


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
            raise ConfigError(f"unknown environment variable {variable}{_suggestion(name, prefix=ENVIRONMENT_PREFIX)}")
    return layers


def _kind(name: str) -> Any:
    """The type of a setting as `get_origin` names it: tuple, dict, or None for what is a single value."""
    annotated = FIELDS[name].type
    return get_origin(get_args(annotated)[0] if get_origin(annotated) is Annotated else annotated)


def _parse_text(name: str, text: str) -> Any:
    kind = _kind(name)
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
        hint = _suggested_field(FIELDS[name].type, str(error))
        raise ConfigError(f"{name}: {error}{shown}{hint}; set by {source}") from None


def _suggested_field(kind: Any, error: str) -> str:
    """What may be meant by a key that a table of this type does not have; empty if the error is another one."""
    unknown = re.search(r"unknown field `([^`]+)`", error)
    if unknown is None:
        return ""
    while not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        kind = get_args(kind)[0]
    return _suggestion(unknown[1], kind.__struct_fields__)


def _with_dev_defaults(settings: Settings, sources: dict[str, str]) -> Settings:
    """`dev`'s own defaults, for what nobody has set; `sources` gets them too."""
    changes: dict[str, Any] = {}
    if not settings.keys:
        changes["keys"] = {DEV_KEY: DEV_SECRET}
    for name in ("rtc_ip", "rtc_bind"):
        if not getattr(settings, name):
            changes[name] = ("127.0.0.1",)
    if "drain_s" not in sources:
        changes["drain_s"] = 0.0
    sources.update(dict.fromkeys(changes, DEV_SOURCE))
    return msgspec.structs.replace(settings, **changes)


def _suggestion(name: str, known: Collection[str] = (), prefix: str = "") -> str:
    known = known or (FIELDS if prefix else (room_defaults.TABLE, *FIELDS))
    close = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1)
    if close:
        return f"; did you mean '{prefix}{close[0].upper() if prefix else close[0]}'?"
    return f"; known keys are {', '.join(sorted(known))}"
