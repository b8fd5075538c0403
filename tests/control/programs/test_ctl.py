"""`mediasrv ctl`: what operators type, and what they read."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from mediasrv import config
from mediasrv.ctl.commands import app
from mediasrv.ctl.tables import _plain
from mediasrv.ctl.target import configured_address, target
from mediasrv.rooms.permissions import Permission
from mediasrv.rooms.settings import RoomSettings
from mediasrv.rtc.mix import MixSettings

from .server import ProgramServer, tcp

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MEDIASRV_")}


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        return [re.split(r"\s{2,}", line.strip()) for line in self.out.splitlines()]


Ctl = Callable[..., Any]


@pytest.fixture
def ctl(server: ProgramServer) -> Ctl:
    """The command in this process, in a thread of its own beside the server's loop."""
    runner, environment = CliRunner(), dict.fromkeys(name for name in os.environ if name.startswith("MEDIASRV_"))

    async def run(*arguments: str) -> Ran:
        command = ["--control", str(server.bound[0]), *arguments]
        ran = await asyncio.wait_for(asyncio.to_thread(runner.invoke, app, command, env=environment), 30)
        return Ran(ran.exit_code, ran.stdout, ran.stderr)

    return run


async def test_an_operators_morning(server: ProgramServer, ctl: Ctl):
    assert (await ctl("rooms")).out == "no room is open\n"
    async with tcp(server) as root, tcp(server, None) as ada, tcp(server, None) as bob:
        await root.call("create_room", room="standup")
        await ada.call("join", token="ada")
        await ada.call("offer", sdp="0 audio send\n1 video send")
        await bob.call("join", token="bob")
        assert (await ctl("rooms")).rows[1][:4] == ["standup", "2", "0", "1000"]
        people = (await ctl("participants", "standup")).rows
        assert [row[1] for row in people[1:]] == ["ada", "bob"]
        assert people[1][4] == "microphone opus, camera VP8"

        assert (await ctl("mute", "standup", "ada")).out == "the microphone of ada is muted\n"
        assert "microphone opus (muted)" in (await ctl("participants", "standup")).out
        missing = await ctl("mute", "standup", "bob", "screen")
        assert (missing.code, missing.err) == (1, "mediasrv: bob publishes no screen\n")
        revoked = await ctl("revoke", "standup", "ada", "publish_video", "send_message", "--for", "1h")
        assert "publish_audio" in revoked.out
        assert "send_message" not in revoked.out
        assert "send_message" in (await ctl("grant", "standup", "ada", "send_message")).out
        wrong = await ctl("grant", "standup", "ada", "fly")
        assert (wrong.code, "fly" in wrong.err) == (1, True)

        bob_id = json.loads((await ctl("participants", "standup", "--json")).out.splitlines()[1])["id"]
        assert (await ctl("kick", "standup", bob_id)).out == "bob was removed from standup\n"
        assert await bob.closing() == "removed"
        gone = await ctl("kick", "standup", "bob")
        assert (gone.code, gone.err) == (1, "mediasrv: bob is not in standup; there is ada\n")
        assert (await ctl("ban", "standup", "mal", "--reason", "spam")).out.startswith("mal is banned from standup: b_")
        assert (await ctl("ban", "standup", "ada")).code == 0
        assert await ada.closing() == "banned"
        assert (await ctl("close", "standup")).out == "standup is closed\n"
        assert (await ctl("ban", "standup", "eve", "--for", "7d")).code == 0
        assert [row[1] for row in (await ctl("bans", "standup")).rows] == ["who", "mal", "ada", "eve"]
        assert json.loads((await ctl("bans", "standup", "--json")).out.splitlines()[0])["reason"] == "spam"
        assert (await ctl("unban", "standup", "mal")).out == "mal may come into standup again\n"
        assert (await ctl("unban", "standup", "mal")).err == "mediasrv: mal is not banned from standup\n"
        assert (await ctl("bans", "elsewhere")).out == "nobody is banned\n"
    closed = await ctl("participants", "standup")
    assert (closed.code, closed.err) == (1, "mediasrv: there is no room 'standup' (not_found)\n")
    records = [json.loads(line) for line in (await ctl("journal", "--json", "-n", "1000")).out.splitlines()]
    first = records[0]["room_id"]
    opening = [record["seq"] for record in records if record["room_id"] == first]
    assert opening == list(range(1, len(opening) + 1))
    afterwards = [record["event"] for record in records if record["room_id"] != first]
    assert afterwards == [
        *("room_opened", "participant_banned", "room_closed"),
        *("room_opened", "ban_lifted", "room_closed"),
    ]
    assert [records[0]["event"], records[-1]["event"]] == ["room_opened", "room_closed"]
    assert "participant_banned" in (await ctl("journal", "--room", "standup")).out


