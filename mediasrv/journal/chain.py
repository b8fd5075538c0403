"""The chain over all records, in which a change of any of them shows.

A record's `content` is a JSON text that is stored as it was hashed, so that nobody has to write JSON the same way:

    digest = SHA-256(content)
    hash   = SHA-256(hash of the record before || digest)
    mac    = HMAC-SHA-256(key, hash)

The hashes can be checked by anybody, and one that was noted elsewhere vouches for all records up to it. The macs need
the key, which is not in the database: who can write there but does not have it cannot make a whole new chain.

A personal field is not in the content, only its commitment: SHA-256(salt || value in JSON), the salt 128 random bits
in hexadecimal. Erasing salt and value leaves the content as it was, and nothing that guesses could be tried against.
Erasing is signed too, else whoever may write could erase what they like and call it retention.

There is one chain for the whole journal and not one for each room, because in one chain a room cannot be left out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from mediasrv.journal.records import Record

ALL_FIELDS = "*"
"""In `erased`: the content too."""
SALT_BYTES = 16
KEY_BYTES = 32

Personal = dict[str, tuple[str, Any]]
"""Field -> salt, value."""
Erased = dict[str, tuple[int, str]]
"""Field, or `ALL_FIELDS` -> when (ms since the Unix epoch), mac in hexadecimal."""


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the chain commits to. `personal`: commitments by field."""

    position: int
    room: str
    room_id: str
    seq: int
    ts: str
    participant: str | None
    event: str
    fields: dict[str, Any]
    personal: dict[str, str]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A record as it is stored; the columns of `store.tables.journal_records`."""

    position: int
    room_id: str
    seq: int
    room: str | None
    event: str | None
    ts_ms: int | None
    content: str | None
    digest: bytes | None
    hash: bytes
    mac: bytes
    personal: str | None
    erased: str | None

    @property
    def content_digest(self) -> bytes | None:
        """Of the content that is there, else the one kept of an erased content."""
        return content_digest(self.content) if self.content is not None else self.digest


def genesis(journal_id: str) -> bytes:
    """The hash before the first record."""
    return hashlib.sha256(f"mediasrv journal 1 {journal_id}".encode()).digest()


def content_digest(content: str) -> bytes:
    return hashlib.sha256(content.encode()).digest()


def next_hash(previous: bytes, digest: bytes) -> bytes:
    return hashlib.sha256(previous + digest).digest()


def commitment(salt: str, value: Any) -> str:
    return hashlib.sha256(salt.encode() + msgspec.json.encode(value)).hexdigest()


def encode(value: Any) -> str:
    """As JSON; the columns `content`, `personal` and `erased` are written by this alone."""
    return msgspec.json.encode(value).decode()


def searchable(room: str) -> str:
    """A room's name in its column: PostgreSQL has no NUL in texts."""
    return room.replace("\0", "\N{REPLACEMENT CHARACTER}")


def milliseconds(ts: str) -> int:
    """Of a record's `ts`, since the Unix epoch."""
    if len(ts) == _TS_CHARACTERS and ts.endswith("Z"):
        return _second_of(ts[:_SECOND_CHARACTERS]) * 1000 + int(ts[_SECOND_CHARACTERS + 1 : -1])
    return round(datetime.fromisoformat(ts).timestamp() * 1000)


def timestamp(ms: int) -> str:
    """A record's `ts`: UTC in RFC 3339."""
    return f"{_text_of(ms // 1000)}.{ms % 1000:03}Z"


_SECOND_CHARACTERS = len("2026-01-31T12:00:00")
_TS_CHARACTERS = len("2026-01-31T12:00:00.000Z")


