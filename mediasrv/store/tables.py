"""The tables of the database. `migrations/versions` makes and changes them; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

# SQLite keeps the rows of a table in the order of its INTEGER PRIMARY KEY, and of no other type.
Position = BigInteger().with_variant(Integer, "sqlite")

# One line says what the journal of this database is.
journals = Table(
    "journals",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("key_id", String(16), nullable=False),  # of the key its records are signed with
    # Records up to here were erased and are gone; the chain begins behind them (`journal/chain.py`).
    Column("pruned_position", BigInteger, nullable=False),
    Column("pruned_hash", LargeBinary(32), nullable=False),
    Column("pruned_mac", LargeBinary(32), nullable=False),
)

_HAS_PERSONAL = text("personal IS NOT NULL")

# `content` is what the chain commits to; the columns before it repeat what is searched for.
journal_records = Table(
    "journal_records",
    metadata,
    Column("position", Position, primary_key=True, autoincrement=False),
    Column("room_id", String(64), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("room", Text, nullable=True),  # this and the next two: NULL once the record is erased
    Column("event", String(64), nullable=True),
    Column("ts_ms", BigInteger, nullable=True),  # since the Unix epoch
    Column("content", Text, nullable=True),
    Column("digest", LargeBinary(32), nullable=True),  # of an erased content
    Column("hash", LargeBinary(32), nullable=False),
    Column("mac", LargeBinary(32), nullable=False),
    Column("personal", Text, nullable=True),  # {field: [salt, value]} of what is not erased
    Column("erased", Text, nullable=True),  # {field, or "*": [when, mac]}
    UniqueConstraint("room_id", "seq", name="journal_records_room_seq"),
    Index("journal_records_room", "room", "position"),
    Index("journal_records_event", "event", "ts_ms"),
    Index("journal_records_personal", "ts_ms", sqlite_where=_HAS_PERSONAL, postgresql_where=_HAS_PERSONAL),
)

# Rooms whose `room_closed` is still to come.
journal_open_rooms = Table(
    "journal_open_rooms",
    metadata,
    Column("room_id", String(64), primary_key=True),
)

# Deliveries that are still to be made, or were given up.
webhook_outbox = Table(
    "webhook_outbox",
    metadata,
    Column("webhook", String(255), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("room_id", String(64), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("queued_ms", BigInteger, nullable=False),
    Column("dead_ms", BigInteger, nullable=True),  # when it was given up
    Column("error", Text, nullable=True),  # the last one, in words
    Index("webhook_outbox_pending", "webhook", "dead_ms", "position"),
)

# Who may not come into which room. Rows go when their time is up, or the ban is lifted, or the person is erased.
bans = Table(
    "bans",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("content", Text, nullable=False),  # JSON, in which any name can be written (PostgreSQL's TEXT has no NUL)
)
