"""Reads a journal from its first row to its last and says what is wrong with it, in words."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence

import msgspec

from mediasrv.journal import chain
from mediasrv.journal.chain import Content, Row, Signer
from mediasrv.journal.rooms_seen import RoomsSeen

_DECODE_ERRORS = (msgspec.DecodeError, UnicodeError)  # a ValidationError is a DecodeError


class Finding(msgspec.Struct, frozen=True):
    """Something that cannot be if nobody changed the journal. `position` is where it shows."""

    position: int
    problem: str


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain begins: behind what was pruned, or at the beginning with position 0."""

    journal_id: str
    pruned_position: int
    pruned_hash: bytes
    pruned_mac: bytes


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """How far a journal got, noted outside of its database. `hash` in hexadecimal."""

    journal: str
    position: int
    hash: str


class Verifier:
    """Is fed the rows in the order of their positions, then asked to `finish`.

    Without `signer` only the hashes are checked: that nothing was changed by somebody who did not make a whole new
    chain. After a finding it goes on with what the row claims, so that each place shows once.
    """

    def __init__(self, start: Start, signer: Signer | None, heads: Sequence[Head] = ()) -> None:
        self.position = start.pruned_position
        self.records = 0
        self.erased_records = 0
        self.rooms = RoomsSeen(whole=start.pruned_position == 0)
        self._start = start
        self._signer = signer
        self._heads = heads
        self._hash = start.pruned_hash
        self._began = False

    def begin(self) -> Iterator[Finding]:
        """What is wrong with where the chain starts."""
        self._began = True
        start = self._start
        if start.pruned_position == 0 and start.pruned_hash != chain.genesis(start.journal_id):
            yield Finding(0, "the hash before the first record is not the one of this journal")
        if self._signer is not None:
            expected = self._signer.pruning(start.pruned_position, start.pruned_hash)
            if not hmac.compare_digest(expected, start.pruned_mac):
                yield Finding(start.pruned_position, "the note of where the journal begins is not signed with its key")
        for head in self._heads:
            if head.journal != start.journal_id:
                yield Finding(0, f"this is not the journal {head.journal} whose head was noted, but another")
        yield from self._check_head(start.pruned_position, start.pruned_hash)

    def feed(self, row: Row) -> Iterator[Finding]:
        """What is wrong with this row, or between it and the one before."""
        if not self._began:
            yield from self.begin()
        expected = self.position + 1
        if row.position > expected:
            last = row.position - 1
            gone = f"record {expected} is" if last == expected else f"records {expected} to {last} are"
            yield Finding(expected, f"{gone} missing")
        elif row.position < expected:
            yield Finding(row.position, f"comes after record {self.position}")
        chained = row.position == expected
        self.position = row.position
        self.records += 1
        yield from self._check_row(row, chained=chained)
        yield from self._check_head(row.position, row.hash)
        self._hash = row.hash

    def finish(self) -> Iterator[Finding]:
        """What is wrong with the end. Rooms that are still open there are in `rooms`."""
        if not self._began:
            yield from self.begin()
        noted = max((head.position for head in self._heads), default=0)
        if noted > self.position:
            first, last = self.position + 1, noted
            gone = f"record {first} is" if first == last else f"records {first} to {last} are"
            yield Finding(first, f"{gone} missing at the end: the noted head is record {last}")

    # --- one row -----------------------------------------------------------------------------------------------

    def _check_row(self, row: Row, *, chained: bool) -> Iterator[Finding]:
        def finding(problem: str) -> Finding:
            return Finding(row.position, problem)

        try:
            erased = chain.decode_erased(row.erased)
            if row.erased is not None and chain.encode(erased) != row.erased:
                raise msgspec.DecodeError
        except _DECODE_ERRORS:
            yield finding("the note of what was erased is damaged")
            return
        digest = row.content_digest
        if digest is None:
            yield finding("its content is gone, and with it what the chain commits to")
        elif chained and chain.next_hash(self._hash, digest) != row.hash:
            yield finding("its content or its hash was changed, or the hash of the record before")
        if self._signer is not None:
            if not hmac.compare_digest(self._signer.record(row.hash), row.mac):
                yield finding("it is not signed with the journal's key")
            for what, (at_ms, mac) in erased.items():
                if not hmac.compare_digest(self._signer.erasure(row, what, at_ms).encode(), mac.encode()):
                    named = "it" if what == chain.ALL_FIELDS else f"its field {what}"
                    yield finding(f"{named} was erased by somebody else than the server")
        if row.content is None:
            yield from self._check_erased_row(row, erased)
        else:
            yield from self._check_content(row, row.content, erased)

    def _check_erased_row(self, row: Row, erased: chain.Erased) -> Iterator[Finding]:
        self.erased_records += 1
        rest = (row.room, row.event, row.ts_ms, row.personal)
        if erased.keys() != {chain.ALL_FIELDS} or rest != (None,) * len(rest):
            yield Finding(row.position, "its content was removed, but not by the server's retention")
        for problem in self.rooms.erased(row.room_id, row.seq):
            yield Finding(row.position, problem)

    def _check_content(self, row: Row, text: str, erased: chain.Erased) -> Iterator[Finding]:
        try:
            content = chain.decode_content(text)
            ts_ms = chain.milliseconds(content.ts)
        except (*_DECODE_ERRORS, ValueError):
            yield Finding(row.position, "its content is no record")
            return
        if row.digest is not None or chain.ALL_FIELDS in erased:
            yield Finding(row.position, "it says that it was erased, but has its content")
        claimed = (row.position, row.room_id, row.seq, row.room, row.event, row.ts_ms)
        room = chain.searchable(content.room)
        if claimed != (content.position, content.room_id, content.seq, room, content.event, ts_ms):
            yield Finding(row.position, "its columns say something else than its content")
        for problem in self._check_personal(row, content, erased):
            yield Finding(row.position, problem)
        for problem in self.rooms.record(content):
            yield Finding(row.position, problem)

    def _check_personal(self, row: Row, content: Content, erased: chain.Erased) -> Iterator[str]:
        try:
            personal = chain.decode_personal(row.personal)
            if row.personal is not None and (not personal or chain.encode(personal) != row.personal):
                raise msgspec.DecodeError
        except _DECODE_ERRORS:
            yield "its personal fields are damaged"
            return
        for name in sorted(content.personal.keys() | personal.keys() | erased.keys() - {chain.ALL_FIELDS}):
            committed = content.personal.get(name)
            if committed is None:
                yield f"it has a personal field {name} that it never had"
            elif name in personal and chain.commitment(*personal[name]) != committed:
                yield f"its personal field {name} was changed"
            elif name in personal and name in erased:
                yield f"it says that its personal field {name} was erased, but has it"
            elif name not in personal and name not in erased:
                yield f"its personal field {name} was removed, but not by the server's retention"

    def _check_head(self, position: int, hash_: bytes) -> Iterator[Finding]:
        if any(position == head.position and hash_.hex() != head.hash for head in self._heads):
            yield Finding(position, "its hash is not the one that was noted when it was written")
