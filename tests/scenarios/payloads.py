"""Payloads that say what they are: which stream, frame and packet, when it was captured, and that nobody changed it."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from mediaplane.testing import wire

_BODY = struct.Struct(">IIHHQ")
_PROOF_SIZE = 8
_VP8_HEADER_SIZE = 10
SMALLEST = _BODY.size + _PROOF_SIZE


@dataclass(frozen=True)
class Content:
    """What a payload carries. `capture_us` is virtual time."""

    stream: int
    frame: int
    index: int
    packets: int
    capture_us: int

    def body(self, size: int) -> bytes:
        """`size` bytes, at least SMALLEST, that end with their own proof."""
        head = _BODY.pack(self.stream, self.frame, self.index, self.packets, self.capture_us)
        head = head.ljust(size - _PROOF_SIZE, bytes([self.frame & 0xFF]))
        return head + hashlib.blake2b(head, digest_size=_PROOF_SIZE).digest()


def content_of(body: bytes) -> Content:
    """AssertionError if it is not what was sent."""
    head, proof = body[:-_PROOF_SIZE], body[-_PROOF_SIZE:]
    assert hashlib.blake2b(head, digest_size=_PROOF_SIZE).digest() == proof, "a payload was changed on its way"
    return Content(*_BODY.unpack_from(head))


def vp8(body: bytes, *, keyframe: bool, first: bool, picture_id: int, tl0: int, wide: bool = True) -> bytes:
    """A VP8 payload (RFC 7741): the descriptor with picture id and TL0PICIDX, ten bytes of frame header, the body."""
    descriptor = bytes([0x90 if first else 0x80, 0xC0])
    if wide:
        descriptor += (0x8000 | picture_id).to_bytes(2, "big")
    else:
        descriptor += bytes([picture_id])
    header = bytes([0x10 if keyframe else 0x11, 0, 0]) + b"\x9d\x01\x2a" + bytes(4)
    return descriptor + bytes([tl0]) + header + body


def body_of_vp8(payload: bytes) -> bytes:
    return payload[wire.vp8_parse(payload)["size"] + _VP8_HEADER_SIZE :]
