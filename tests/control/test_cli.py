"""The command line, without a server behind it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mediasrv import config
from mediasrv.cli import app
from mediasrv.rooms.permissions import Permission
from mediasrv.tokens import TokenVerifier

SECRET = "0123456789abcdef0123456789abcdef"
DEV = TokenVerifier({config.DEV_KEY: config.DEV_SECRET})


@pytest.fixture
def run(monkeypatch):
    for name in list(os.environ):
        if name.startswith("MEDIASRV_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments, env=None: CliRunner().invoke(app, arguments, env=env)


def test_a_plain_token_is_for_the_dev_server_and_says_so(run):
    result = run("token", "--room", "r", "--identity", "a")
    assert result.exit_code == 0
    grant = DEV.verify(result.stdout.strip(), room="r")
    assert (grant.identity, grant.name) == ("a", "a")
    assert "--dev" in result.stderr


def test_the_default_grants_are_those_of_a_caller(run):
    grant = DEV.verify(run("token", "--room", "r", "--identity", "a").stdout.strip())
    withheld = Permission.MODERATE | Permission.RESERVE | Permission.RECORD
    assert not grant.permissions & withheld
    assert grant.permissions | withheld == ~Permission(0)


def test_named_grants_replace_the_default_and_include_join(run):
    result = run("token", "--room", "r", "--identity", "a", "--grant", "subscribe", "--grant", "moderate")
    expected = Permission.JOIN | Permission.SUBSCRIBE | Permission.MODERATE
    assert DEV.verify(result.stdout.strip()).permissions == expected


@pytest.mark.parametrize(("ttl", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("7d", 604800)])
def test_the_token_lives_as_long_as_asked(run, ttl, seconds):
    result = run("token", "--room", "r", "--identity", "a", "--ttl", ttl, "--name", "Ada")
    token = result.stdout.strip()
    now = DEV.verify(token).expires_at - seconds
    assert (
        TokenVerifier({config.DEV_KEY: config.DEV_SECRET}, clock=lambda: now + seconds - 1).verify(token).name == "Ada"
    )


def test_an_admin_token_is_for_no_room(run):
    grant = DEV.verify(run("token", "--admin", "--identity", "backend").stdout.strip())
    assert (grant.admin, grant.identity, grant.room, grant.permissions) == (True, "backend", "", Permission(0))
    for arguments in (("--admin", "--room", "r"), ()):
        result = run("token", "--identity", "a", *arguments)
        assert result.exit_code == 2
        assert "either --room NAME, or --admin" in result.stderr


def test_a_configured_key_is_used(run, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(f'[keys]\nfirst = "{SECRET}"\nsecond = "{SECRET[::-1]}"\n')
    for arguments, key in [((), "first"), (("--key", "second"), "second")]:
        result = run("token", "--room", "r", "--identity", "a", "--config", str(file), *arguments)
        assert result.stderr == ""
        secret = SECRET if key == "first" else SECRET[::-1]
        TokenVerifier({key: secret}).verify(result.stdout.strip())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--ttl", "soon"), "--ttl: 'soon' is not a length of time"),
        (("--ttl", "0s"), "--ttl"),
        (("--grant", "moderat"), "did you mean 'moderate'?"),
        (("--key", "absent"), "there is no key 'absent'"),
        (("--room", "a/b"), "room"),
        (("--config", "/nonexistent.toml"), "cannot read the configuration file"),
    ],
)
def test_a_wrong_argument_is_explained(run, arguments, message):
    result = run("token", "--room", "r", "--identity", "a", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no keys are configured"),
        (("--dev", "--http", "0.0.0.0:80"), "not loopback"),
        (("--dev", "--rtc-port", "70000"), "rtc_port: Expected `int` <= 65535 (got 70000); set by option --rtc-port"),
    ],
)
def test_serve_explains_what_it_cannot_start_with(run, arguments, message):
    result = run("serve", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_serve_help_shows_every_setting(run):
    text = run("serve", "--help").stdout
    for name in config.FIELDS:
        # Secrets do not belong on a command line, which every user of the machine can read; and tables hardly fit.
        if name not in ("keys", "journal_retention", "journal_addresses", "webhooks"):
            assert f"--{name.replace('_', '-')}" in text


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "mediasrv", "token", "--room", "r", "--identity", "a"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    DEV.verify(result.stdout.strip())


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["token", "--identity", "ada", "--room", "blue"], ["aiohttp", "sqlalchemy", "alembic", "mediaplane"]),
        (["ctl", "rooms", "--help"], ["aiohttp", "sqlalchemy", "alembic", "jwt", "mediaplane"]),
    ],
)
def test_a_command_imports_what_it_needs(arguments, unneeded):
    """Each of these takes as long as the rest of the start."""
    script = f"""
import sys
from mediasrv.cli import app
try:
    app({arguments!r})
except SystemExit as end:
    assert not end.code, end.code
print([name for name in {unneeded!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
