"""The commands of `mediasrv ctl`."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Annotated

import typer

from mediasrv import config
from mediasrv.client import Client
from mediasrv.ctl import people, rooms, tables
from mediasrv.ctl.asking import EXIT_USAGE, AsJson, fail, run
from mediasrv.ctl.target import target
from mediasrv.signaling.event_shapes import HISTORY

SAMPLE_S = 1.0  # over which bit rates are taken

app = typer.Typer(
    help="Look after a running server: its rooms, who is in them, its journal and statistics.", no_args_is_help=True
)


@app.callback()
def connect(
    context: typer.Context,
    control: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="unix:PATH, tcp://HOST:PORT, tls://HOST:PORT or ws://HOST:PORT/rpc. Default: from the configuration.",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="MEDIASRV_TOKEN",
            metavar="TOKEN",
            help="An admin token. Default: one that is made with the configured key; none over a Unix socket.",
        ),
    ] = None,
    ca_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Whose certificates are trusted. Default: those of this machine.")
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The server's TOML file (MEDIASRV_CONFIG).")
    ] = None,
) -> None:
    try:
        context.obj = target(config.load(file=config_file), control, token, ca_file)
    except (config.ConfigError, ValueError) as error:
        fail(str(error), EXIT_USAGE)
    except (OSError, ssl.SSLError) as error:
        fail(f"--ca-file: {ca_file}: {error.strerror or error}", EXIT_USAGE)


def journal(
    context: typer.Context,
    room: Annotated[str | None, typer.Option(metavar="NAME", help="Of this room alone.")] = None,
    lines: Annotated[int, typer.Option("-n", metavar="N", min=0, max=1000, help="Begin with the last N.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", metavar="", help="Go on with what happens.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the journal's last records, and with -f what happens from then on, over lost connections and restarts."""
    show = tables.print_json if as_json else tables.record

    async def ask(client: Client) -> None:
        rooms = None if room is None else [room]
        stream = client.events(rooms=rooms, kinds=list(HISTORY))
        async with contextlib.AsyncExitStack() as stack:
            if follow:  # from before the records are read, so that nothing falls between
                await stack.enter_async_context(stream)
            records = (await client.read_journal(room=room, last=True, limit=lines)).records if lines else []
            shown = {(record.room_id, record.seq) for record in records}
            for record in records:
                show(record)
            if not follow:
                return
            async for event in stream:
                if (event.room_id, event.seq) not in shown:
                    show(event)

    with contextlib.suppress(KeyboardInterrupt):
        run(context, ask, reconnect=follow)


def stats(
    context: typer.Context,
    room: Annotated[str | None, typer.Argument(metavar="[ROOM]", help="Also the media of this room.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print what the server and its media workers have counted."""

    async def ask(client: Client) -> None:
        before = await client.get_statistics(room=room)
        if as_json:
            tables.print_json(before)
            return
        tables.server(before)
        if room is not None:
            await asyncio.sleep(SAMPLE_S)
            now = await client.get_statistics(room=room)
            people = (await client.get_room(room)).participants
            tables.media(before, now, {who.id: who.name for who in people})

    run(context, ask)


for _command in (
    *(rooms.rooms, rooms.create, rooms.update, rooms.close),
    *(people.participants, people.guests, people.admit, people.refuse),
    *(people.mute, people.ask_to_unmute, people.grant, people.revoke),
    *(people.kick, people.ban, people.unban, people.bans),
    *(journal, stats),
):
    app.command()(_command)
