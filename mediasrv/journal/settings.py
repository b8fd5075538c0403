"""What can be set of the journal, and in which words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from mediasrv.journal.records import EVENTS, PERSONAL_FIELDS

Addresses = Literal["truncated", "full", "none"]

FOREVER = "forever"
DEFAULT, PERSONAL = "default", "personal"
RETENTION_DEFAULTS = {DEFAULT: "90d", PERSONAL: "30d", "address": "7d"}
RETENTION_KEYS = EVENTS | PERSONAL_FIELDS | RETENTION_DEFAULTS.keys()
WEBHOOK_SECRET_MIN_BYTES = 32
ALL_EVENTS = "*"

_DAY_MS = 86_400_000
_UNITS_MS = {"h": 3_600_000, "d": _DAY_MS, "w": 7 * _DAY_MS, "y": 365 * _DAY_MS}


class Retention(msgspec.Struct, frozen=True):
    """How long things are kept, in ms; None is for ever. A field goes at its own time, or with its record if that is
    earlier."""

    record: Mapping[str, int | None]
    """By event; `default` for the others."""
    field: Mapping[str, int | None]
    """By personal field; all of them are there."""

    def of_event(self, event: str) -> int | None:
        return self.record[event] if event in self.record else self.record[DEFAULT]


class Webhook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receiver of records. `name` is what commands and logs call it; `events` may be `["*"]`."""

    url: str
    secret: str
    events: tuple[str, ...] = (ALL_EVENTS,)
    name: str = ""

    @property
    def called(self) -> str:
        """Its name, else its host and path: what follows a `?` may be a secret."""
        parts = urlsplit(self.url)
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
        return self.name or (host + parts.path).rstrip("/")

    def wants(self, event: str) -> bool:
        return ALL_EVENTS in self.events or event in self.events

    def __repr__(self) -> str:
        return f"Webhook({self.called})"  # without the secret


def parse_retention(setting: Mapping[str, str]) -> Retention:
    """What the setting `journal_retention` says, over the defaults. Raises `ValueError`."""
    for key in setting:
        if key not in RETENTION_KEYS:
            raise ValueError(f"there is nothing called '{key}' to keep{_suggestion(key, RETENTION_KEYS)}")
    spans = {key: parse_span(text) for key, text in (RETENTION_DEFAULTS | dict(setting)).items()}
    field = {name: spans.get(name, spans[PERSONAL]) for name in PERSONAL_FIELDS}
    record = {name: span for name, span in spans.items() if name in EVENTS or name == DEFAULT}
    return Retention(record=record, field=field)


def parse_span(text: str) -> int | None:
    """`12h`, `30d`, `6w`, `2y` in ms; None is `forever`. Raises `ValueError`."""
    if text == FOREVER:
        return None
    match = re.fullmatch(r"(\d{1,6})([hdwy])", text)
    if not match or not int(match[1]):
        raise ValueError(f"'{text}' is not a time to keep something; write for example 12h, 30d, 6w, 2y or forever")
    return int(match[1]) * _UNITS_MS[match[2]]


def check_webhooks(webhooks: tuple[Webhook, ...]) -> None:
    """Raises `ValueError` for what types cannot say; never names a secret."""
    for webhook in webhooks:
        parts = urlsplit(webhook.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the url of a webhook begins with https:// (or http://) and a host")
        if len(webhook.secret.encode()) < WEBHOOK_SECRET_MIN_BYTES:
            raise ValueError(
                f"the secret of {webhook.called} has less than {WEBHOOK_SECRET_MIN_BYTES} bytes; "
                "`openssl rand -hex 32` makes one"
            )
        for event in webhook.events:
            if event != ALL_EVENTS and event not in EVENTS:
                raise ValueError(f"{webhook.called}: there is no event '{event}'{_suggestion(event, EVENTS)}")
        if len(webhook.called) > 255:
            raise ValueError(f"{webhook.called[:60]}…: give it a shorter `name`")
    names = [webhook.called for webhook in webhooks]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two webhooks are called {name}: give each its own `name`")


def _suggestion(word: str, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(sorted(known))}"
