"""`mediasrv loadtest`: its options, and what becomes of them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mediasrv import config
from mediasrv.loadtest.errors import LoadTestError
from mediasrv.loadtest.plot import plot, require_matplotlib
from mediasrv.loadtest.report import ProgressBar, show
from mediasrv.loadtest.result import RampResult, Result
from mediasrv.loadtest.scenario import Growth, Scenario
from mediasrv.loadtest.settings import Limits, Ramp, Settings
from mediasrv.loadtest.wanted import CpuShares, Own, Running, Wanted

EXIT_FAILED = 1
EXIT_USAGE = 2
DEFAULT_ROOM = "loadtest"

_SERVER, _PEOPLE, _MEDIA, _MEASURE = "Server", "Who joins", "What they send", "How it is measured"


class Pacing(StrEnum):
    BURST = "burst"
    SPREAD = "spread"


class Cut(StrEnum):
    EQUAL = "equal"
    FULL = "full"


class Srtp(StrEnum):
    GCM_128 = "gcm-128"
    GCM_256 = "gcm-256"
    CM_SHA1 = "cm-sha1"


class Verify(StrEnum):
    ALL = "all"
    SAMPLE = "sample"


class Grows(StrEnum):
    SUBSCRIBERS = "subscribers"
    ROOMS = "rooms"


def _option(panel: str, help_: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=help_, rich_help_panel=panel, metavar=metavar)


def loadtest(
    url: Annotated[str, _option(_SERVER, "Of a mediasrv server that runs.", metavar="URL")] = "",
    own: Annotated[bool, _option(_SERVER, "Start a server for this, on CPUs of its own.", "--self")] = False,
    whip_url: Annotated[
        str, _option(_SERVER, "WHIP endpoint of any server; {room} in it is the room.", metavar="URL")
    ] = "",
    whep_url: Annotated[str, _option(_SERVER, "WHEP endpoint, likewise.", metavar="URL")] = "",
    token: Annotated[
        list[str] | None,
        _option(_SERVER, "Bearer token. A mediasrv server needs one for each participant: repeat it.", metavar="TOKEN"),
    ] = None,
    key: Annotated[
        str, _option(_SERVER, "Sign tokens with this key of the server's, from --config or --secret.", metavar="ID")
    ] = "",
    secret: Annotated[
        str,
        typer.Option(
            envvar="MEDIASRV_LOADTEST_SECRET",
            help="The secret of --key; better in the environment than on the command line, which others can read.",
            rich_help_panel=_SERVER,
            metavar="SECRET",
        ),
    ] = "",
    config_file: Annotated[
        Path | None, _option(_SERVER, "The server's TOML file, for its keys.", "--config", metavar="FILE")
    ] = None,
    pid: Annotated[
        int | None, _option(_SERVER, "The server's process, if it runs on this machine: for its CPU time.", metavar="N")
    ] = None,
    workers: Annotated[int, _option(_SERVER, "Media threads of --self.", metavar="N")] = 1,
    srtp_backend: Annotated[str, _option(_SERVER, "Of --self: ipsec-mb, libcrypto or auto.", metavar="NAME")] = "auto",
    max_linger_us: Annotated[
        int | None, _option(_SERVER, "Of --self: how long packets may wait for others. 0: not at all.", metavar="US")
    ] = None,
    pin: Annotated[
        bool, _option(_SERVER, "With --self: keep server and load on CPUs of their own.", "--pin/--no-pin")
    ] = True,
    rooms: Annotated[int, _option(_PEOPLE, "Rooms.", metavar="N")] = 1,
    publishers: Annotated[int, _option(_PEOPLE, "Of each room, by WHIP.", metavar="N")] = 1,
    subscribers: Annotated[int, _option(_PEOPLE, "Of each room, by WHEP; each gets every publisher.", metavar="N")] = 1,
    participants: Annotated[
        int,
        _option(_PEOPLE, "Instead of those: all to all in each room, with one peer connection each.", metavar="N"),
    ] = 0,
    room: Annotated[str, _option(_PEOPLE, "Name of the room; of several: followed by a number.", metavar="NAME")] = "",
    video_kbps: Annotated[
        int,
        _option(_MEDIA, "Video of each publisher; with --simulcast of the highest encoding. 0: none.", metavar="N"),
    ] = 1500,
    fps: Annotated[float, _option(_MEDIA, "Frames a second.", metavar="N")] = 30.0,
    simulcast: Annotated[bool, _option(_MEDIA, "Three encodings by RID, as browsers.", "--simulcast")] = False,
    pacing: Annotated[
        Pacing, _option(_MEDIA, "A frame's packets at once, as browsers do, or over the frame's time.")
    ] = Pacing.BURST,
    packets: Annotated[
        Cut, _option(_MEDIA, "How a frame is cut: into packets of one size, or full ones and a rest.")
    ] = Cut.EQUAL,
    no_audio: Annotated[bool, _option(_MEDIA, "Video alone.", "--no-audio")] = False,
    srtp: Annotated[Srtp | None, _option(_MEDIA, "The one SRTP profile that is offered. Default: all.")] = None,
    seconds: Annotated[float, _option(_MEASURE, "Length of the window, of each step.", metavar="T")] = 10.0,
    ramp_up: Annotated[
        bool,
        _option(_MEASURE, "More and more load, until too much is lost or latency is too high.", "--ramp"),
    ] = False,
    ramp_by: Annotated[
        Grows | None,
        _option(_MEASURE, "What grows. Default: rooms if all send to all, else the subscribers of each room."),
    ] = None,
    step: Annotated[int, _option(_MEASURE, "By how many. Default: what the ramp begins with.", metavar="N")] = 0,
    up_to: Annotated[int, _option(_MEASURE, "Where the ramp ends at the latest.", metavar="N")] = 10_000,
    max_loss: Annotated[float, _option(_MEASURE, "Of a clean step, in percent.", metavar="PERCENT")] = 0.1,
    max_p99: Annotated[float, _option(_MEASURE, "Of a clean step: p99 latency.", metavar="MS")] = 50.0,
    threads: Annotated[
        int, _option(_MEASURE, "Load generators. Default: with --self what its CPUs need, else 1.", metavar="N")
    ] = 0,
    verify: Annotated[
        Verify, _option(_MEASURE, "Decrypt and check every packet, or one in 16 (all are counted).")
    ] = Verify.ALL,
    no_gro: Annotated[bool, _option(_MEASURE, "Receivers take datagrams one by one.", "--no-gro")] = False,
    json_file: Annotated[
        Path | None, _option(_MEASURE, "Write all figures there; - is stdout.", "--json", metavar="FILE")
    ] = None,
    plot_file: Annotated[
        Path | None, _option(_MEASURE, "Draw the ramp, as PNG, SVG or PDF.", "--plot", metavar="FILE")
    ] = None,
) -> None:
    """Load a server with synthetic participants, check every packet, and say what that costs it.

    Exit status: 0 if every packet arrived (with --ramp: if a step was clean), 1 if not, 2 if it could not be measured.
    """
    try:
        scenario = Scenario(
            rooms=rooms,
            publishers=publishers,
            subscribers=subscribers,
            participants=participants,
            audio=not no_audio,
            video_kbps=video_kbps,
            fps=fps,
            simulcast=simulcast,
            pacing=pacing.value,
            packets=packets.value,
            srtp_profile=srtp.value if srtp else None,
        )
        tokens = token or []
        if seconds <= 0 or step < 0 or threads < 0 or workers < 1:
            raise LoadTestError("--seconds, --step, --threads and --workers are above zero")
        if plot_file is not None:
            if not ramp_up:
                raise LoadTestError("--plot draws a ramp: add --ramp")
            require_matplotlib(plot_file)
        shares = CpuShares.plan(workers, pin=pin and own)
        wanted = _server(
            own=own,
            url=url,
            whip_url=whip_url,
            whep_url=whep_url,
            tokens=tokens,
            key=_key(key, secret, config_file),
            pid=pid,
            workers=workers,
            srtp_backend=srtp_backend,
            max_linger_us=max_linger_us,
            shares=shares,
        )
        grows: Growth = (ramp_by or (Grows.ROOMS if scenario.all_to_all else Grows.SUBSCRIBERS)).value
        if scenario.all_to_all and grows == "subscribers":
            raise LoadTestError("--ramp-by subscribers: all to all there are none; rooms can grow")
        limits = Limits(max_loss, max_p99)
        how = Ramp(grows, step or scenario.size(grows), up_to, limits) if ramp_up else None
        settings = Settings(
            room=_room(room, tokens if url else [], several=rooms > 1 or (how is not None and grows == "rooms")),
            seconds=seconds,
            threads=threads or shares.threads,
            verify=verify.value,
            gro=not no_gro,
        )
        with shares.of_load():
            outcome = asyncio.run(_run(wanted, scenario, settings, how))
        _write(outcome, json_file, plot_file)
    except LoadTestError as error:
        print(f"mediasrv: {error}", file=sys.stderr)
        raise typer.Exit(EXIT_USAGE) from None
    good = outcome.complete if isinstance(outcome, Result) else outcome.highest is not None
    raise typer.Exit(0 if good else EXIT_FAILED)


# --- options --------------------------------------------------------------------------------------------------------


def _key(key: str, secret: str, config_file: Path | None) -> tuple[str, str] | None:
    """The key that tokens are signed with; None: neither options nor settings name one."""
    if secret:
        if not key:
            raise LoadTestError("--secret is that of a key: give its id, too (--key)")
        return key, secret
    try:
        keys = config.load(file=config_file).keys
    except config.ConfigError as error:
        raise LoadTestError(str(error)) from None
    if key and key not in keys:
        known = f"; there are {', '.join(keys)}" if keys else "; give --config, or --secret"
        raise LoadTestError(f"--key {key}: no setting has this key{known}")
    key = key or next(iter(keys), "")
    return (key, keys[key]) if key else None


def _server(
    *,
    own: bool,
    url: str,
    whip_url: str,
    whep_url: str,
    tokens: list[str],
    key: tuple[str, str] | None,
    pid: int | None,
    workers: int,
    srtp_backend: str,
    max_linger_us: int | None,
    shares: CpuShares,
) -> Wanted:
    if sum((own, bool(url), bool(whip_url or whep_url))) != 1:
        raise LoadTestError("which server? Give one of --url, --self, or --whip-url with --whep-url")
    if own:
        if tokens or pid is not None:
            raise LoadTestError("--self starts a server of its own: --token and --pid are for one that runs")
        return Own(workers, srtp_backend, max_linger_us, shares.server)
    if not url and not (whip_url and whep_url):
        raise LoadTestError("--whip-url and --whep-url come together: what is published must be received")
    for each in (url, whip_url, whep_url):
        if each and not each.startswith(("http://", "https://")):
            raise LoadTestError(f"'{each}' is not a URL; write for example http://127.0.0.1:8080")
    return Running(url, whip_url, whep_url, tokens, key, pid)


def _room(room: str, tokens: list[str], *, several: bool) -> str:
    """Tokens of a mediasrv server name the room that they let into."""
    from mediasrv.loadtest.tokens import room_of

    named = {room_of(each) for each in tokens} - {""}
    if not named:
        return room or DEFAULT_ROOM
    if several or len(named) > 1:
        raise LoadTestError("--token lets into one room: have tokens made for several by --key and --secret")
    return room or named.pop()


# --- the run --------------------------------------------------------------------------------------------------------


async def _run(wanted: Wanted, scenario: Scenario, settings: Settings, how: Ramp | None) -> Result | RampResult:
    # The native modules: not needed for help, or for an option that is wrong.
    from mediasrv.loadtest.run import measure, ramp
    from mediasrv.loadtest.target import open_target
    from mediasrv.rtc.certificate import Certificate

    certificate = Certificate.generate()
    with ProgressBar() as bar:
        async with open_target(
            wanted, all_to_all=scenario.all_to_all, certificate=certificate, profile=scenario.srtp_profile
        ) as target:
            if how is None:
                return await measure(target, scenario, settings, certificate, bar)
            return await ramp(target, scenario, how, settings, certificate, bar, bar.step)


def _write(outcome: Result | RampResult, json_file: Path | None, plot_file: Path | None) -> None:
    stdout_is_json = json_file is not None and str(json_file) == "-"
    show(outcome, to_stderr=stdout_is_json)
    if json_file is not None:
        text = json.dumps(_plain(outcome), indent=2) + "\n"
        if stdout_is_json:
            sys.stdout.write(text)
        else:
            try:
                json_file.write_text(text, encoding="utf-8")
            except OSError as error:
                raise LoadTestError(f"--json {json_file}: {error.strerror}") from None
    if plot_file is not None and isinstance(outcome, RampResult):
        plot(outcome, plot_file)


def _plain(outcome: Result | RampResult) -> Mapping[str, Any]:
    plain = asdict(outcome)
    if isinstance(outcome, RampResult):
        plain["highest"] = outcome.highest.count if outcome.highest else None
    return {"machine": {"cpus": os.cpu_count()}, **plain}


app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
app.command()(loadtest)
