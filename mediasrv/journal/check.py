"""Verifies the journal of a database, in one snapshot."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from mediasrv.journal.chain import Signer
from mediasrv.journal.record_table import read_key_id, read_rows, read_start, require_key
from mediasrv.journal.verification import Finding, Head, Verifier
from mediasrv.store.database import Database, DatabaseError
from mediasrv.store.tables import journal_open_rooms

BATCH = 1_000


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and what is wrong. `hash` is that of the last record, to be noted elsewhere."""

    journal: str
    signed: bool
    first_position: int
    last_position: int
    hash: str
    records: int
    erased_records: int
    rooms_closed: int
    rooms_open: int
    joins: int
    lost: int
    end_noted: bool
    """Whether a head was noted, without which nobody sees that the newest records are missing."""
    findings: list[Finding]

    def summary(self) -> str:
        """In a sentence or two."""
        what = "records and their signatures" if self.signed else "records (the hashes alone, without the key)"
        said = f"{self.records} {what}, positions {self.first_position} to {self.last_position}: "
        said += f"{len(self.findings)} findings" if self.findings else "nothing is wrong"
        details = [f"{self.joins} joins", f"{self.rooms_closed} rooms closed", f"{self.rooms_open} open"]
        if self.erased_records:
            details.append(f"{self.erased_records} records erased by retention")
        if self.lost:
            details.append(f"{self.lost} records lost, as the server itself says")
        said += f" ({', '.join(details)}).\n"
        if not self.end_noted:
            said += "No head was noted beside it, so nobody would see that the newest records are missing.\n"
        return f"{said}The last hash is {self.hash}"


async def check_journal(database: Database, key: bytes | None, heads: Sequence[Head]) -> Checked:
    """Read all of it. Raises `DatabaseError`, or one of `DATABASE_ERRORS`."""
    async with database.snapshot() as connection:
        start = await read_start(connection)
        if start is None:
            raise DatabaseError(f"the database {database.name} has no journal yet")
        if key is not None:
            require_key(start, key, await read_key_id(connection))
        verifier = Verifier(start, Signer(key, start.journal_id) if key is not None else None, heads)
        findings: list[Finding] = []
        last_hash = start.pruned_hash
        # By position, and not only those behind the start: what lies before it should not be there.
        after = -(2**62)
        while rows := await read_rows(connection, after, BATCH):
            for row in rows:
                findings += verifier.feed(row)
            after, last_hash = rows[-1].position, rows[-1].hash
        findings += verifier.finish()
        rooms_open = await connection.scalar(sa.select(sa.func.count()).select_from(journal_open_rooms))
    return Checked(
        journal=start.journal_id,
        signed=key is not None,
        first_position=start.pruned_position + 1,
        last_position=verifier.position,
        hash=last_hash.hex(),
        records=verifier.records,
        erased_records=verifier.erased_records,
        rooms_closed=verifier.rooms.closed,
        rooms_open=rooms_open or 0,
        joins=verifier.rooms.joins,
        lost=verifier.rooms.lost,
        end_noted=bool(heads),
        findings=findings,
    )
