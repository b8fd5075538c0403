"""The settings as a commented TOML file: what each means, what it is, and where that comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from mediasrv.config import Loaded
from mediasrv.room_defaults import PATHS, TABLE, TABLE_MEANINGS
from mediasrv.settings import SECRET_SETTINGS, description

MASK = "********"
DEFAULT = "default"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def as_toml(loaded: Loaded) -> str:
    """A file that the server takes, but for the secrets, which are masked."""
    tables: dict[str, list[str]] = {"": []}  # what belongs to none stands before all of them
    for name, value in _shown(loaded).items():
        above, key = _place(name)
        if above not in tables:
            tables[above] = [f"# {TABLE_MEANINGS[above]}\n[{above}]\n"]
        line = f"{key} = {_toml(value)}  # {loaded.sources.get(name, DEFAULT)}"
        tables[above].append(f"# {description(name)}\n{line}\n")
    return "\n".join(paragraph for paragraphs in tables.values() for paragraph in paragraphs)


def _place(name: str) -> tuple[str, str]:
    """Of a setting in the file: the table, or nothing, and the key."""
    if name not in PATHS:
        return "", name
    *above, key = PATHS[name]
    return ".".join((TABLE, *above)), key


def as_json(loaded: Loaded) -> str:
    """`{name: {value, source, description}}`, secrets masked."""
    settings = {
        name: {"value": value, "source": loaded.sources.get(name, DEFAULT), "description": description(name)}
        for name, value in _shown(loaded).items()
    }
    return json.dumps(settings, indent=2, ensure_ascii=False)


def _shown(loaded: Loaded) -> Mapping[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(loaded.settings)
    return {name: _masked(name, value) if name in SECRET_SETTINGS else value for name, value in values.items()}


def _masked(name: str, value: Any) -> Any:
    if name == "keys":
        return dict.fromkeys(value, MASK)
    if name == "webhooks":
        # What follows a `?` in a URL may be a secret too.
        return [{**each, "secret": MASK, "url": each["url"].partition("?")[0]} for each in value]
    if name == "database" and (parts := urlsplit(value)).netloc:
        return (
            f"{parts.scheme}://{MASK}@{parts.netloc.rpartition('@')[2]}{parts.path}"
            if parts.password
            else (f"{parts.scheme}://{parts.netloc}{parts.path}")
        )
    return value


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(key)} = {_toml(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    # JSON's strings, numbers and truth values are TOML's, with this one character that TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _toml(key)