async def test_a_room_is_created_and_changed(server: ProgramServer, ctl: Ctl):
    server.registry.defaults = RoomSettings(capacity=7, mix=MixSettings(talkers=5))
    assert (await ctl("create", "standup")).out == "standup is open\n"
    given = [
        "--lobby",
        "--codecs",
        "opus",
        "--codecs",
        "VP8",
        "--idle-s",
        "60",
        "--mix-channels",
        "2",
        "--metadata",
        "m",
    ]
    made = await ctl("create", "hall", *given)
    assert made.out == (
        'hall is open: metadata = "m", lobby = true, codecs = ["opus","VP8"], idle_s = 60.0, mix.channels = 2\n'
    )
    hall = server.registry.rooms["hall"].settings
    assert (hall.capacity, hall.lobby, hall.codecs, hall.idle_s) == (7, True, ("opus", "VP8"), 60)
    assert hall.mix == MixSettings(channels=2, talkers=5)

    bounds = ["--track-bitrate-bps", "500000", "--mix-above", "40", "--default-permissions", "subscribe"]
    assert "track_bitrate_bps = 500000" in (await ctl("update", "hall", "--no-lobby", "--locked", *bounds)).out
    hall = server.registry.rooms["hall"].settings
    assert (hall.lobby, hall.locked, hall.track_bitrate_bps, hall.mix_above) == (False, True, 500_000, 40)
    assert hall.defaults == Permission.SUBSCRIBE
    no_bounds = ["--track-bitrate-bps", "0", "--mix-above", "0", "--default-permissions", "", "--codecs", ""]
    assert (await ctl("update", "hall", *no_bounds)).out == (
        "hall is changed: default_permissions = [], codecs = [], track_bitrate_bps = null, mix_above = null\n"
    )

    again = await ctl("create", "hall")
    assert (again.code, "the room 'hall' is open already" in again.err) == (1, True)
    wrong = await ctl("update", "hall", "--capacity", "0")
    assert (wrong.code, "capacity" in wrong.err) == (1, True)
    nothing = await ctl("update", "hall")
    assert (nothing.code, nothing.err.startswith("mediasrv: nothing to change was given")) == (2, True)
    assert (await ctl("update", "nowhere", "--lobby")).err == "mediasrv: there is no room 'nowhere' (not_found)\n"


async def test_those_who_wait_are_let_in_or_sent_away(server: ProgramServer, ctl: Ctl):
    await ctl("create", "standup", "--lobby")
    assert (await ctl("guests", "standup")).out == "nobody waits to be let in\n"
    people = [tcp(server, None) for _ in range(2)]
    async with people[0] as ada, people[1] as bob:
        for wire, name in ((ada, "ada"), (bob, "bob")):
            assert (await wire.call("join", token=f"{name}-")).get("waiting")
        assert [row[1] for row in (await ctl("guests", "standup")).rows] == ["identity", "ada", "bob"]
        waiting = [json.loads(line) for line in (await ctl("guests", "standup", "--json")).out.splitlines()]
        assert (await ctl("admit", "standup", "ada")).out.startswith("ada is in standup now: p_")
        assert (await ctl("refuse", "standup", waiting[1]["id"])).out == "bob was not let into standup\n"
        assert await bob.closing() == "refused"
        assert [row[1] for row in (await ctl("participants", "standup")).rows[1:]] == ["ada"]
        gone = await ctl("admit", "standup", "bob")
        assert (gone.code, gone.err) == (1, "mediasrv: bob does not wait to be let into standup; there waits nobody\n")