# Many records are of the same second.
@lru_cache(maxsize=64)
def _text_of(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


@lru_cache(maxsize=64)
def _second_of(text: str) -> int:
    return int(datetime.fromisoformat(text + "Z").timestamp())


class Signer:
    """What the key is used for."""

    def __init__(self, key: bytes, journal_id: str) -> None:
        self._key = key
        self._journal_id = journal_id

    def record(self, hash_: bytes) -> bytes:
        return hmac.digest(self._key, hash_, "sha256")

    def erasure(self, row: Row, what: str, at_ms: int) -> str:
        digest = row.content_digest or b""
        return self._statement("erased", row.position, row.room_id, row.seq, digest.hex(), what, at_ms).hex()

    def pruning(self, position: int, hash_: bytes) -> bytes:
        return self._statement("pruned", position, hash_.hex())

    def _statement(self, *parts: object) -> bytes:
        text = encode([self._journal_id, *(str(part) for part in parts)])
        return hmac.digest(self._key, text.encode(), "sha256")


def key_id(key: bytes) -> str:
    """Tells keys apart and says nothing of them."""
    return hashlib.sha256(b"mediasrv journal key id " + key).hexdigest()[:16]


def seal(
    record: Record,
    position: int,
    previous: bytes,
    signer: Signer,
    salt: Callable[[], str] = lambda: secrets.token_hex(SALT_BYTES),
) -> Row:
    """The row for `record`, behind the one with the hash `previous`."""
    personal: Personal = {name: (salt(), record.fields[name]) for name in record.personal}
    content = encode(
        Content(
            position=position,
            room=record.room,
            room_id=record.room_id,
            seq=record.seq,
            ts=record.ts,
            participant=record.participant,
            event=record.event,
            fields=dict(record.without_personal().fields) if personal else dict(record.fields),
            personal={name: commitment(*value) for name, value in personal.items()},
        )
    )
    hash_ = next_hash(previous, content_digest(content))
    return Row(
        position=position,
        room_id=record.room_id,
        seq=record.seq,
        room=searchable(record.room),
        event=record.event,
        ts_ms=milliseconds(record.ts),
        content=content,
        digest=None,
        hash=hash_,
        mac=signer.record(hash_),
        personal=encode(personal) if personal else None,
        erased=None,
    )


def erase_fields(row: Row, names: set[str] | frozenset[str], at_ms: int, signer: Signer) -> Row:
    """The row without the salts and values of the personal fields `names`."""
    personal = decode_personal(row.personal)
    gone = personal.keys() & names
    erased = decode_erased(row.erased) | {name: (at_ms, signer.erasure(row, name, at_ms)) for name in gone}
    kept = {name: value for name, value in personal.items() if name not in gone}
    return msgspec.structs.replace(
        row, personal=encode(kept) if kept else None, erased=encode(erased) if erased else None
    )


def erase(row: Row, at_ms: int, signer: Signer) -> Row:
    """The row without anything that it said; its place in the chain and in its room stays."""
    erased: Erased = {ALL_FIELDS: (at_ms, signer.erasure(row, ALL_FIELDS, at_ms))}
    return msgspec.structs.replace(
        row,
        room=None,
        event=None,
        ts_ms=None,
        content=None,
        digest=row.content_digest,
        personal=None,
        erased=encode(erased),
    )


def record_of(content: str | None, personal: str | None) -> Record | None:
    """The record of a row, without what was erased; None if that is all of it."""
    if content is None:
        return None
    said = decode_content(content)
    return Record(
        seq=said.seq,
        ts=said.ts,
        room=said.room,
        room_id=said.room_id,
        participant=said.participant,
        event=said.event,
        fields={**{name: value for name, (_salt, value) in decode_personal(personal).items()}, **said.fields},
    )


_content = msgspec.json.Decoder(Content)
_personal = msgspec.json.Decoder(Personal)
_erased = msgspec.json.Decoder(Erased)


def decode_content(text: str) -> Content:
    """Raises `msgspec.DecodeError` or `msgspec.ValidationError`, as the two below."""
    return _content.decode(text)


def decode_personal(text: str | None) -> Personal:
    return _personal.decode(text) if text is not None else {}


def decode_erased(text: str | None) -> Erased:
    return _erased.decode(text) if text is not None else {}
