"""The journal and the webhooks' outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "journals",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("pruned_position", sa.BigInteger, nullable=False),
        sa.Column("pruned_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("pruned_mac", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "journal_records",
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False
        ),
        sa.Column("room_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("room", sa.Text),
        sa.Column("event", sa.String(64)),
        sa.Column("ts_ms", sa.BigInteger),
        sa.Column("content", sa.Text),
        sa.Column("digest", sa.LargeBinary(32)),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
        sa.Column("personal", sa.Text),
        sa.Column("erased", sa.Text),
        sa.UniqueConstraint("room_id", "seq", name="journal_records_room_seq"),
    )
    op.create_index("journal_records_room", "journal_records", ["room", "position"])
    op.create_index("journal_records_event", "journal_records", ["event", "ts_ms"])
    has_personal = sa.text("personal IS NOT NULL")
    op.create_index(
        "journal_records_personal",
        "journal_records",
        ["ts_ms"],
        sqlite_where=has_personal,
        postgresql_where=has_personal,
    )
    op.create_table("journal_open_rooms", sa.Column("room_id", sa.String(64), primary_key=True))
    op.create_table(
        "webhook_outbox",
        sa.Column("webhook", sa.String(255), primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("room_id", sa.String(64), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("queued_ms", sa.BigInteger, nullable=False),
        sa.Column("dead_ms", sa.BigInteger),
        sa.Column("error", sa.Text),
    )
    op.create_index("webhook_outbox_pending", "webhook_outbox", ["webhook", "dead_ms", "position"])
