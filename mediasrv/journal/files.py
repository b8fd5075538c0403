"""The journal's files beside its database: the key its records are signed with, the spool, and the noted head."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec

from mediasrv.journal.chain import KEY_BYTES
from mediasrv.journal.verification import Head
from mediasrv.store.database import DatabaseError

KEY_NAME = "journal.key"
SPOOL_NAME = "journal.spool"
HEAD_NAME = "journal.head"
OLD_HEAD_NAME = "journal.head.missing"
"""A head that was noted, but that the journal did not have when the server started."""


def read_key(path: Path) -> bytes | None:
    """The key, None if there is no such file. Raises `DatabaseError`."""
    try:
        text = path.read_text(encoding="ascii").strip()
        key = bytes.fromhex(text)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DatabaseError(f"cannot read the journal's key {path}: {error.strerror}") from None
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise DatabaseError(f"{path} is no key: it should have {2 * KEY_BYTES} hexadecimal digits")
    return key


def read_or_make_key(path: Path) -> bytes:
    """The key, a new one if there is none. Raises `DatabaseError`."""
    key = read_key(path)
    if key is not None:
        return key
    key = secrets.token_bytes(KEY_BYTES)
    try:
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600), encoding="ascii") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DatabaseError(f"cannot write the journal's key {path}: {error.strerror}") from None
    return key


def read_head(path: Path) -> Head | None:
    """None if there is no such file. Raises `DatabaseError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Head)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DatabaseError(f"cannot read the noted head {path}: {error.strerror}") from None
    except msgspec.DecodeError:
        raise DatabaseError(f"{path} is damaged, so it cannot be seen whether the journal's end is missing") from None


def read_heads(folder: Path) -> list[Head]:
    """What a journal must reach. Raises `DatabaseError`."""
    heads = (read_head(folder / name) for name in (HEAD_NAME, OLD_HEAD_NAME))
    return [head for head in heads if head is not None]


def set_head_aside(folder: Path) -> None:
    """Keep the noted head for verification, as one that the journal lacks. Raises `OSError`."""
    (folder / HEAD_NAME).rename(folder / OLD_HEAD_NAME)


def write_head(path: Path, head: Head) -> None:
    """Replace the noted head as a whole. Raises `OSError`."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(head))
    fresh.rename(path)
