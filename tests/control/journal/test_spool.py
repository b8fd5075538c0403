"""The spool: a queue in a file, whatever happens to the file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.journal import spool as spool_module
from mediasrv.journal.records import Record
from mediasrv.journal.spool import LINE_MAX_BYTES, Spool, SpoolFullError, encode_line

from .harness import Clock, RoomScript


def lines(count: int, first: int = 1) -> list[bytes]:
    room = RoomScript(Clock())
    room.seq = first - 1
    return [encode_line(room.left("ada")) for _ in range(count)]


def seqs(records: list[Record]) -> list[int]:
    return [record.seq for record in records]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def opened(path: Path, max_bytes: int = 1 << 20) -> Spool:
    return Spool(path, max_bytes=max_bytes)


def test_what_goes_in_comes_out_in_order_and_the_file_is_empty_then(path):
    spool = opened(path)
    spool.append(lines(3))
    spool.append(lines(2, first=4))
    records, end = spool.peek(4)
    assert seqs(records) == [1, 2, 3, 4]
    spool.remove(end)
    records, end = spool.peek(4)
    assert seqs(records) == [5]
    spool.remove(end)
    assert (spool.waiting_bytes, path.stat().st_size, spool.peek(4)) == (0, 0, ([], 0))


def test_only_its_owner_can_read_it(path):
    opened(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_was_not_removed_is_there_after_a_restart(path):
    spool = opened(path)
    spool.append(lines(3))
    spool.remove(spool.peek(1)[1])
    # Not closed: a process that is killed closes nothing.
    again = opened(path)
    assert seqs(again.peek(10)[0]) == [1, 2, 3]  # the first once more: its reader knows what it has
    assert again.damaged == 0


@given(st.integers(0, 1_000_000))
def test_a_file_that_is_cut_anywhere_keeps_all_whole_lines(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "spool"
    written = lines(5)
    path.write_bytes(b"".join(written))
    cut %= path.stat().st_size + 1
    os.truncate(path, cut)
    spool = opened(path)
    whole = [index + 1 for index in range(5) if sum(map(len, written[: index + 1])) <= cut]
    assert seqs(spool.peek(10)[0]) == whole
    assert spool.damaged == (sum(map(len, written[: len(whole)])) != cut)
    spool.append(lines(1, first=9))
    assert seqs(spool.peek(10)[0]) == [*whole, 9]


@given(st.integers(0, 1_000_000), st.integers(1, 255))
def test_a_byte_that_the_disk_changed_costs_no_more_than_its_line(tmp_path_factory, at, change):
    path = tmp_path_factory.mktemp("changed") / "spool"
    raw = bytearray(b"".join(lines(5)))
    at %= len(raw) - 1  # the last newline: that is a cut, see above
    raw[at] ^= change
    path.write_bytes(raw)
    spool = opened(path)
    records, end = spool.peek(10)
    assert spool.peek(10)[0] == records
    # A changed newline joins two lines; a line that was changed into two is counted as both.
    assert len(records) >= 3
    assert 1 <= spool.damaged <= 2
    spool.remove(end)
    assert spool.waiting_bytes == 0


class FullDisk(Spool):
    """Takes half of what is written, then says that there is no space left."""

    free = 100

    def _write(self, block: bytes, offset: int) -> int:
        if not self.free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = block[: self.free]
        self.free -= len(part)
        return super()._write(part, offset)


def test_a_full_disk_takes_all_or_nothing(path):
    spool = FullDisk(path, max_bytes=1 << 20)
    with pytest.raises(OSError, match="No space left"):
        spool.append(lines(2))
    assert (spool.waiting_bytes, path.stat().st_size) == (0, 0)
    spool.free = 10_000
    spool.append(lines(2))
    assert seqs(spool.peek(9)[0]) == [1, 2]


def test_it_has_a_bound(path):
    spool = opened(path, max_bytes=1_000)
    fits = 1_000 // len(lines(1)[0])
    for _ in range(fits):
        spool.append(lines(1))
    with pytest.raises(SpoolFullError):
        spool.append(lines(1))
    assert path.stat().st_size == fits * len(lines(1)[0])


def test_a_file_that_is_never_empty_does_not_grow(path, monkeypatch):
    monkeypatch.setattr(spool_module, "COMPACT_BYTES", 10_000)
    spool = opened(path)
    spool.append(lines(50))
    for first in range(51, 1_051, 50):
        spool.append(lines(50, first=first))
        records, end = spool.peek(50)
        assert seqs(records) == list(range(first - 50, first))
        spool.remove(end)
    assert path.stat().st_size < 50_000
    assert seqs(opened(path).peek(1_000)[0])[-1] == 1_050


def test_a_line_longer_than_any_of_ours_is_skipped(path, monkeypatch):
    path.write_bytes(b"x" * 5_000 + b"\n" + b"".join(lines(2)))
    monkeypatch.setattr(spool_module, "READ_BYTES", 1_000)
    spool = opened(path)
    read: list[int] = []
    while spool.waiting_bytes:
        records, end = spool.peek(10)
        read += seqs(records)
        spool.remove(end)
    assert read[-1] == 2
    assert spool.damaged >= 5


def test_what_is_too_long_or_no_json_is_refused():
    room = RoomScript(Clock())
    with pytest.raises(ValueError, match="at most"):
        encode_line(room.record("message_sent", recipients=["p"] * LINE_MAX_BYTES))
    with pytest.raises(TypeError):
        encode_line(room.record("message_sent", what=object()))
