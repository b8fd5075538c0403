"""Clock, limits, CPU, keys, and where things are kept."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from mediasrv.config import require_keys
from mediasrv.doctor.finding import Finding, error, note, ok, warning
from mediasrv.doctor.machine import Machine
from mediasrv.settings import ConfigError, Settings
from mediasrv.store.data_folder import default_data_folder
from mediasrv.tls import SOON_DAYS, TlsError, TlsFiles, load_pair, read_certificate

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # no clock that is right says less
CLOCK_STEP_S = 0.02
FILES_WANTED = 65536
FILES_NEEDED = 4096
FREE_WANTED = 1 << 30
FREE_NEEDED = 100 << 20
SLOW_CLOCKS = frozenset({"hpet", "acpi_pm", "jiffies"})
CLOCK_SOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"


def check_keys(settings: Settings, _machine: Machine) -> Iterator[Finding]:
    try:
        require_keys(settings)
    except ConfigError:
        remedy = '`openssl rand -hex 32` makes a secret; put it into the file: [keys], then main = "THE SECRET"'
        yield error("keys", "no keys are configured: no token could be valid, and the server does not start", remedy)
    else:
        yield ok("keys", f"tokens of {', '.join(settings.keys)} are accepted")


def check_clock(settings: Settings, machine: Machine) -> Iterator[Finding]:
    now = machine.now()
    if now < EARLIEST:
        yield error("clock", f"the clock says {now:%Y-%m-%d}: tokens and certificates are judged wrong", _set_clock())
        return
    synchronised = machine.clock_synchronised()
    if synchronised is None:
        yield note("clock", "whether the clock is synchronised cannot be seen here")
    elif not synchronised[0]:
        yield warning(
            "clock",
            "nobody keeps the clock right: once it is wrong by more than "
            f"{settings.token_leeway_s:g} s, good tokens are refused",
            _set_clock(),
        )
    elif synchronised[1] > settings.token_leeway_s:
        yield warning("clock", f"the clock may be wrong by {synchronised[1]:.1f} s", _set_clock())
    else:
        yield ok("clock", f"synchronised, wrong by {synchronised[1] * 1000:.0f} ms at most")
    step = machine.clock_steps()
    if step > CLOCK_STEP_S:
        yield warning("clock_steps", f"the clock jumped by {step * 1000:.0f} ms while we looked", _set_clock())
    source = (machine.read(CLOCK_SOURCE) or "").strip()
    if source in SLOW_CLOCKS:
        yield warning(
            "clock_source",
            f"the kernel reads time from {source}, which takes a microsecond each time",
            "use tsc, or kvm-clock in a virtual machine: boot with clocksource=tsc",
        )


def _set_clock() -> str:
    return "`timedatectl set-ntp true`, or install chrony"


def check_certificate(settings: Settings, machine: Machine) -> Iterator[Finding]:
    for prefix in ("tls", "control_tls"):
        files = TlsFiles.of(prefix, settings)
        if files is not None:
            yield from _certificate(files, machine)


def _certificate(files: TlsFiles, machine: Machine) -> Iterator[Finding]:
    try:
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), files)
        info = read_certificate(files)
    except TlsError as wrong:
        yield error("certificate", str(wrong), f"give the right files as {files.prefix}_cert and {files.prefix}_key")
        return
    names = ", ".join(info.names) or "no name"
    left = info.days_left(machine.now())
    renew = "renew it (`certbot renew`, or whoever issued it); the server takes the new files without a restart"
    if left < 0:
        yield error("certificate", f"the certificate of {names} expired {-left:.0f} days ago", renew)
    elif info.not_before > machine.now():
        yield error(
            "certificate", f"the certificate of {names} is valid only from {info.not_before:%Y-%m-%d} on", renew
        )
    elif left < SOON_DAYS:
        yield warning("certificate", f"the certificate of {names} expires in {left:.0f} days", renew)
    else:
        yield ok("certificate", f"of {names}, valid for {left:.0f} days")
    if not info.names:
        yield error(
            "certificate_names", "the certificate has no subjectAltName: browsers refuse it", "get one with the names"
        )
    if info.self_signed:
        yield warning(
            "certificate_chain",
            "the certificate is self-signed: browsers warn of it, and programs refuse it",
            "get one from an authority, such as Let's Encrypt",
        )
    elif info.chain_length == 1:
        yield warning(
            "certificate_chain",
            "the file has the certificate alone: clients that lack the issuer's cannot check it",
            "give the full chain (certbot: fullchain.pem and not cert.pem)",
        )


def check_files(_settings: Settings, machine: Machine) -> Iterator[Finding]:
    soft, hard = machine.file_limits()
    if soft >= FILES_WANTED or soft < 0:
        yield ok("file_limit", "as many files as are needed may be open")
        return
    remedy = f"systemd: LimitNOFILE={FILES_WANTED}; Docker: --ulimit nofile={FILES_WANTED}; a shell: "
    if soft < hard or hard < 0:
        remedy += f"`ulimit -n {FILES_WANTED if hard < 0 else min(hard, FILES_WANTED)}`"
    else:
        remedy += f"as root `ulimit -n {FILES_WANTED}`, for this is its hard limit, too"
    text = f"{soft} files may be open at once, and each signaling connection is one"
    yield (error if soft < FILES_NEEDED // 16 else warning if soft < FILES_NEEDED else note)("file_limit", text, remedy)


def check_cpu(settings: Settings, machine: Machine) -> Iterator[Finding]:
    try:
        backends = machine.srtp_backends()
    except ImportError as missing:
        yield error("native_modules", f"the native modules are not built or do not fit ({missing})", "run `make build`")
        return
    if settings.srtp_backend not in ("auto", *backends):
        yield error(
            "srtp", f"srtp_backend is {settings.srtp_backend}, and that is not there", "install it, or choose auto"
        )
    elif "ipsec-mb" not in backends:
        yield warning(
            "srtp",
            "libipsec-mb is missing: libcrypto encrypts, at several times the CPU",
            "install libipsec-mb-dev and build again",
        )
    else:
        yield ok("srtp", f"back ends: {', '.join(backends)}")
    if "aes" not in machine.cpu_flags():
        yield warning(
            "cpu", "the CPU has no AES instructions, or hides them: encrypting is slow", "choose another CPU type"
        )
    if settings.worker_count > machine.cpus():
        yield note(
            "workers",
            f"{settings.worker_count} workers share {machine.cpus()} CPUs",
            "workers = 0 makes one for each CPU",
        )


def check_storage(settings: Settings, machine: Machine) -> Iterator[Finding]:
    if settings.dev and not settings.data_dir:
        yield ok("data_folder", "a temporary one, as --dev wants it")
        return
    folder = Path(settings.data_dir) if settings.data_dir else default_data_folder()
    if not machine.may_write(folder):
        yield error(
            "data_folder",
            f"{folder} cannot be written",
            "give the server's user that folder (systemd: StateDirectory=mediasrv), or another one with --data-dir",
        )
        return
    yield ok("data_folder", str(folder))
    free = machine.free_bytes(folder)
    if free < FREE_WANTED:
        text = f"{free >> 20} MiB are free where the journal is kept"
        yield (error if free < FREE_NEEDED else warning)("disk", text, "make room, or keep less: journal_retention")
    else:
        yield ok("disk", f"{free >> 30} GiB are free")
