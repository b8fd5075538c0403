"""The migrations make the tables that the code believes in, in either database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from mediasrv.store.database import Database, DatabaseError, database_url
from mediasrv.store.tables import metadata


async def test_they_lead_to_these_tables_and_again_change_nothing(database, tmp_path):
    for _ in range(2):
        opened = await Database.open(database_url(database, tmp_path))
        async with opened.snapshot() as connection:
            difference = await connection.run_sync(
                lambda plain: compare_metadata(MigrationContext.configure(plain), metadata)
            )
        await opened.close()
        assert difference == []


async def test_a_database_of_a_newer_version_is_refused_in_words(database, tmp_path):
    opened = await Database.open(database_url(database, tmp_path))
    async with opened.transaction() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    await opened.close()
    with pytest.raises(DatabaseError, match="was made by a newer mediasrv"):
        await Database.open(database_url(database, tmp_path))


async def test_an_empty_database_is_none_that_a_reader_makes_tables_in(database, tmp_path):
    with pytest.raises(DatabaseError, match="has no journal yet"):
        await Database.open(database_url(database, tmp_path), exclusive=False, migrate=False)


async def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path):
    url = database_url("postgresql://ada:s3cret@127.0.0.1:1/calls", tmp_path)
    with pytest.raises(DatabaseError, match=r"postgresql://ada:\*\*\*@127\.0\.0\.1:1/calls") as caught:
        await Database.open(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.temporary


@pytest.mark.parametrize("text", ["mysql://localhost/x", "sqlite://", "sqlite:", "postgresql:db", "calls.db"])
def test_what_is_no_database_is_answered_with_what_is(text, tmp_path):
    with pytest.raises(DatabaseError, match="write sqlite:PATH, or postgresql://USER:PASSWORD@HOST/NAME"):
        database_url(text, tmp_path)
