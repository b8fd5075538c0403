"""Transport-wide feedback decoded from the draft's text, for tests: it shares nothing with the encoder.

draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Feedback:
    sender_ssrc: int
    media_ssrc: int
    base: int  # sequence number of the first status
    reference_64ms: int  # signed
    count: int  # of feedback packets
    arrivals_250us: list[int | None]  # from the reference time on; None: not received
    chunks: int


def statuses_of(chunk: int) -> list[int]:
    if not chunk & 0x8000:  # run length
        return [chunk >> 13 & 3] * (chunk & 0x1FFF)
    if chunk & 0x4000:  # seven of two bits
        return [chunk >> shift & 3 for shift in range(12, -1, -2)]
    return [chunk >> shift & 1 for shift in range(13, -1, -1)]


def decode(packet: bytes) -> Feedback:
    first, packet_type, words, sender, media = struct.unpack_from("!BBHII", packet)
    assert (first >> 6, first >> 5 & 1, first & 31, packet_type) == (2, 0, 15, 205)
    assert len(packet) == 4 * (words + 1), "the length of the header is that of the packet"
    base, status_count, reference, count = struct.unpack("!HH3sB", packet[12:20])
    at = 20
    chunks = 0
    statuses: list[int] = []
    while len(statuses) < status_count:
        statuses += statuses_of(struct.unpack_from("!H", packet, at)[0])
        at += 2
        chunks += 1
    assert not any(statuses[status_count:]), "what is left over of the last chunk is empty"
    arrivals: list[int | None] = []
    time = 0
    for status in statuses[:status_count]:
        assert status in (0, 1, 2)
        if status:
            size, form = (1, "!B") if status == 1 else (2, "!h")
            time += struct.unpack_from(form, packet, at)[0]
            at += size
        arrivals.append(time if status else None)
    assert len(packet) - at < 4
    assert not any(packet[at:]), "padding is zero"
    signed_reference = int.from_bytes(reference, "big", signed=True)
    return Feedback(sender, media, base, signed_reference, count, arrivals, chunks)
