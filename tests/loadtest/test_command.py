"""`mediasrv loadtest` before any load is made: what it says about options that make no sense."""

from __future__ import annotations

import os
import socket
import sys

import pytest
from typer.testing import CliRunner

from mediasrv import config, tokens
from mediasrv.cli import app


@pytest.fixture
def run(monkeypatch):
    for name in list(os.environ):
        if name.startswith("MEDIASRV_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, ["loadtest", *arguments])


def token(room: str) -> str:
    return tokens.mint(config.DEV_KEY, config.DEV_SECRET, identity="ada", room=room, grants={"join": True}, ttl_s=60)


SERVER = ("--url", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "which server? Give one of --url, --self, or --whip-url with --whep-url"),
        ((*SERVER, "--self"), "which server?"),
        (("--whip-url", "http://127.0.0.1:9/whip"), "--whip-url and --whep-url come together"),
        (("--url", "127.0.0.1:8080"), "'127.0.0.1:8080' is not a URL; write for example http://127.0.0.1:8080"),
        (("--self", "--token", "x"), "--self starts a server of its own"),
        (("--self", "--pid", "1"), "--self starts a server of its own"),
        (("--self", "--participants", "1"), "one participant alone has nobody to send to"),
        (("--self", "--no-audio", "--video-kbps", "0"), "neither audio nor video"),
        (("--self", "--publishers", "70"), "everybody would receive 140 streams"),
        (("--self", "--seconds", "0"), "above zero"),
        (("--self", "--plot", "x.png"), "--plot draws a ramp: add --ramp"),
        (("--self", "--ramp", "--participants", "3", "--ramp-by", "subscribers"), "rooms can grow"),
        ((*SERVER, "--secret", "x" * 32), "give its id, too (--key)"),
        ((*SERVER, "--key", "main"), "no setting has this key; give --config, or --secret"),
        ((*SERVER, "--config", "/nonexistent.toml"), "cannot read the configuration file"),
        ((*SERVER, "--token", token("a"), "--token", token("b")), "--token lets into one room"),
        ((*SERVER, "--token", token("a"), "--rooms", "2"), "--token lets into one room"),
    ],
)
def test_what_makes_no_sense_is_explained(run, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_server_that_is_not_there(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for more in ((), ("--participants", "2", "--key", "k", "--secret", "s" * 32), ("--token", token("a"))):
        result = run("--url", f"http://127.0.0.1:{port}", *more)
        assert result.exit_code == 2
        assert f"127.0.0.1:{port}" in result.stderr
        assert "Is the server running, and is that its address?" in result.stderr


def test_a_process_that_is_not_there(run):
    result = run(*SERVER, "--pid", "4194304")
    assert result.exit_code == 2
    assert "there is no process 4194304" in result.stderr


def test_a_plot_without_matplotlib_says_what_to_install_before_anything_runs(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    result = run("--self", "--ramp", "--plot", "ramp.png")
    assert result.exit_code == 2
    assert "pip install 'mediasrv[plot]'" in result.stderr


@pytest.mark.parametrize(
    ("name", "message"), [("ramp.txt", "must end in one of"), ("/nowhere/ramp.png", "no such folder")]
)
def test_a_plot_that_could_not_be_written(run, name, message):
    pytest.importorskip("matplotlib")
    result = run("--self", "--ramp", "--plot", name)
    assert result.exit_code == 2
    assert message in result.stderr


def test_no_secret_is_shown(run):
    result = run(*SERVER, "--key", "main", "--secret", "s3cret-" * 5)
    assert result.exit_code == 2
    assert "s3cret" not in result.stderr + result.stdout
