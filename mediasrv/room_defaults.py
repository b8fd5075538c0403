"""What the settings say of rooms: where it stands in the file, in `[rooms]`, and the `RoomSettings` that come of it."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from mediasrv.rooms.permissions import from_names
from mediasrv.rooms.settings import RoomSettings
from mediasrv.rtc.mix import MixSettings
from mediasrv.settings import FIELDS, Settings

TABLE = "rooms"
TABLE_MEANINGS = {
    TABLE: "What rooms are like that open by themselves, and what create_room begins with.",
    f"{TABLE}.mix": "How their mixes sound.",
}
_OF_MIX = {f"room_mix_{field.name}": field.name for field in dataclasses.fields(MixSettings)}

PATHS: Mapping[str, tuple[str, ...]] = {
    name: ("mix", _OF_MIX[name]) if name in _OF_MIX else (name.removeprefix("room_"),)
    for name in FIELDS
    if name.startswith("room_") and name != "room_spread"
}
"""The settings of rooms by name, each with its keys in `[rooms]`: those of `create_room`'s params."""

_NAMES = {path: name for name, path in PATHS.items()}


def room_defaults(settings: Settings) -> RoomSettings:
    """Of rooms of which nobody says otherwise. Raises `RoomError` or `GrantsError` for names that do not exist."""
    return RoomSettings(
        capacity=settings.room_capacity,
        defaults=from_names(settings.room_default_permissions),
        lobby=settings.room_lobby,
        locked=settings.room_locked,
        codecs=settings.room_codecs,
        track_bitrate_bps=settings.room_track_bitrate_bps or None,
        idle_s=settings.room_idle_s,
        history=settings.room_history,
        mix_above=settings.room_mix_above or None,
        mix=MixSettings(**{field: getattr(settings, name) for name, field in _OF_MIX.items()}),
    )


def from_table(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The settings in `[rooms]`, by name. Raises `ValueError` with the sentence about a key that is none."""
    for key, value in table.items():
        path = (*above, key)
        if path in _NAMES:
            yield _NAMES[path], value
        elif path == ("mix",):
            if not isinstance(value, dict):
                raise ValueError("mix in [rooms] is a table: write [rooms.mix], and below it how mixes shall sound")
            yield from from_table(value, path)
        else:
            raise ValueError(f"unknown key '{key}' in [{'.'.join((TABLE, *above))}]{_suggestion(path)}")


def _suggestion(path: tuple[str, ...]) -> str:
    dotted = {".".join(each): each for each in _NAMES}
    close = difflib.get_close_matches(".".join(path).lower().replace("-", "_"), dotted, n=1)
    if not close:
        return f"; known keys are {', '.join(sorted(dotted))}"
    *tables, key = dotted[close[0]]
    return f"; did you mean '{key}' in [{'.'.join((TABLE, *tables))}]?"
