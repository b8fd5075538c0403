"""Run by Alembic: applies the migrations on the connection it is given, in that connection's transaction."""

from __future__ import annotations

from alembic import context

from mediasrv.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
