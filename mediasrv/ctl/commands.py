"""The commands of `mediasrv ctl`."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from mediasrv import config
from mediasrv.client import Client, ClientError, NotFoundError
from mediasrv.ctl import tables
from mediasrv.ctl.target import Target, target
from mediasrv.signaling.event_shapes import HISTORY
from mediasrv.signaling.methods.moderation import PermissionsResult
from mediasrv.signaling.schema import Participant

T = TypeVar("T")

EXIT_FAILED = 1
EXIT_USAGE = 2
SAMPLE_S = 1.0  # over which bit rates are taken

app = typer.Typer(
    help="Look after a running server: its rooms, who is in them, its journal and statistics.", no_args_is_help=True
)

RoomName = Annotated[str, typer.Argument(metavar="ROOM")]
Who = Annotated[str, typer.Argument(metavar="WHO", help="An identity, or the id of a participant.")]
Flags = Annotated[list[str], typer.Argument(metavar="FLAG…")]
For = Annotated[str | None, typer.Option("--for", metavar="TIME", help="For how long, like 90s, 30m, 1h or 7d.")]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, one object a line.")]


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
        _fail(str(error), EXIT_USAGE)
    except (OSError, ssl.SSLError) as error:
        _fail(f"--ca-file: {ca_file}: {error.strerror or error}", EXIT_USAGE)


@app.command()
def rooms(context: typer.Context, as_json: AsJson = False) -> None:
    """List the rooms that are open."""
    found = _run(context, lambda client: client.list_rooms()).rooms
    if as_json:
        for room in found:
            tables.print_json(room)
    else:
        tables.rooms(found)


@app.command()
def participants(context: typer.Context, room: RoomName, as_json: AsJson = False) -> None:
    """List who is in a room, and what they publish."""
    found = _run(context, lambda client: client.get_room(room)).participants
    if as_json:
        for who in found:
            tables.print_json(who)
    else:
        tables.participants(found)


@app.command()
def kick(context: typer.Context, room: RoomName, who: Who) -> None:
    """Remove somebody from a room. Their token lets them in again: see ban."""

    async def run(client: Client) -> None:
        found = await _find(client, room, who)
        await client.remove_participant(found.id, room=room)
        print(f"{found.identity} was removed from {room}")

    _run(context, run)


@app.command()
def ban(
    context: typer.Context,
    room: RoomName,
    who: Who,
    for_: For = "1h",
    by_address: Annotated[
        bool, typer.Option("--by-address", metavar="", help="Ban the address they come from, not the identity.")
    ] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="For moderators and the journal.")] = "",
) -> None:
    """Keep somebody out of a room for a time; an identity need not be there, and the room need not be open."""
    for_s = _seconds(for_) or 3600.0

    async def run(client: Client) -> None:
        found = next((each for each in await _present(client, room) if who in (each.id, each.identity)), None)
        if found is not None:
            made = await client.ban(
                room=room, participant_id=found.id, by_address=by_address, for_s=for_s, reason=reason
            )
        elif by_address:
            _fail(f"{who} is not in {room}, so the address is not known", EXIT_FAILED)
        else:
            made = await client.ban(room=room, identity=who, for_s=for_s, reason=reason)
        print(f"{who} is banned from {room}: {made.ban_id}")
        if not made.kept:
            print("but the server's database fails: if the server stops now, the ban is forgotten")

    _run(context, run)


@app.command()
def unban(
    context: typer.Context,
    room: RoomName,
    who: Annotated[str, typer.Argument(metavar="WHO", help="An identity, an address, or the id of a ban.")],
) -> None:
    """Lift the bans of somebody; the room need not be open."""

    async def run(client: Client) -> None:
        bans = (await client.list_bans(room=room)).bans
        meant = [each for each in bans if who in (each.id, each.identity, each.address)]
        if not meant:
            _fail(f"{who} is not banned from {room}", EXIT_FAILED)
        for each in meant:
            await client.unban(each.id, room=room)
        print(f"{who} may come into {room} again")

    _run(context, run)


@app.command()
def bans(context: typer.Context, room: RoomName, as_json: AsJson = False) -> None:
    """List who is banned from a room; it need not be open."""
    found = _run(context, lambda client: client.list_bans(room=room)).bans
    if as_json:
        for each in found:
            tables.print_json(each)
    else:
        tables.bans(found)


@app.command()
def mute(
    context: typer.Context,
    room: RoomName,
    who: Who,
    source: Annotated[str, typer.Argument(metavar="[microphone|camera|screen]")] = "microphone",
) -> None:
    """Mute what somebody sends. They may unmute it again; who must not, loses the permission: see revoke."""

    async def run(client: Client) -> None:
        found = await _find(client, room, who)
        meant = [track for track in found.tracks if track.source == source]
        if not meant:
            _fail(f"{found.identity} publishes no {source}", EXIT_FAILED)
        for track in meant:
            await client.mute_track(found.id, track.id, room=room)
        print(f"the {source} of {found.identity} is muted")

    _run(context, run)


@app.command()
def grant(context: typer.Context, room: RoomName, who: Who, flags: Flags, for_: For = None) -> None:
    """Grant somebody permissions."""
    _permit(context, Client.grant, room, who, flags, for_)


@app.command()
def revoke(context: typer.Context, room: RoomName, who: Who, flags: Flags, for_: For = None) -> None:
    """Take permissions from somebody; without join they leave."""
    _permit(context, Client.revoke, room, who, flags, for_)


@app.command()
def close(context: typer.Context, room: RoomName) -> None:
    """End a room: everybody leaves."""
    _run(context, lambda client: client.close_room(room=room))
    print(f"{room} is closed")


@app.command()
def journal(
    context: typer.Context,
    room: Annotated[str | None, typer.Option(metavar="NAME", help="Of this room alone.")] = None,
    lines: Annotated[int, typer.Option("-n", metavar="N", min=0, max=1000, help="Begin with the last N.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", metavar="", help="Go on with what happens.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the journal's last records, and with -f what happens from then on, over lost connections and restarts."""
    show = tables.print_json if as_json else tables.record

    async def run(client: Client) -> None:
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
        _run(context, run, reconnect=follow)


