"""What `mediasrv ctl` prints: tables for people, JSON for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from mediasrv.client import Event, JournalRecord
from mediasrv.durations import format_duration
from mediasrv.signaling.methods.control import GetStatisticsResult
from mediasrv.signaling.schema import Ban, Guest, Participant, Room
from mediasrv.signaling.statistics_shapes import EncodingStatistics

_PIPED_WIDTH = 200
_SHOWN_COUNTERS = (
    "rtp_received", "rtp_forwarded", "rtx_received", "rtx_sent", "nack_sent", "nack_received",
    "pli_sent", "fir_sent", "dtls_handshakes",
)  # fmt: skip


def print_json(value: object) -> None:
    print(msgspec.json.encode(value).decode(), flush=True)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Or the sentence `empty`, if there are no rows. Cells may hold anything that somebody calls themself."""
    listed = [[_plain(cell) for cell in row] for row in rows]
    if not listed:
        print(empty)
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in listed:
        table.add_row(*row)
    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, markup=False, highlight=False, emoji=False)
    console.print(table)


def rooms(found: Sequence[Room]) -> None:
    now = time.time()
    print_table(
        ("room", "people", "waiting", "capacity", "open for", "state"),
        (
            (
                room.name,
                str(room.participants),
                str(room.guests),
                str(room.capacity),
                _span(now - room.opened_at),
                ", ".join(word for word, holds in (("locked", room.locked), ("lobby", room.lobby)) if holds),
            )
            for room in found
        ),
        empty="no room is open",
    )


def participants(found: Sequence[Participant]) -> None:
    now = time.time()
    print_table(
        ("id", "identity", "name", "in for", "tracks"),
        (
            (
                who.id,
                who.identity,
                who.name,
                _span(now - who.joined_at),
                ", ".join(f"{track.source} {track.codec}{' (muted)' if track.muted else ''}" for track in who.tracks),
            )
            for who in found
        ),
        empty="nobody is in the room",
    )


def guests(found: Sequence[Guest]) -> None:
    now = time.time()
    print_table(
        ("id", "identity", "name", "waits for"),
        ((each.id, each.identity, each.name, _span(now - each.since)) for each in found),
        empty="nobody waits to be let in",
    )


def bans(found: Sequence[Ban]) -> None:
    now = time.time()
    print_table(
        ("id", "who", "for another", "by", "reason"),
        (
            (each.id, each.identity or f"address {each.address}", _span(each.until - now), each.by, each.reason)
            for each in found
        ),
        empty="nobody is banned",
    )


def record(said: JournalRecord | Event) -> None:
    """One line."""
    fields = " ".join(f"{name}={_short(value)}" for name, value in said.fields.items())
    who = f" {said.participant}" if said.participant else ""
    erased = f" ({', '.join(said.erased)} erased)" if isinstance(said, JournalRecord) and said.erased else ""
    number = "" if said.seq is None else f" #{said.seq}"
    print(_plain(f"{said.ts}  {said.room}{number}  {said.event}{who}  {fields}{erased}"), flush=True)


def server(found: GetStatisticsResult) -> None:
    said = found.server
    connections = ", ".join(f"{count} by {carrier}" for carrier, count in said.connections.items() if count) or "none"
    print(f"mediasrv {said.version}, running for {_span(found.ts - said.started_at)}: {said.rooms} rooms, "
          f"{said.participants} participants, control connections: {connections}; "
          f"{said.memory_bytes / 1e6:.0f} MB, {said.cpu_s:.1f} s of CPU")  # fmt: skip
    print_table(
        ("worker", "UDP port", *_SHOWN_COUNTERS, "dropped"),
        (
            (
                str(worker.index),
                str(worker.port),
                *(str(worker.counters.get(name, 0)) for name in _SHOWN_COUNTERS),
                str(sum(count for name, count in worker.counters.items() if name.startswith("drop_"))),
            )
            for worker in found.workers
        ),
        empty="there are no media workers",
    )


def media(before: GetStatisticsResult, now: GetStatisticsResult, names: Mapping[str, str]) -> None:
    """What the room's participants send and receive; bit rates are over the time between the two. `names` by id."""
    seconds = now.ts - before.ts
    octets: dict[tuple[str, str], int] = {}
    for who in before.participants:
        octets |= {(track.track_id, each.rid): each.octets for track in who.tracks for each in track.encodings}
        octets |= {(who.participant_id, slot.mid): slot.octets for slot in who.slots}

    def kbps(key: tuple[str, str], count: int) -> str:
        return f"{max(0, count - octets.get(key, count)) * 8 / seconds / 1000:.0f}"

    sent = [
        (names.get(who.participant_id, who.participant_id), track.track_id, each.rid or "-",
         "yes" if each.active else "no", kbps((track.track_id, each.rid), each.octets), _lost(each),
         f"{each.jitter_s * 1000:.1f}",
         "-" if who.rtt_s is None else f"{who.rtt_s * 1000:.1f}")
        for who in now.participants for track in who.tracks for each in track.encodings
    ]  # fmt: skip
    columns = ("sends", "track", "encoding", "active", "kbit/s", "lost", "jitter ms", "rtt ms")
    print_table(columns, sent, empty="nobody sends anything")
    received = [
        (names.get(who.participant_id, who.participant_id), slot.mid, slot.track_id or "-", slot.rid or "-",
         slot.target_rid or "-", kbps((who.participant_id, slot.mid), slot.octets), str(slot.retransmitted_packets),
         f"{slot.fraction_lost:.1%}")
        for who in now.participants for slot in who.slots
    ]  # fmt: skip
    columns = ("receives", "slot", "track", "encoding", "target", "kbit/s", "sent again", "lost")
    print_table(columns, received, empty="nobody receives anything")


def _lost(encoding: EncodingStatistics) -> str:
    expected = encoding.packets + encoding.packets_lost
    return f"{encoding.packets_lost / expected:.1%}" if expected > 0 else "-"


def _span(seconds: float) -> str:
    return format_duration(max(0.0, seconds))


def _short(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _plain(text: str) -> str:
    """Without what would speak to the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
