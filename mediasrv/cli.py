"""The command line: `mediasrv serve`, `config`, `doctor`, `token`, `loadtest`, `journal …` and `ctl …`."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, NoReturn

import typer

from mediasrv import config
from mediasrv.lazy_commands import LazyCommands
from mediasrv.room_options import with_room_options
from mediasrv.rooms.permissions import FLAG_OF_NAME, Permission, flag_names, from_names

EXIT_FAILED = 1
EXIT_USAGE = 2

# What somebody who joins a call needs; the rest is asked for by name.
DEFAULT_GRANTS = ~(Permission.MODERATE | Permission.RESERVE | Permission.RECORD)


class Commands(LazyCommands):
    lazy: ClassVar[Mapping[str, str]] = {
        "loadtest": "mediasrv.loadtest.command:app",
        "journal": "mediasrv.journal.commands:app",
        "ctl": "mediasrv.ctl.commands:app",
    }


app = typer.Typer(
    name="mediasrv",
    cls=Commands,
    help="A WebRTC media server: rooms and calls in the browser, WHIP and WHEP, over a native forwarder.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="TOML file of settings, keys among them (MEDIASRV_CONFIG)."),
]


@app.command(
    epilog="Every option is also a key of the TOML file (rtc_port = 7882) and an environment variable "
    "(MEDIASRV_RTC_PORT=7882). The command line wins over the environment, and that over the file."
)
@with_room_options(panel="Rooms")
def serve(
    config_file: ConfigFile = None,
    http: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where pages, /rpc, WHIP and WHEP are served. Default: 127.0.0.1:8080."),
    ] = None,
    tls_cert: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="PEM file of a certificate and its chain, to serve https. Default: http."),
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="PEM file of its private key. Default: the certificate's file.")
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="unix:PATH or tcp:HOST:PORT, where programs reach the control protocol besides /rpc; repeat it.",
        ),
    ] = None,
    control_tls_cert: Annotated[
        str | None, typer.Option(metavar="FILE", help="Certificate for tcp:HOST:PORT, in PEM. Default: no TLS.")
    ] = None,
    control_tls_key: Annotated[str | None, typer.Option(metavar="FILE", help="Its private key.")] = None,
    control_plaintext: Annotated[
        bool | None,
        typer.Option("--control-plaintext", metavar="", help="Allow TCP without TLS at other than loopback addresses."),
    ] = None,
    rtc_ip: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IP",
            help="Address that clients send media to; repeat it for more. Behind NAT: the public one. "
            "Default: the address of the interface that leads to the Internet.",
        ),
    ] = None,
    rtc_bind: Annotated[
        list[str] | None,
        typer.Option(metavar="IP", help="Local address to receive media on; repeat it for more. Default: all."),
    ] = None,
    rtc_port: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="UDP port of the first worker; the others follow. Default: 7882; 0: any."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Media threads, each with a UDP port. Default: one for each CPU.")
    ] = None,
    room_spread: Annotated[
        int | None,
        typer.Option(metavar="N", help="Peer connections of a room on a worker before others get more. Default: 200."),
    ] = None,
    dev: Annotated[
        bool | None,
        typer.Option(
            "--dev",
            metavar="",  # or the help would show a value to give
            help=f"For development: key '{config.DEV_KEY}', tokens for the asking, console logs, loopback only.",
        ),
    ] = None,
    token_leeway_s: Annotated[
        float | None,
        typer.Option(metavar="S", help="How wrong the clocks of those who make tokens may be. Default: 10."),
    ] = None,
    trusted_proxies: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IP", help="Proxy or network whose X-Forwarded-For is believed; repeat it. Default: loopback."
        ),
    ] = None,
    open_rooms: Annotated[
        bool | None,
        typer.Option(
            "--open-rooms/--no-open-rooms",
            metavar="",
            help="Whether a room opens when somebody joins it, or control sessions create rooms. Default: it opens.",
        ),
    ] = None,
    resume_s: Annotated[
        float | None,
        typer.Option(metavar="S", help="How long somebody with a lost connection may come back. Default: 30."),
    ] = None,
    drain_s: Annotated[
        float | None,
        typer.Option(metavar="S", help="How long calls may go on after SIGTERM. Default: 30, with --dev 0."),
    ] = None,
    reconnect_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where people are told to go then. Default: nowhere.")
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Where the journal and its key are kept. Default: see the documentation."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="sqlite:PATH or postgresql://…. Default: a file in the data folder."),
    ] = None,
    metrics_from: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IP",
            help="Address or network that may read /metrics without a token; repeat it. Else loopback.",
        ),
    ] = None,
    otel_endpoint: Annotated[
        str | None,
        typer.Option(metavar="URL", help="OTLP/HTTP collector that gets traces of signaling. Default: no traces."),
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error. Default: info.")
    ] = None,
    srtp_backend: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="ipsec-mb, libcrypto, or auto for the faster one there is (default)."),
    ] = None,
    max_linger_us: Annotated[
        int | None,
        typer.Option(
            metavar="US", help="How long a loaded worker waits at most for more packets. Default: 2000; 0: never."
        ),
    ] = None,
    **rooms: Any,
) -> None:
    """Run the server until it gets SIGINT or SIGTERM."""
    options = _given(locals() | rooms)

    def read() -> config.Settings:
        settings = config.load(options, file=config_file)
        config.require_keys(settings)
        return settings

    try:
        settings = read()
    except config.ConfigError as error:
        _fail(str(error), EXIT_USAGE)
    from mediasrv.app import StartError, run  # the native modules: not needed for help, tokens or a wrong setting

    try:
        failure = run(settings, read)
    except StartError as error:
        _fail(str(error), EXIT_FAILED if error.temporary else EXIT_USAGE)
    if failure is not None:
        _fail(failure, EXIT_FAILED)


def _show_config(*, show: bool = True, json: bool = False, config_file: Path | None = None, **parameters: Any) -> None:
    from mediasrv import config_show

    try:
        loaded = config.load_with_sources(_given(parameters), file=config_file)
    except config.ConfigError as error:
        _fail(str(error), EXIT_USAGE)
    if json:
        print(config_show.as_json(loaded))
    elif show:
        print(config_show.as_toml(loaded), end="")


def _doctor(*, json: bool = False, config_file: Path | None = None, **parameters: Any) -> None:
    from rich.console import Console

    from mediasrv.doctor import command
    from mediasrv.doctor.machine import Machine

    try:
        settings = config.load(_given(parameters), file=config_file)
    except config.ConfigError as error:
        _fail(str(error), EXIT_USAGE)
    findings = command.examine(settings, Machine())
    if json:
        print(command.as_json(findings))
    else:
        command.show(findings, Console())
    if not command.is_healthy(findings):
        raise typer.Exit(EXIT_FAILED)


def _with_the_options_of_serve(function: Callable[..., None], **own: tuple[bool, Any]) -> Callable[..., None]:
    """`own`: further options by name, each with its default and annotation."""
    further = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (default, annotation) in own.items()
    ]
    theirs = inspect.signature(serve, eval_str=True).parameters.values()
    function.__signature__ = inspect.Signature([*theirs, *further])  # type: ignore[attr-defined]
    return function


_Show = Annotated[bool, typer.Option("--show/--check", metavar="", help="Show them, or only check them.")]
_Json = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")]

app.command(
    "config",
    help="Show every setting: what it means, what it is, and where that comes from. Takes the options of serve.",
)(_with_the_options_of_serve(_show_config, show=(True, _Show), json=(False, _Json)))
app.command(
    "doctor",
    help="Look for what keeps a server with these settings from working well on this machine, and say what to do. "
    "Takes the options of serve. Exits 1 if something keeps calls from working.",
)(_with_the_options_of_serve(_doctor, json=(False, _Json)))


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among a command's parameters that were given; a list that was not is empty."""
    return {name: value for name, value in parameters.items() if name in config.FIELDS and value not in (None, [])}