async def test_somebody_is_asked_to_unmute(server: ProgramServer, ctl: Ctl):
    async with tcp(server, None) as ada:
        await ada.call("join", token="ada")
        assert (await ctl("ask-to-unmute", "standup", "ada")).out == "ada was asked to turn the microphone on\n"
        assert (await ctl("ask-to-unmute", "standup", "ada", "camera")).code == 0
        await ada.call("ping")
        assert [told[2]["source"] for told in ada.told if told[1] == "unmute_requested"] == ["microphone", "camera"]
        await ctl("revoke", "standup", "ada", "share_screen")
        refused = await ctl("ask-to-unmute", "standup", "ada", "screen")
        assert (refused.code, "lacks the permission share_screen" in refused.err) == (1, True)
        assert (await ctl("ask-to-unmute", "standup", "ada", "trumpet")).code == 2


async def test_the_journal_is_followed_over_a_restart(server: ProgramServer):
    async with tcp(server) as wire:
        await wire.call("create_room", room="one")
    command = [sys.executable, "-m", "mediasrv", "ctl", "--control", str(server.bound[0]), "journal", "-f"]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, env=ENVIRONMENT)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            assert b"one #1  room_opened" in await process.stdout.readline()
            await server.restart()
            while b"one #2  room_closed" not in await process.stdout.readline():
                pass
            async with tcp(server) as wire:
                await wire.call("create_room", room="two")
            while b"two #1  room_opened" not in await process.stdout.readline():
                pass
    finally:
        process.terminate()
        await process.communicate()


async def test_statistics_are_shown(server: ProgramServer, ctl: Ctl):
    shown = await ctl("stats")
    assert re.match(r"mediasrv \S+, running for .*: 0 rooms, 0 participants, control connections: 1 by unix", shown.out)
    assert json.loads((await ctl("stats", "--json")).out)["server"]["connections"]["unix"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--control", "carrier:pigeon", "rooms"], 2, "'carrier:pigeon' is no address of a server"),
        (["--control", "unix:/nowhere/x.sock", "rooms"], 1, "cannot reach the server at unix:/nowhere/x.sock"),
        (["--ca-file", "/nowhere.pem", "rooms"], 2, "--ca-file: /nowhere.pem"),
        (["ban", "standup", "mal", "--for", "ever"], 2, "--for: 'ever' is not a length of time"),
        (["--config", "/nowhere.toml", "rooms"], 2, "cannot read the configuration file /nowhere.toml"),
    ],
)
async def test_mistakes_are_named(ctl: Ctl, arguments: list[str], code: int, message: str):
    ran = await ctl(*arguments)
    assert ran.code == code
    assert ran.err.startswith("mediasrv: ")
    assert message in ran.err


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "ws://127.0.0.1:8080/rpc"),
        ({"http": "0.0.0.0:80"}, "ws://127.0.0.1:80/rpc"),
        ({"control": ["tcp:127.0.0.1:1"]}, "tcp://127.0.0.1:1"),
        ({"control": ["tcp:[::]:1"], "control_plaintext": True}, "tcp://[::1]:1"),
        ({"control": ["tcp:10.0.0.1:1"], "control_tls_cert": "c", "control_tls_key": "k"}, "tls://10.0.0.1:1"),
        ({"control": ["tcp:127.0.0.1:1", "unix:/x"]}, "unix:/x"),
    ],
)
def test_the_configuration_says_where_the_server_is(options: dict[str, Any], address: str):
    assert configured_address(config.load(options, environment={})) == address


def test_a_token_is_made_with_the_configured_key_unless_none_is_needed():
    settings = config.load({}, environment={"MEDIASRV_KEYS": "main:" + "s" * 32})
    assert target(settings, "unix:/x", None, None).token is None
    assert target(settings, "unix:/x", "given", None).token == "given"
    made = target(settings, None, None, None).token
    assert callable(made)
    assert made().count(".") == 2


def test_nothing_that_somebody_calls_themself_speaks_to_the_terminal():
    assert _plain("Ada\x1b[2J\r\n\u202e") == "Ada\N{REPLACEMENT CHARACTER}[2J" + "\N{REPLACEMENT CHARACTER}" * 3
