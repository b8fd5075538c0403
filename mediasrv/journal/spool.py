"""A queue in a file: what happened is here within milliseconds, until the database has it.

One record is one line, `CRC-32 in hexadecimal, space, JSON`. What was appended outlives the process; `sync` makes it
outlive the machine. All calls belong on one thread, which is not the event loop's: a disk may take its time.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from mediasrv.journal.records import Record

READ_BYTES = 1 << 20
LINE_MAX_BYTES = READ_BYTES // 2
# A file that never is read to its end is written anew once this much of it, and half of it, has been read.
COMPACT_BYTES = 4 << 20


class SpoolFullError(OSError):
    """The file has as many bytes as it may have."""


class Spool:
    """`damaged` counts lines that were not what had been appended: an unfinished last one, or a faulty disk."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        """Open the file, or make it. Raises `OSError`."""
        self.path = path
        self.damaged = 0
        self._max_bytes = max_bytes
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._read_to = 0
        self._damaged_to = 0  # damaged lines before are counted
        self._size = os.fstat(self._fd).st_size
        self._cut_unfinished()

    @property
    def waiting_bytes(self) -> int:
        """What was appended and not removed yet."""
        return self._size - self._read_to

    def append(self, lines: Iterable[bytes]) -> None:
        """Add lines, made by `encode_line`, behind the others: all or, with `OSError`, none."""
        block = b"".join(lines)
        if self._size + len(block) > self._max_bytes:
            raise SpoolFullError(f"{self.path} has reached {self._max_bytes >> 20} MiB")
        done = 0
        try:
            while done < len(block):
                done += self._write(block[done:], self._size + done)
        except OSError:
            if done:
                os.ftruncate(self._fd, self._size)
            raise
        self._size += len(block)

    def peek(self, limit: int) -> tuple[list[Record], int]:
        """The next records, at most `limit`, and where they end: what `remove` is to be given."""
        block = os.pread(self._fd, min(READ_BYTES, self.waiting_bytes), self._read_to)
        records: list[Record] = []
        end = 0
        while len(records) < limit and (newline := block.find(b"\n", end)) >= 0:
            record = decode_line(block[end:newline])
            end = newline + 1
            if record is None:
                self._count_damaged(self._read_to + end)
            else:
                records.append(record)
        if block and not end:  # no line of ours is that long
            end = len(block)
            self._count_damaged(self._read_to + end)
        return records, self._read_to + end

    def remove(self, end: int) -> None:
        """Forget what lies before `end`. What is still in the file may come again if the process dies meanwhile."""
        self._read_to = end
        if self._read_to >= self._size:
            os.ftruncate(self._fd, 0)
            self._read_to = self._size = self._damaged_to = 0
        elif self._read_to >= max(COMPACT_BYTES, self._size // 2):
            self._compact()

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)

    def _write(self, block: bytes, offset: int) -> int:
        return os.pwrite(self._fd, block, offset)

    def _compact(self) -> None:
        fresh = self.path.with_suffix(".new")
        fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            at = self._read_to
            while at < self._size:
                at += os.write(fd, os.pread(self._fd, min(READ_BYTES, self._size - at), at))
            os.fdatasync(fd)
            fresh.rename(self.path)
        except OSError:  # a full disk: the old file is still whole
            os.close(fd)
            return
        os.close(self._fd)
        self._fd = fd
        self._size -= self._read_to
        self._damaged_to = max(0, self._damaged_to - self._read_to)
        self._read_to = 0

    def _count_damaged(self, end: int) -> None:
        if end > self._damaged_to:
            self._damaged_to = end
            self.damaged += 1

    def _cut_unfinished(self) -> None:
        """Drop a last line that its writer did not live to end."""
        at = self._size
        while at > 0:
            start = max(0, at - READ_BYTES)
            newline = os.pread(self._fd, at - start, start).rfind(b"\n")
            at = start + newline + 1 if newline >= 0 else start
            if newline >= 0:
                break
        if at < self._size:
            self.damaged += 1
            os.ftruncate(self._fd, at)
            self._size = at


def encode_line(record: Record) -> bytes:
    """Raises `TypeError` or `ValueError` for what JSON cannot say, or not shortly."""
    body = msgspec.json.encode(record)
    if len(body) > LINE_MAX_BYTES:
        raise ValueError(f"a record has {len(body)} bytes; at most {LINE_MAX_BYTES} are kept")
    return b"%08x %b\n" % (zlib.crc32(body), body)


def decode_line(line: bytes) -> Record | None:
    """None if it is not what `encode_line` made."""
    checksum, _, body = line.partition(b" ")
    try:
        if int(checksum, 16) != zlib.crc32(body):
            return None
        return msgspec.json.decode(body, type=Record)
    except (ValueError, msgspec.DecodeError):
        return None