@app.command()
def stats(
    context: typer.Context,
    room: Annotated[str | None, typer.Argument(metavar="[ROOM]", help="Also the media of this room.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print what the server and its media workers have counted."""

    async def run(client: Client) -> None:
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

    _run(context, run)


# --- what they share -----------------------------------------------------------------------------------------------


def _run(context: typer.Context, command: Callable[[Client], Awaitable[T]], *, reconnect: bool = False) -> T:
    chosen = context.obj
    assert isinstance(chosen, Target)

    async def run() -> T:
        async with chosen.client(reconnect=reconnect) as client:
            return await command(client)

    try:
        return asyncio.run(run())
    except ValueError as error:
        _fail(f"--control: {error}", EXIT_USAGE)
    except ClientError as error:
        _fail(str(error), EXIT_FAILED)


Change = Callable[..., Awaitable[PermissionsResult]]


def _permit(context: typer.Context, change: Change, room: str, who: str, flags: list[str], for_: str | None) -> None:
    for_s = _seconds(for_)

    async def run(client: Client) -> None:
        found = await _find(client, room, who)
        now = await change(client, found.id, flags, for_s=for_s, room=room)
        print(f"{found.identity} may now: {', '.join(now.permissions) or 'nothing'}")

    _run(context, run)


async def _present(client: Client, room: str) -> Sequence[Participant]:
    """Who is there; nobody, if the room is not open."""
    try:
        return (await client.get_room(room)).participants
    except NotFoundError:
        return ()


async def _find(client: Client, room: str, who: str) -> Participant:
    """Somebody in the room, by id or identity."""
    people = (await client.get_room(room)).participants
    for found in people:
        if who in (found.id, found.identity):
            return found
    names = ", ".join(each.identity for each in people) or "nobody"
    _fail(f"{who} is not in {room}; there is {names}", EXIT_FAILED)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if not match or not int(match[1]):
        _fail(f"--for: '{text}' is not a length of time; write for example 90s, 30m, 1h or 7d", EXIT_USAGE)
    return float(int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]])


def _fail(message: str, code: int) -> NoReturn:
    print(f"mediasrv: {message}", file=sys.stderr)
    raise typer.Exit(code)
