"""Settings: which source wins, and what a mistake in any of them says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediasrv import config
from mediasrv.config import ConfigError, HostPort, Settings

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "mediasrv.toml"
        path.write_text(text)
        return path

    return write


def test_without_any_source_the_defaults_hold():
    settings = config.load(environment={})
    assert settings == Settings()
    assert settings.http_address == HostPort("127.0.0.1", 8080)
    assert settings.rtc_port == 7882
    assert settings.worker_count >= 1


def test_command_line_wins_over_environment_over_file_over_defaults(write):
    file = write(f'rtc_port = 1001\nworkers = 1\nlog_level = "error"\nkeys = {{ main = "{SECRET}" }}\n')
    environment = {"MEDIASRV_RTC_PORT": "1002", "MEDIASRV_WORKERS": "2"}
    settings = config.load({"rtc_port": 1003, "http": None}, file=file, environment=environment)
    assert (settings.rtc_port, settings.workers, settings.log_level) == (1003, 2, "error")
    assert settings.keys == {"main": SECRET}
    assert settings.http == "127.0.0.1:8080"


def test_the_environment_names_the_file(write):
    path = write("workers = 7")
    assert config.load(environment={"MEDIASRV_CONFIG": str(path)}).workers == 7


def test_the_environment_holds_lists_maps_and_truth_as_text():
    settings = config.load(
        environment={
            "MEDIASRV_RTC_IP": "192.0.2.1, 2001:db8::1",
            "MEDIASRV_KEYS": f"a:{SECRET},b:{SECRET}:with:colons",
            "MEDIASRV_DEV": "false",
        }
    )
    assert settings.rtc_ip == ("192.0.2.1", "2001:db8::1")
    assert settings.keys == {"a": SECRET, "b": f"{SECRET}:with:colons"}
    assert settings.dev is False


def test_dev_brings_its_key_and_stays_on_loopback():
    settings = config.load({"dev": True}, environment={})
    assert settings.keys == {"devkey": "devsecret-devsecret-devsecret-32"}
    assert settings.rtc_ip == settings.rtc_bind == ("127.0.0.1",)


@pytest.mark.parametrize("setting", ["http = '0.0.0.0:8080'", "rtc_ip = ['192.0.2.1']", "rtc_bind = ['0.0.0.0']"])
def test_dev_refuses_to_be_reachable_from_outside(write, setting):
    with pytest.raises(ConfigError, match="not loopback"):
        config.load({"dev": True}, file=write(setting), environment={})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rtc_prt = 1", "unknown key 'rtc_prt'; did you mean 'rtc_port'?"),
        ("zzz = 1", "unknown key 'zzz'; known keys are control, control_plaintext"),
        ("rtc_port = 'x'", "rtc_port: Expected `int`, got `str`"),
        ("rtc_port = 65536", "rtc_port: Expected `int` <= 65535 (got 65536)"),
        ("workers = -1", "workers: Expected `int` >= 0"),
        ("rtc_port = 65535\nworkers = 2", "2 workers need as many ports from 65535 on"),
        ("log_level = 'loud'", "log_level: Invalid enum value 'loud'"),
        ("rtc_ip = ['example.org']", "rtc_ip: 'example.org' is not an IP address"),
        ("rtc_ip = ['0.0.0.0']", "rtc_ip: 0.0.0.0 is no address that a client could send to"),
        ("http = '8080'", "'8080' is not HOST:PORT"),
        ("http = '::1:8080'", "write an IPv6 address in brackets"),
        ("http = 'localhost:http'", "'http' in 'localhost:http' is not a port"),
        ("keys = { main = 'short' }", "the secret of 'main' has less than 32 bytes"),
        ("rtc_port =", "is not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_the_file(write, text, message):
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        config.load(file=path, environment={})
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_bad_value_names_the_variable_or_option_it_came_from():
    with pytest.raises(ConfigError, match=r"set by environment variable MEDIASRV_RTC_PORT$"):
        config.load(environment={"MEDIASRV_RTC_PORT": "seven"})
    with pytest.raises(ConfigError, match=r"set by option --srtp-backend$"):
        config.load({"srtp_backend": "rot13"}, environment={})


def test_a_secret_is_never_part_of_an_error():
    with pytest.raises(ConfigError) as caught:
        config.load(environment={"MEDIASRV_KEYS": "main:tooshort"})
    assert "tooshort" not in str(caught.value)


def test_a_slip_in_a_variable_is_an_error_but_foreign_ones_are_not():
    with pytest.raises(ConfigError, match="did you mean 'MEDIASRV_RTC_PORT'"):
        config.load(environment={"MEDIASRV_RTCPORT": "1"})
    # As Kubernetes sets them for a service of this name.
    config.load(environment={"MEDIASRV_SERVICE_HOST": "10.0.0.1", "MEDIASRV_PORT": "tcp://10.0.0.1:80"})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*absent\.toml: No such file"):
        config.load(file=tmp_path / "absent.toml", environment={})


def test_without_keys_the_error_says_how_to_make_one():
    with pytest.raises(ConfigError, match="openssl rand -hex 32"):
        config.require_keys(config.load(environment={}))


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("127.0.0.1:8080", HostPort("127.0.0.1", 8080)),
        ("[::1]:80", HostPort("::1", 80)),
        ("localhost:0", HostPort("localhost", 0)),
    ],
)
def test_host_and_port_survive_a_round_trip(text, parsed):
    assert config.parse_host_port(text) == parsed
    assert str(parsed) == text


def test_the_journals_settings_from_file_and_environment(write):
    file = write(
        f'[journal_retention]\ndefault = "1y"\n\n[[webhooks]]\nurl = "https://example.org/a?token=x"\n'
        f'secret = "{SECRET}"\nevents = ["room_closed"]\n'
    )
    settings = config.load(file=file, environment={})
    assert settings.journal_retention == {"default": "1y"}
    (webhook,) = settings.webhooks
    assert (webhook.called, webhook.events) == ("example.org/a", ("room_closed",))
    environment = {
        "MEDIASRV_JOURNAL_RETENTION": "default:6w, address:12h",
        "MEDIASRV_WEBHOOKS": f"[{{url = 'https://example.org/', secret = '{SECRET}', name = 'crm'}}]",
    }
    settings = config.load(environment=environment)
    assert settings.journal_retention == {"default": "6w", "address": "12h"}
    assert [each.called for each in settings.webhooks] == ["crm"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("journal_retention = { message_snt = '1d' }", "did you mean 'message_sent'?"),
        ("journal_retention = { default = '90' }", "'90' is not a time to keep something"),
        ("journal_addresses = 'some'", "journal_addresses: Invalid enum value 'some'"),
        ("webhooks = [{ url = 'https://example.org/', secret = 'tooshort' }]", "has less than 32 bytes"),
        ("webhooks = [{ url = 'https://example.org/', secrt = 'tooshort' }]", "unknown field `secrt`"),
        ("webhooks = [{ url = 'https://example.org/', secrt = 'tooshort' }]", "did you mean 'secret'?"),
        ("webhooks = [{ target = 'https://example.org/' }]", "known keys are events, name, secret, url"),
    ],
)
def test_a_mistake_in_the_journals_settings_is_named_and_no_secret_with_it(write, text, message):
    with pytest.raises(ConfigError) as caught:
        config.load(file=write(text), environment={})
    assert message in str(caught.value)
    assert "tooshort" not in str(caught.value)
