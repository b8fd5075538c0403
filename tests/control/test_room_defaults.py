"""What the settings say of rooms: under the names of `create_room`, within its bounds, and with its defaults."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mediasrv import config
from mediasrv.config import ConfigError, Settings
from mediasrv.room_defaults import PATHS, room_defaults
from mediasrv.rooms.permissions import Permission
from mediasrv.rooms.settings import RoomSettings
from mediasrv.rtc.mix import MixSettings
from mediasrv.signaling.methods.rooms import CreateRoomParams
from mediasrv.signaling.schema import MixChange

EVERYTHING = """
[rooms]
capacity = 50
default_permissions = ["subscribe", "send_message"]
lobby = true
locked = true
codecs = ["opus", "VP8"]
track_bitrate_bps = 2_500_000
idle_s = 60
history = 20
mix_above = 40

[rooms.mix]
channels = 2
talkers = 5
bitrate_bps = 48_000
complexity = 9
fec = true
dtx = true
expected_loss = 10
"""


def read(text: str, tmp_path: Path, **environment: str) -> Settings:
    file = tmp_path / "mediasrv.toml"
    file.write_text(text)
    return config.load(file=file, environment=environment)


def names(shape: type[msgspec.Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(shape)}


OF_ONE_ROOM = {"room", "metadata", "default_permissions_until"}  # the last has points of time


def test_the_table_has_what_create_room_has_but_what_belongs_to_one_room():
    paths = set(PATHS.values())
    assert {path[0] for path in paths} == names(CreateRoomParams) - OF_ONE_ROOM
    assert {path[1] for path in paths if path[0] == "mix" and len(path) > 1} == names(MixChange)


def test_the_table_says_what_rooms_are_like(tmp_path):
    assert room_defaults(read(EVERYTHING, tmp_path)) == RoomSettings(
        capacity=50,
        defaults=Permission.SUBSCRIBE | Permission.SEND_MESSAGE,
        lobby=True,
        locked=True,
        codecs=("opus", "VP8"),
        track_bitrate_bps=2_500_000,
        idle_s=60,
        history=20,
        mix_above=40,
        mix=MixSettings(channels=2, talkers=5, bitrate_bps=48_000, complexity=9, fec=True, dtx=True, expected_loss=10),
    )
    written = tomllib.loads(EVERYTHING)["rooms"]
    assert {*written, *(f"mix.{key}" for key in written["mix"])} == {"mix", *map(".".join, PATHS.values())}


def test_without_it_rooms_are_as_they_are_without_settings(tmp_path):
    assert room_defaults(read("", tmp_path)) == RoomSettings()


def test_outside_the_file_and_in_it_without_the_table_the_names_begin_with_room(tmp_path):
    settings = read("room_capacity = 7", tmp_path, MEDIASRV_ROOM_MIX_TALKERS="5", MEDIASRV_ROOM_CODECS="VP8,opus")
    made = room_defaults(settings)
    assert (made.capacity, made.mix.talkers, made.codecs) == (7, 5, ("VP8", "opus"))
    assert read(EVERYTHING, tmp_path, MEDIASRV_ROOM_CAPACITY="9").room_capacity == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rooms]\nlobbby = true", "unknown key 'lobbby' in [rooms]; did you mean 'lobby' in [rooms]?"),
        ("[rooms]\nmix_talkers = 3", "did you mean 'talkers' in [rooms.mix]?"),
        ("[rooms]\nspread = 3", "unknown key 'spread' in [rooms]; known keys are capacity, "),
        ("[rooms.mix]\ntalker = 3", "unknown key 'talker' in [rooms.mix]; did you mean 'talkers' in [rooms.mix]?"),
        ("[rooms]\nmix = 3", "mix in [rooms] is a table: write [rooms.mix]"),
        ("rooms = 3", "rooms is a table: write [rooms]"),
        ("[room]\nlobby = true", "unknown key 'room'; did you mean 'rooms'?"),
        ("room_lobby = true\n[rooms]\nlobby = true", "room_lobby is set twice, by itself and in [rooms]"),
        ("[rooms]\ncapacity = 0", "room_capacity: Expected `int` >= 1 (got 0); set by [rooms] of "),
        ("[rooms]\nidle_s = 1e9", "room_idle_s: Expected `float` <= 604800"),
        ("[rooms.mix]\ntalkers = 16", "room_mix_talkers: Expected `int` <= 15"),
        ("[rooms]\ncodecs = ['VP7']", "room_codecs: 'VP7' is not one of opus, VP8, "),
        ("[rooms]\ntrack_bitrate_bps = 7", "room_track_bitrate_bps: no track does with less than 8000"),
        ("[rooms]\ndefault_permissions = ['subscrib']", "'subscrib'; did you mean 'subscribe'?; set by [rooms] of "),
    ],
)
def test_a_mistake_in_the_table_is_named(text: str, message: str, tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", PATHS)
def test_no_value_that_is_taken_is_one_that_rooms_refuse(name: str):
    """At both bounds of each number."""
    for bound in ("ge", "le"):
        least_or_most: Any = getattr(msgspec.inspect.type_info(config.FIELDS[name].type), bound, None)
        if least_or_most is not None:
            room_defaults(config.load({name: least_or_most}, environment={}))
