"""Where MessagePack values end, found without building them: what a stranger sends costs no memory before it is whole.

An array that claims a million elements has a place for each made as soon as its first five bytes are decoded, and
again for each array in it. Whatever was scanned to its end has as many elements as it claims, and each has a byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgpack  # type: ignore[import-untyped]

MAX_CHUNK_BYTES = 1 << 20
_BUFFER_MAX_BYTES = 4 << 20  # a frame that is not whole yet and a chunk


class FramingError(Exception):
    """Bytes that are no MessagePack, or more of them than one value may have; the text says which."""


class _Scanner:
    """One of the library's unpackers. It has 40 kB, so nobody keeps one who has no value half read."""

    def __init__(self) -> None:
        self._unpacker = msgpack.Unpacker(None, read_size=512, max_buffer_size=_BUFFER_MAX_BYTES)
        self._at = 0

    def feed(self, data: bytes | memoryview) -> None:
        self._unpacker.feed(data)

    def next_length(self) -> int | None:
        """The bytes of the next value; None if it is not whole yet. Raises `FramingError`."""
        try:
            self._unpacker.skip()
        except msgpack.OutOfData:
            return None
        except msgpack.StackError:
            raise FramingError("this is nested deeper than MessagePack is read here") from None
        except (ValueError, msgpack.UnpackException):
            raise FramingError("this is no MessagePack") from None
        before, self._at = self._at, self._unpacker.tell()
        return self._at - before


_spare: list[_Scanner] = []  # at most one, with nothing in it


def _take() -> _Scanner:
    return _spare.pop() if _spare else _Scanner()


def _give_back(scanner: _Scanner) -> None:
    if not _spare:
        _spare.append(scanner)


def check(frame: bytes) -> None:
    """Raise `FramingError` unless `frame` is one value and nothing else."""
    scanner = _take()
    scanner.feed(frame)
    length = scanner.next_length()
    if length is None:
        raise FramingError("it ends in the middle of a value")
    if length != len(frame):
        raise FramingError(f"{len(frame) - length} bytes follow the value")
    _give_back(scanner)


class StreamFramer:
    """Cuts a stream of MessagePack values, one behind the other, into values."""

    def __init__(self) -> None:
        self._scanner: _Scanner | None = None
        self._rest = bytearray()

    @property
    def partial_bytes(self) -> int:
        """How much of a value is there that is not whole yet."""
        return len(self._rest)

    def feed(self, data: bytes, limit: Callable[[], int]) -> Iterator[bytes]:
        """The values that are whole with `data`, found one by one as they are asked for: all of them, or the stream is
        given up. Raises `FramingError`, also for a value of more than `limit` bytes, which may change from one to the
        next."""
        view = memoryview(data)
        for start in range(0, len(data), MAX_CHUNK_BYTES):
            yield from self._feed(view[start : start + MAX_CHUNK_BYTES], limit)

    def _feed(self, data: memoryview, limit: Callable[[], int]) -> Iterator[bytes]:
        scanner, self._scanner = self._scanner or _take(), None
        scanner.feed(data)
        rest = self._rest
        rest += data
        at = 0
        while (length := scanner.next_length()) is not None:
            if length > limit():
                raise FramingError(f"a frame has {length} bytes; at most {limit()} are read")
            yield bytes(rest[at : at + length])
            at += length
        del rest[:at]
        if not rest:
            _give_back(scanner)
            return
        self._scanner = scanner
        if len(rest) > limit():
            raise FramingError(f"a frame has more than {limit()} bytes; no more are read")
