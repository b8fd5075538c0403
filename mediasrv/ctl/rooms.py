"""The commands of `mediasrv ctl` about rooms as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer

from mediasrv.ctl import tables
from mediasrv.ctl.asking import EXIT_USAGE, AsJson, RoomName, fail, run, show
from mediasrv.room_defaults import PATHS
from mediasrv.room_options import with_room_options
from mediasrv.signaling.schema import MixChange, Room

Metadata = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Whatever an application wants to keep with the room.")
]
_OR_NONE = {"track_bitrate_bps", "mix_above"}  # 0 means that there is none of it


def rooms(context: typer.Context, as_json: AsJson = False) -> None:
    """List the rooms that are open."""
    show(run(context, lambda client: client.list_rooms()).rooms, as_json, tables.rooms)


@with_room_options("--", with_defaults=False)
def create(context: typer.Context, room: RoomName, metadata: Metadata = None, **settings: Any) -> None:
    """Open a room before anybody joins it. What is not given is as the server's configuration has it."""
    changes = _changes(settings, metadata)
    made = run(context, lambda client: client.create_room(room, **changes)).room
    print(f"{room} is open{_said(made, changes)}")


@with_room_options("--", with_defaults=False)
def update(context: typer.Context, room: RoomName, metadata: Metadata = None, **settings: Any) -> None:
    """Change settings of a room that is open; what is not given stays. A list with nothing in it is ''."""
    changes = _changes(settings, metadata)
    if not changes:
        fail("nothing to change was given; `mediasrv ctl update --help` shows what there is", EXIT_USAGE)
    now = run(context, lambda client: client.update_room(room=room, **changes)).room
    print(f"{room} is changed{_said(now, changes)}")


def close(context: typer.Context, room: RoomName) -> None:
    """End a room: everybody leaves."""
    run(context, lambda client: client.close_room(room=room))
    print(f"{room} is closed")


def _changes(settings: dict[str, Any], metadata: str | None) -> dict[str, Any]:
    """As the control protocol takes them."""
    changes: dict[str, Any] = {} if metadata is None else {"metadata": metadata}
    of_mix = {}
    for name, value in settings.items():
        if value is None or value == []:
            continue
        *above, key = PATHS[name]
        if above:
            of_mix[key] = value
        elif isinstance(value, list):
            changes[key] = [each for each in value if each]
        else:
            changes[key] = None if key in _OR_NONE and not value else value
    return changes | ({"mix": MixChange(**of_mix)} if of_mix else {})


def _said(room: Room, changes: dict[str, Any]) -> str:
    """What the room has now of what was asked for."""
    settings = _flat(msgspec.to_builtins(room), msgspec.to_builtins(changes))
    said = ", ".join(f"{name} = {msgspec.json.encode(value).decode()}" for name, value in settings)
    return f": {said}" if said else ""


def _flat(room: dict[str, Any], changes: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in changes.items():
        if isinstance(value, dict):
            yield from _flat(room[name], value, f"{before}{name}.")
        else:
            yield before + name, room[name]
