"""`mediasrv config`: a file that says of every setting what it is, why, and where it comes from."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from mediasrv import config, config_show
from mediasrv.config import ConfigError, Settings
from mediasrv.room_defaults import PATHS, from_table
from mediasrv.settings import FIELDS, description

SECRET = "0123456789abcdef0123456789abcdef"


def show(text: str = "", tmp_path: Path | None = None, **options: object) -> str:
    file = None
    if tmp_path is not None:
        file = tmp_path / "mediasrv.toml"
        file.write_text(text)
    return config_show.as_toml(config.load_with_sources(options, file=file, environment={}))


def sources(shown: str) -> dict[str, str]:
    """By setting: what stands behind its value."""
    lines = [line for line in shown.splitlines() if " = " in line and not line.startswith("#")]
    return {line.partition(" = ")[0]: line.rpartition("  # ")[2] for line in lines}


def test_every_setting_is_shown_with_what_it_means():
    shown = show()
    table = tomllib.loads(shown)
    assert dict(from_table(table.pop("rooms"))).keys() | table.keys() == FIELDS.keys()
    for name in FIELDS:
        assert description(name).endswith(".")
        assert f"# {description(name)}\n{PATHS.get(name, [name])[-1]} = " in shown


def test_what_is_shown_of_the_defaults_are_the_defaults(tmp_path):
    path = tmp_path / "shown.toml"
    path.write_text(show())
    assert config.load(file=path, environment={}) == Settings()


def test_each_value_says_where_it_comes_from(tmp_path):
    file = tmp_path / "mediasrv.toml"
    file.write_text("rtc_port = 1001\nworkers = 2\n")
    environment = {"MEDIASRV_WORKERS": "3", "MEDIASRV_RTC_IP": "192.0.2.1"}
    loaded = config.load_with_sources({"http": "127.0.0.1:99"}, file=file, environment=environment)
    shown = config_show.as_toml(loaded)
    assert {name: source for name, source in sources(shown).items() if source != "default"} == {
        "http": "option --http",
        "workers": "environment variable MEDIASRV_WORKERS",
        "rtc_ip": "environment variable MEDIASRV_RTC_IP",
        "rtc_port": str(file),
    }
    assert tomllib.loads(shown)["workers"] == 3


def test_dev_says_what_it_has_set():
    assert {name for name, source in sources(show(dev=True)).items() if source == "--dev"} == {
        "keys", "rtc_ip", "rtc_bind", "drain_s",
    }  # fmt: skip
    assert sources(show(dev=True, drain_s=5.0))["drain_s"] == "option --drain-s"


def test_no_secret_is_shown(tmp_path):
    text = (
        f'database = "postgresql://calls:{SECRET}@db.example.org:5432/calls"\n'
        f'[keys]\nmain = "{SECRET}"\n'
        f'[[webhooks]]\nurl = "https://example.org/hook?key={SECRET}"\nsecret = "{SECRET}"\n'
    )
    shown = show(text, tmp_path)
    assert SECRET not in shown
    assert SECRET not in config_show.as_json(config.load_with_sources(file=tmp_path / "mediasrv.toml", environment={}))
    table = tomllib.loads(shown)
    assert table["database"] == "postgresql://********@db.example.org:5432/calls"
    assert table["keys"] == {"main": "********"}
    assert table["webhooks"][0]["url"] == "https://example.org/hook"


@pytest.mark.parametrize("text", ['quotes " and \\', "line\nbreak", "\x7f del", "ключ"])
def test_any_text_survives_as_toml(text):
    settings = msgspec.structs.replace(Settings(), data_dir=text, journal_retention={text: "1d"})
    table = tomllib.loads(config_show.as_toml(config.Loaded(settings, {})))
    assert table["data_dir"] == text
    assert table["journal_retention"] == {text: "1d"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "mediasrv", *arguments], capture_output=True, text=True, timeout=30)


def test_the_command_takes_the_options_of_serve():
    shown = run("config", "--show", "--workers", "3", "--rtc-ip", "192.0.2.1", "--rtc-ip", "192.0.2.2", "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["rtc_ip"] == {
        "value": ["192.0.2.1", "192.0.2.2"],
        "source": "option --rtc-ip",
        "description": description("rtc_ip"),
    }


def test_the_command_only_checks_if_it_is_told_to(tmp_path):
    file = tmp_path / "mediasrv.toml"
    file.write_text("workers = 1\n")
    assert run("config", "--check", "--config", str(file)).stdout == ""
    file.write_text("wokers = 1\n")
    wrong = run("config", "--check", "--config", str(file))
    assert wrong.returncode == 2
    assert "unknown key 'wokers'; did you mean 'workers'?" in wrong.stderr


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"tls_key": "key.pem"}, "tls_key: a key without a certificate"),
        ({"reconnect_url": "call.example.org"}, "reconnect_url: 'call.example.org' is not a URL"),
        ({"metrics_from": ["everybody"]}, "metrics_from: 'everybody' is not an IP address or network"),
        ({"drain_s": -1.0}, "drain_s: Expected `float` >= 0"),
    ],
)
def test_what_makes_no_sense_is_refused(options, problem):
    with pytest.raises(ConfigError, match=problem):
        config.load(options, environment={})
