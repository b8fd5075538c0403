"""`mediasrv doctor`: each thing that can be wrong with a machine is found, named, and has a remedy."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mediasrv import config
from mediasrv.doctor import command, network, system
from mediasrv.doctor.finding import Finding, Severity
from mediasrv.doctor.machine import Machine
from mediasrv.settings import Settings
from tests.control.tls_files import Authority, write_pair

SECRET = "s" * 32
MIB = 1 << 20


@dataclass
class FakeMachine(Machine):
    """A machine with nothing wrong, unless something is."""

    files: dict[str, str] = field(default_factory=lambda: {
        "/proc/sys/net/core/rmem_max": "8388608\n",
        "/proc/sys/net/core/wmem_max": "8388608\n",
        "/proc/net/snmp": "Udp: InDatagrams RcvbufErrors\nUdp: 100 0\n",
        "/proc/cpuinfo": "flags\t\t: fpu aes avx2\n",
        system.CLOCK_SOURCE: "tsc\n",
    })  # fmt: skip
    taken: dict[tuple[str, int], int] = field(default_factory=dict)
    users: dict[int, tuple[str, int]] = field(default_factory=dict)
    addresses: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"eth0": ["203.0.113.7"]})
    told: list[str] | None = None
    options: frozenset[str] = frozenset({"UDP_SEGMENT", "UDP_GRO"})
    capable: bool = False
    limits: tuple[int, int] = (65536, 65536)
    synchronised: tuple[bool, float] | None = (True, 0.002)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    step_s: float = 0.0
    free: int = 50 << 30
    writable: bool = True
    backends: Sequence[str] = ("ipsec-mb", "libcrypto")

    def read(self, path: str) -> str | None:
        return self.files.get(path)

    def exists(self, path: str) -> bool:
        return path in self.files

    def bind(self, transport: str, host: str, port: int) -> OSError | None:
        number = self.taken.get((transport, port))
        return OSError(number, os.strerror(number)) if number else None

    def user_of(self, transport: str, port: int) -> tuple[str, int] | None:
        return self.users.get(port)

    def interfaces(self) -> Mapping[str, Sequence[str]]:
        return self.addresses

    def binds(self, configured: Sequence[str]) -> list[str]:
        return list(configured) or ["0.0.0.0"]

    def advertised(self, configured: Sequence[str], binds: Sequence[str]) -> list[str]:
        return list(configured) or (["203.0.113.7"] if self.told is None else self.told)

    def udp_option(self, name: str) -> bool:
        return name in self.options

    def has_capability(self, number: int) -> bool:
        return self.capable

    def file_limits(self) -> tuple[int, int]:
        return self.limits

    def clock_synchronised(self) -> tuple[bool, float] | None:
        return self.synchronised

    def now(self) -> datetime:
        return self.at

    def clock_steps(self, over_s: float = 0.05) -> float:
        return self.step_s

    def free_bytes(self, folder: Path) -> int:
        return self.free

    def may_write(self, folder: Path) -> bool:
        return self.writable

    def cpus(self) -> int:
        return 2

    def srtp_backends(self) -> Sequence[str]:
        return self.backends


class Unbuilt(FakeMachine):
    def srtp_backends(self) -> Sequence[str]:
        raise ImportError("No module named 'mediaplane.secure.srtp'")


def settings(**options: Any) -> Settings:
    return config.load({"workers": 2, "keys": {"main": SECRET}} | options, environment={})


def with_files(**files: str) -> FakeMachine:
    machine = FakeMachine()
    machine.files |= files
    return machine


def test_a_machine_with_nothing_wrong(tmp_path):
    found = command.examine(settings(data_dir=str(tmp_path)), FakeMachine())
    assert {finding.severity for finding in found} == {Severity.OK}
    assert command.is_healthy(found)
    assert len(found) > 10


E_USED = {("udp", 7883): errno.EADDRINUSE}
E_HTTP = {("tcp", 8080): errno.EADDRINUSE}
ETH = "eth0"
# What is wrong: the machine, the settings, and then the check, how bad it is, and what is said and advised.
WRONG: list[tuple[Callable[[], FakeMachine], dict[str, Any], str, Severity, str, str]] = [
    (FakeMachine, {"keys": None}, "keys", Severity.ERROR, "no token could be valid", "openssl rand"),
    (lambda: FakeMachine(taken=E_HTTP, users={8080: ("nginx: master", 812)}), {}, "http_port", Severity.ERROR,
     r"TCP port 8080 is in use by 'nginx: master' \(process 812\)", "--http"),
    (lambda: FakeMachine(taken=E_HTTP), {}, "http_port", Severity.ERROR, "only root can see", "--http"),
    (lambda: FakeMachine(taken=E_HTTP, users={8080: ("python -m mediasrv serve", 9)}), {}, "http_port", Severity.NOTE,
     "by a running mediasrv", ""),
    (lambda: FakeMachine(taken={("tcp", 443): errno.EACCES}), {"http": "127.0.0.1:443"}, "http_port", Severity.ERROR,
     "needs privileges", "CAP_NET_BIND_SERVICE"),
    (lambda: FakeMachine(taken={("tcp", 8080): errno.EADDRNOTAVAIL}), {"http": "127.0.0.9:8080"}, "http_port",
     Severity.ERROR, "cannot be had", "address of this machine"),
    (lambda: FakeMachine(taken=E_USED, users={7883: ("coturn", 4)}), {}, "media_ports", Severity.ERROR,
     r"UDP port 7883 is in use by 'coturn'", "--rtc-port"),
    (lambda: FakeMachine(told=[]), {}, "addresses", Severity.ERROR, "no address was found", "--rtc-ip"),
    (lambda: FakeMachine(told=["127.0.0.1"]), {}, "addresses", Severity.ERROR, "only programs on this machine",
     "--rtc-ip"),
    (lambda: FakeMachine(told=["10.0.0.5"], addresses={ETH: ["10.0.0.5"]}), {}, "addresses", Severity.WARNING,
     r"10\.0\.0\.5 \(of eth0\) is private", "--rtc-ip PUBLIC-ADDRESS.*UDP 7882 and up"),
    (lambda: FakeMachine(told=["100.64.3.1"], addresses={ETH: ["100.64.3.1"]}), {}, "addresses", Severity.WARNING,
     "is private", "router"),
    (lambda: FakeMachine(told=["fd00::5"], addresses={ETH: ["fd00::5"]}), {}, "addresses", Severity.WARNING,
     "is private", "router"),
    (lambda: FakeMachine(told=["169.254.1.2"], addresses={ETH: ["169.254.1.2"]}), {}, "addresses", Severity.ERROR,
     "link-local", "--rtc-ip"),
    (lambda: FakeMachine(told=["172.17.0.1"], addresses={"docker0": ["172.17.0.1"]}), {}, "addresses",
     Severity.WARNING, "bridge to containers", "--rtc-ip"),
    (lambda: _in_a_container(), {}, "addresses", Severity.ERROR, "the container's own", "--network host"),
    (FakeMachine, {"rtc_ip": ["198.51.100.9"]}, "addresses", Severity.NOTE, "none of this machine's addresses",
     "UDP 7882-7883"),
    (FakeMachine, {"http": "203.0.113.7:80"}, "https", Severity.WARNING, "neither camera nor microphone", "tls_cert"),
    (lambda: with_files(**{"/proc/sys/net/core/rmem_max": "212992"}), {}, "udp_buffers", Severity.WARNING,
     "net.core.rmem_max is 208 KiB", "sysctl --system"),
    (lambda: with_files(**{"/proc/net/snmp": "Udp: InDatagrams RcvbufErrors\nUdp: 100 42"}), {}, "udp_drops",
     Severity.NOTE, "42 datagrams were dropped", "ss -lunm"),
    (lambda: FakeMachine(options=frozenset({"UDP_GRO"})), {}, "udp_offload", Severity.WARNING, "no UDP_SEGMENT",
     "Linux 5.0"),
    (lambda: FakeMachine(options=frozenset()), {}, "udp_offload", Severity.WARNING, "UDP_SEGMENT and no UDP_GRO", ""),
    (Unbuilt, {}, "native_modules", Severity.ERROR, "not built", "make build"),
    (lambda: FakeMachine(backends=["libcrypto"]), {}, "srtp", Severity.WARNING, "libipsec-mb is missing", "install"),
    (lambda: FakeMachine(backends=["libcrypto"]), {"srtp_backend": "ipsec-mb"}, "srtp", Severity.ERROR,
     "that is not there", "choose auto"),
    (lambda: with_files(**{"/proc/cpuinfo": "flags : fpu sse2"}), {}, "cpu", Severity.WARNING, "no AES", "CPU type"),
    (FakeMachine, {"workers": 8}, "workers", Severity.NOTE, "8 workers share 2 CPUs", "workers = 0"),
    (lambda: FakeMachine(at=datetime(1970, 1, 1, tzinfo=UTC)), {}, "clock", Severity.ERROR, "1970-01-01", "chrony"),
    (lambda: FakeMachine(synchronised=(False, 16.0)), {}, "clock", Severity.WARNING, "nobody keeps the clock right",
     "timedatectl"),
    (lambda: FakeMachine(synchronised=(True, 30.0)), {}, "clock", Severity.WARNING, r"wrong by 30\.0 s", "chrony"),
    (lambda: FakeMachine(synchronised=None), {}, "clock", Severity.NOTE, "cannot be seen", ""),
    (lambda: FakeMachine(step_s=0.4), {}, "clock_steps", Severity.WARNING, "jumped by 400 ms", "chrony"),
    (lambda: with_files(**{system.CLOCK_SOURCE: "hpet\n"}), {}, "clock_source", Severity.WARNING, "hpet", "tsc"),
    (lambda: FakeMachine(limits=(1024, 4096)), {}, "file_limit", Severity.WARNING, "1024 files", "LimitNOFILE=65536"),
    (lambda: FakeMachine(limits=(16384, 65536)), {}, "file_limit", Severity.NOTE, "16384 files", "ulimit -n 65536"),
    (lambda: FakeMachine(limits=(128, 128)), {}, "file_limit", Severity.ERROR, "128 files", "`ulimit -n 65536`"),
    (lambda: FakeMachine(writable=False), {}, "data_folder", Severity.ERROR, "cannot be written", "StateDirectory"),
    (lambda: FakeMachine(free=500 * MIB), {}, "disk", Severity.WARNING, "500 MiB are free", "journal_retention"),
    (lambda: FakeMachine(free=20 * MIB), {}, "disk", Severity.ERROR, "20 MiB are free", "make room"),
    (FakeMachine, {"database": "postgresql://127.0.0.1:1/calls"}, "database", Severity.ERROR, "cannot use the database",
     "see that it runs"),
]  # fmt: skip


def _in_a_container() -> FakeMachine:
    machine = FakeMachine(told=["172.17.0.2"], addresses={"eth0": ["172.17.0.2"]})
    machine.files["/.dockerenv"] = ""
    return machine


@pytest.mark.parametrize(("machine", "options", "check", "severity", "text", "remedy"), WRONG)
def test_what_is_wrong_is_found_with_a_remedy(tmp_path, machine, options, check, severity, text, remedy):
    chosen = settings(**({"data_dir": str(tmp_path)} | options))
    found = command.examine(chosen, machine())
    (finding,) = [each for each in found if each.check == check and each.severity is not Severity.OK]
    assert finding.severity is severity
    assert re.search(text, finding.text)
    assert re.search(remedy, finding.remedy)
    assert finding.remedy or severity is Severity.NOTE
    assert {each.check for each in found if each.severity is not Severity.OK} == {check}
    assert command.is_healthy(found) == (severity is not Severity.ERROR)


def certificate(folder: Path, **options: Any) -> list[Finding]:
    certificate, key = write_pair(folder, **options)
    chosen = settings(tls_cert=str(certificate), tls_key=str(key))
    return list(system.check_certificate(chosen, FakeMachine()))


def test_a_certificate_that_is_good(tmp_path):
    authority = Authority()
    path, key = write_pair(tmp_path, authority=authority, days=90)
    path.write_bytes(path.read_bytes() + authority.pem)
    found = list(system.check_certificate(settings(tls_cert=str(path), tls_key=str(key)), FakeMachine()))
    assert [(each.severity, each.text) for each in found] == [
        (Severity.OK, "of localhost, 127.0.0.1, valid for 90 days")
    ]


@pytest.mark.parametrize(
    ("options", "severity", "text"),
    [
        ({"days": -3}, Severity.ERROR, "expired 3 days ago"),
        ({"days": 5}, Severity.WARNING, "expires in 5 days"),
        ({}, Severity.WARNING, "self-signed"),
        ({"authority": Authority()}, Severity.WARNING, "the certificate alone"),
        ({"passphrase": b"secret"}, Severity.ERROR, "has a passphrase"),
    ],
)
def test_a_certificate_that_is_not(tmp_path, options, severity, text):
    assert [each for each in certificate(tmp_path, **options) if each.severity is severity and text in each.text]


def test_a_certificate_of_tomorrow(tmp_path):
    path, key = write_pair(tmp_path)
    machine = FakeMachine(at=datetime.now(UTC) - timedelta(days=10))
    found = list(system.check_certificate(settings(tls_cert=str(path), tls_key=str(key)), machine))
    assert "is valid only from" in found[0].text


def test_low_limits_of_buffers_do_not_matter_to_who_may_exceed_them():
    machine = with_files(**{"/proc/sys/net/core/wmem_max": "212992"})
    machine.capable = True
    assert [each.severity for each in network.check_buffers(settings(), machine)] == [Severity.OK]


def test_a_check_that_fails_does_not_keep_the_others_from_looking(tmp_path):
    machine = with_files(**{"/proc/sys/net/core/rmem_max": "a lot"})
    found = command.examine(settings(data_dir=str(tmp_path)), machine)
    (failed,) = [each for each in found if each.severity is Severity.ERROR]
    assert failed.check == "buffers"
    assert found[-1].check == "database"


# --- this machine --------------------------------------------------------------------------------------------------


def test_who_has_a_port_is_seen():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        problem = Machine().bind("udp", "127.0.0.1", port)
        assert problem is not None
        assert problem.errno == errno.EADDRINUSE
        user = Machine().user_of("udp", port)
    assert user is not None
    assert user[1] == os.getpid()


def test_this_machine_answers_everything():
    machine = Machine()
    assert machine.file_limits()[0] > 0
    assert any("127.0.0.1" in addresses for addresses in machine.interfaces().values())
    assert machine.free_bytes(Path("/nowhere/at/all")) > 0
    assert machine.cpu_flags()
    assert machine.clock_steps() < 1
    synchronised = machine.clock_synchronised()
    assert synchronised is None or synchronised[1] >= 0


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MEDIASRV_")}
    return subprocess.run(
        [sys.executable, "-m", "mediasrv", "doctor", *options],
        capture_output=True, text=True, timeout=60, env=clean | environment,
    )  # fmt: skip


def test_the_command_says_what_it_found_and_exits_by_it(tmp_path):
    pytest.importorskip("mediaplane.worker")
    options = ["--http", "127.0.0.1:0", "--rtc-port", "0", "--data-dir", str(tmp_path)]
    healthy = run(*options, "--json", MEDIASRV_KEYS=f"main:{SECRET}", MEDIASRV_RTC_IP="203.0.113.7")
    told = json.loads(healthy.stdout)
    assert (healthy.returncode, told["healthy"]) == (0, True), told
    assert {"check", "severity", "text", "remedy"} == told["findings"][0].keys()
    assert SECRET not in healthy.stdout
    sick = run(*options)
    assert sick.returncode == 1
    assert "error   keys: no keys are configured" in sick.stdout
    assert "-> `openssl rand" in sick.stdout


def test_a_mistake_in_the_settings_is_named_first():
    wrong = run("--rtc-ip", "example.org")
    assert wrong.returncode == 2
    assert "rtc_ip: 'example.org' is not an IP address" in wrong.stderr