@app.command()
def token(
    identity: Annotated[str, typer.Option(metavar="ID", help="Who it is for: one person has one identity.")],
    room: Annotated[
        str | None, typer.Option(metavar="NAME", help="The room that the token lets into; none with --admin.")
    ] = None,
    name: Annotated[str, typer.Option(metavar="TEXT", help="The name that others see. Default: the identity.")] = "",
    grant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FLAG",
            help="A permission; repeat it for more. Default: all but moderate, reserve and record. "
            f"Flags: {', '.join(FLAG_OF_NAME)}.",
        ),
    ] = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="For control sessions, which look after all rooms and are in none.")
    ] = False,
    ttl: Annotated[str, typer.Option(metavar="TIME", help="How long it is valid, like 90s, 30m, 1h or 7d.")] = "1h",
    key: Annotated[str | None, typer.Option(metavar="ID", help="The key to sign with. Default: the first one.")] = None,
    config_file: ConfigFile = None,
) -> None:
    """Print a token, signed with the configured key (without any: the key of `serve --dev`)."""
    from mediasrv import tokens

    try:
        keys = config.load(file=config_file).keys
        if not keys:
            # No configuration at all can only be meant for a server that was started with --dev.
            keys = {config.DEV_KEY: config.DEV_SECRET}
            print(f"mediasrv: no keys are configured, so this is signed with '{config.DEV_KEY}': "
                  "it works only with a server that runs with --dev", file=sys.stderr)  # fmt: skip
        key_id = key or next(iter(keys))
        if key_id not in keys:
            raise ValueError(f"--key: there is no key '{key_id}'; configured are {', '.join(keys)}")
        if admin == (room is not None):
            raise ValueError("give either --room NAME, or --admin for a token that is for no room")
        print(
            tokens.mint(
                key_id,
                keys[key_id],
                identity=identity,
                room=room,
                grants={} if admin else _grants(grant),
                ttl_s=_seconds(ttl),
                name=name,
                admin=admin,
            )
        )
    except (config.ConfigError, ValueError) as error:
        _fail(str(error), EXIT_USAGE)


def _grants(names: list[str] | None) -> dict[str, bool]:
    try:
        flags = Permission.JOIN | from_names(names) if names else DEFAULT_GRANTS
    except ValueError as error:
        raise ValueError(f"--grant: {error}") from None
    return dict.fromkeys(flag_names(flags), True)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if not match or not int(match[1]):
        raise ValueError(f"--ttl: '{text}' is not a length of time; write for example 90s, 30m, 1h or 7d")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def _fail(message: str, code: int) -> NoReturn:
    print(f"mediasrv: {message}", file=sys.stderr)
    sys.stderr.flush()
    raise typer.Exit(code)


def main() -> None:
    # A reader that went away (`mediasrv token … | head -c0`) is no reason for a traceback.
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(EXIT_FAILED) from None
