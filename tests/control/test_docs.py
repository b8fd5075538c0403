"""What the documentation says is so: its tables are complete, its links lead somewhere, and its programs run."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest
import typer

from mediasrv import cli, config, tokens
from mediasrv.http.media_endpoint import STATUS_OF_CODE
from mediasrv.media.mixer import Mixer
from mediasrv.room_defaults import PATHS
from mediasrv.rooms.events import LeaveReason
from mediasrv.rooms.permissions import FLAG_OF_NAME

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
OWN_PAGES = [
    DOCS / f"{name}.md"
    for name in ("architecture", "client", "configuration", "hosting", "journal", "loadtest", "whip-whep")
]
KEY = {config.DEV_KEY: config.DEV_SECRET}


# --- reading -------------------------------------------------------------------------------------------------------


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands below `heading`, up to the next one of any level."""
    return re.split(r"^#+ ", text.split(f"# {heading}\n")[1], flags=re.MULTILINE)[0]


def tables(text: str) -> Iterator[list[str]]:
    """The rows of all tables, without their heads."""
    for line in re.findall(r"^\|(?!-)(.+)\|$(?!\n\|---)", text, flags=re.MULTILINE):
        yield [cell.strip() for cell in line.split(" | ")]


def words(cell: str) -> list[str]:
    """What is in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def program(page: str, name: str) -> str:
    """The Python block whose docstring says that it is called `name`."""
    return next(block for block in blocks(read(page), "python") if f": python {name} " in block.splitlines()[0])


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- words and tables ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = DOCS / name if name else page
        assert linked.is_file(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", OWN_PAGES, ids=lambda page: page.name)
def test_every_source_file_that_is_named_exists(page):
    roots = [ROOT / folder for folder in ("", "mediasrv", "ext/mediaplane", "ext/mediaplane/wire")]
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"[\w/-]+\.(?:pyx|pxd|py|js)\b", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if f": python {name} " not in text:  # a program of the page itself
            assert any((root / name).is_file() for root in roots), name


def test_the_packet_path_names_files_that_exist():
    path = blocks(section(read("architecture.md"), "The path of a packet"), "")[0]
    for name in re.findall(r"\b(?:secure|stream|rtcp)/\w+|\b\w+\.pyx", path):
        assert (ROOT / "ext/mediaplane" / name).with_suffix(".pyx").is_file(), name


def test_the_settings_are_all_there_with_their_names_and_defaults():
    command = typer.main.get_command(cli.app).commands["serve"]
    options = {parameter.name: parameter.opts[0] for parameter in command.params}
    documented = {}
    of_rooms = {".".join(path): name for name, path in PATHS.items()}
    for key, variable, option, default, _meaning in tables(read("configuration.md")):
        name = of_rooms.get(*words(key), *words(key))
        assert words(variable) == [f"MEDIASRV_{name.upper()}"]
        assert options.get(name, "none") == (words(option) or [option])[0].split()[0]
        documented[name] = tomllib.loads(f"default = {words(default)[0]}")["default"]
    assert documented == {name: _plain(value) for name, value in msgspec.structs.asdict(config.Settings()).items()}
    assert options.keys() - documented.keys() == {"config_file"}


def _plain(value):
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("page", ["configuration.md", "hosting.md", "journal.md"])
def test_the_files_shown_are_ones_the_server_starts_with(page, tmp_path):
    for block in blocks(read(page), "toml"):
        path = tmp_path / "mediasrv.toml"
        path.write_text(block.replace("THE SECRET", "s" * 32))  # as it stands it is refused
        settings = config.load(file=path, environment={})
        if page != "journal.md":  # which shows the tables that are its own
            config.require_keys(settings)


def test_no_variable_is_named_that_the_server_does_not_know():
    known = {f"MEDIASRV_{name.upper()}" for name in config.FIELDS} | {
        "MEDIASRV_CONFIG",
        "MEDIASRV_DEBUG",
        "MEDIASRV_LOADTEST_SECRET",
    }
    named = {name for page in OWN_PAGES for name in re.findall(r"\bMEDIASRV_\w+", page.read_text())}
    assert named - known == {"MEDIASRV_RTC_PRT"}  # in a sentence about mistakes


def test_the_options_of_the_load_test_are_all_there():
    command = typer.main.get_command(cli.app).get_command(None, "loadtest")
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", read("loadtest.md")))
    assert named - options == {"--dev"}  # of the server
    assert options - named == set()


def test_the_counters_are_all_there():
    counters = pytest.importorskip("mediaplane.counters").COUNTER_NAMES
    documented = [name for row in tables(section(read("architecture.md"), "Counters")) for name in words(row[0])]
    assert sorted(documented) == sorted(counters)


def test_the_counters_of_the_mixing_thread_are_all_there():
    mixer = Mixer(pytest.importorskip("mediaplane.audio.mixer_thread").MixerThread())
    rows = tables(section(read("architecture.md"), "Counters of the mixing thread"))
    assert sorted(name for row in rows for name in words(row[0])) == sorted(mixer.counters())


def test_the_statuses_are_all_there():
    possible = {(status, code) for code, status in STATUS_OF_CODE.items()}
    possible |= {(401, "token_invalid"), (401, "token_expired"), (403, "token_wrong_room")}
    possible |= {(405, "method_not_allowed"), (413, "request_entity_too_large")}  # of aiohttp, in http/problem.py
    for name in ("media_endpoint", "bearer", "offer_direction", "rate_limit", "problem"):
        for node in ast.walk(ast.parse((ROOT / f"mediasrv/http/{name}.py").read_text())):
            match node:
                case ast.Call(ast.Name("HttpError"), [ast.Constant(int(status)), ast.Constant(str(code)), *_]):
                    possible.add((status, code))
    unreached = {(400, "invalid_params"), (404, "not_joined"), (413, "too_large")}  # of the control protocol alone
    rows = tables(read("whip-whep.md").split("application/problem+json` (RFC 9457)")[1])
    assert sorted((int(status), *words(code)) for status, code, _ in rows) == sorted(possible - unreached)


def test_the_reasons_of_leaving_and_the_permissions_are_all_there():
    rows = list(tables(section(read("hosting.md"), "The journal")))
    assert sorted(words(row[0])[0] for row in rows) == sorted(LeaveReason)
    flags = list(tables(section(read("hosting.md"), "Tokens").split("| flag |")[1]))
    assert [flag for row in flags for flag in words(row[0])] == list(FLAG_OF_NAME)


def test_the_journal_has_an_example_of_every_event():
    text = (ROOT / "mediasrv/journal/journal.py").read_text()
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    events = {call.args[0].value for call in calls if ast.unparse(call.func) == "Entry"}
    shown = [json.loads(line) for block in blocks(section(read("hosting.md"), "The journal"), "json")
             for line in block.splitlines()]  # fmt: skip
    assert {line["event"] for line in shown} == events
    assert len(shown) == len(events)


# --- programs ------------------------------------------------------------------------------------------------------


def test_the_program_that_makes_tokens(tmp_path):
    path = tmp_path / "make_token.py"
    path.write_text(program("hosting.md", "make_token.py"))
    arguments = [config.DEV_KEY, config.DEV_SECRET, "standup", "ada", "Ada"]
    made = subprocess.run([sys.executable, path, *arguments], check=True, capture_output=True, text=True)
    grant = tokens.TokenVerifier(KEY).verify(made.stdout.strip(), room="standup")
    assert (grant.identity, grant.name) == ("ada", "Ada")
    assert grant.permissions == cli.DEFAULT_GRANTS


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_systemd_unit(tmp_path):
    (unit,) = blocks(read("hosting.md"), "ini")
    path = tmp_path / "mediasrv.service"
    path.write_text(unit.replace("/opt/mediasrv/.venv/bin/mediasrv", sys.executable))  # it checks that this exists
    checked = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def token(identity: str) -> str:
    grants = dict.fromkeys(FLAG_OF_NAME, True)
    return tokens.mint(
        config.DEV_KEY, config.DEV_SECRET, identity=identity, room="standup", name=identity, grants=grants, ttl_s=60
    )


@asynccontextmanager
async def running(*command: str | Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python program whose output is read as it comes; ended by its id."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDIASRV_")}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "ext"), str(ROOT)])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", *command, stdout=asyncio.subprocess.PIPE, env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    """The next line of output that has `text` in it."""
    assert process.stdout is not None
    while line := (await asyncio.wait_for(process.stdout.readline(), 30)).decode():
        if text in line:
            return line
    raise AssertionError(f"the program ended without saying {text!r}")


@asynccontextmanager
async def server() -> AsyncIterator[str]:
    pytest.importorskip("mediaplane.worker")
    options = ["--dev", "--http", "127.0.0.1:0", "--rtc-port", "0", "--workers", "1"]
    async with running("-m", "mediasrv", "serve", *options) as process:
        yield (await line_with(process, "is ready")).split()[3].rstrip("/")


async def test_the_control_client(tmp_path):
    path = tmp_path / "listen.py"
    path.write_text(program("client.md", "listen.py"))
    async with server() as url, running(path, url, token("ada")) as client, aiohttp.ClientSession() as http:
        assert await line_with(client, "standup") == "in standup with ada\n"
        assert await line_with(client, "delivered") == "delivered to 0\n"
        async with http.ws_connect(f"{url}/rpc") as other:
            await other.send_json([0, 1, "join", {"token": token("grace")}])
            await other.send_json([0, 2, "send_message", {"text": "Hello!"}])
            assert "'identity': 'grace'" in await line_with(client, "participant_joined")
            assert "'text': 'Hello!'" in await line_with(client, "message")
            await other.send_json([0, 3, "leave", {}])
            assert "'reason': 'left'" in await line_with(client, "participant_left")


async def test_the_client_of_the_package(tmp_path):
    path = tmp_path / "watch.py"
    path.write_text(program("client.md", "watch.py"))
    admin = tokens.mint(*next(iter(KEY.items())), identity="backend", room=None, grants={}, ttl_s=60, admin=True)
    async with server() as url, aiohttp.ClientSession() as http:
        address = url.replace("http", "ws") + "/rpc"
        async with running(path, address, admin, "standup") as client, http.ws_connect(f"{url}/rpc") as ada:
            assert await line_with(client, "watching") == "watching standup\n"
            await ada.send_json([0, 1, "join", {"token": token("ada")}])
            await ada.send_json([0, 2, "leave", {}])
            assert await line_with(client, "joined") == "participant_joined ada\n"
            assert await line_with(client, "left") == "participant_left ada\n"


async def test_the_publisher_and_the_player(tmp_path):
    for name in ("publish.py", "play.py"):
        (tmp_path / name).write_text(program("whip-whep.md", name))
    async with (
        server() as url,
        running(tmp_path / "play.py", f"{url}/whep/standup", token("tv"), "60") as player,
        running(tmp_path / "publish.py", f"{url}/whip/standup", token("camera-1"), "60"),
    ):
        first = {(await line_with(player, "first")).split(":")[0] for _ in range(2)}
        assert first == {"first audio frame", "first video frame"}
