"""Runs all checks and prints what they found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec
from rich.console import Console
from rich.text import Text

from mediasrv.doctor import database, network, system
from mediasrv.doctor.finding import Finding, Severity, error
from mediasrv.doctor.machine import Machine
from mediasrv.settings import Settings

Check = Callable[[Settings, Machine], Iterator[Finding]]

CHECKS: Sequence[Check] = (
    system.check_keys,
    network.check_ports,
    network.check_addresses,
    network.check_https,
    system.check_certificate,
    network.check_buffers,
    network.check_offload,
    system.check_cpu,
    system.check_clock,
    system.check_files,
    system.check_storage,
    database.check_database,
)
STYLES = {Severity.OK: "green", Severity.NOTE: "cyan", Severity.WARNING: "yellow", Severity.ERROR: "bold red"}


def examine(settings: Settings, machine: Machine) -> list[Finding]:
    """What every check has found. One that fails itself is an error, and does not keep the others from looking."""
    found: list[Finding] = []
    for check in CHECKS:
        try:
            found += check(settings, machine)
        except Exception as failure:
            name = check.__name__.removeprefix("check_")
            text = f"this could not be looked at: {type(failure).__name__}: {failure}"
            found.append(error(name, text, "this is a mistake of mediasrv: please report it"))
    return found


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Whether there is no error among them."""
    return all(finding.severity is not Severity.ERROR for finding in findings)


def as_json(findings: Sequence[Finding]) -> str:
    return msgspec.json.format(msgspec.json.encode({"healthy": is_healthy(findings), "findings": findings})).decode()


def show(findings: Sequence[Finding], console: Console) -> None:
    for finding in findings:
        style = STYLES[finding.severity]
        line = Text.assemble((f"{finding.severity:<8}", style), (f"{finding.check}: ", "bold"), finding.text)
        console.print(line, soft_wrap=True)
        if finding.remedy:
            console.print(Text(f"{'':8}-> {finding.remedy}"), soft_wrap=True)
    counts = {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}
    console.print(f"{counts[Severity.ERROR]} errors, {counts[Severity.WARNING]} warnings", highlight=False)
