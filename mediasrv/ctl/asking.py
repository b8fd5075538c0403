"""What the commands of `mediasrv ctl` share: their arguments, and how they ask the server."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, NoReturn, TypeVar

import typer

from mediasrv.client import Client, ClientError, NotFoundError
from mediasrv.ctl import tables
from mediasrv.ctl.target import Target
from mediasrv.signaling.schema import Participant, Shape

R = TypeVar("R", bound=Shape)
T = TypeVar("T")

EXIT_FAILED = 1
EXIT_USAGE = 2

RoomName = Annotated[str, typer.Argument(metavar="ROOM")]
Who = Annotated[str, typer.Argument(metavar="WHO", help="An identity, or the id of a participant.")]
For = Annotated[str | None, typer.Option("--for", metavar="TIME", help="For how long, like 90s, 30m, 1h or 7d.")]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, one object a line.")]


def run(context: typer.Context, ask: Callable[[Client], Awaitable[T]], *, reconnect: bool = False) -> T:
    """What `ask` gives, which gets a client of the server that the command is about."""
    chosen = context.obj
    assert isinstance(chosen, Target)

    async def connected() -> T:
        async with chosen.client(reconnect=reconnect) as client:
            return await ask(client)

    try:
        return asyncio.run(connected())
    except ValueError as error:
        fail(f"--control: {error}", EXIT_USAGE)
    except ClientError as error:
        fail(str(error), EXIT_FAILED)


def show(found: Sequence[R], as_json: bool, table: Callable[[Sequence[R]], None]) -> None:
    """A list: one JSON object a line, or a table."""
    if not as_json:
        table(found)
        return
    for each in found:
        tables.print_json(each)


async def present(client: Client, room: str) -> Sequence[Participant]:
    """Who is there; nobody, if the room is not open."""
    try:
        return (await client.get_room(room)).participants
    except NotFoundError:
        return ()


async def find(client: Client, room: str, who: str) -> Participant:
    """Somebody in the room, by id or identity."""
    people = (await client.get_room(room)).participants
    for found in people:
        if who in (found.id, found.identity):
            return found
    names = ", ".join(each.identity for each in people) or "nobody"
    fail(f"{who} is not in {room}; there is {names}", EXIT_FAILED)


def seconds(text: str | None) -> float | None:
    """What `--for` says."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if not match or not int(match[1]):
        fail(f"--for: '{text}' is not a length of time; write for example 90s, 30m, 1h or 7d", EXIT_USAGE)
    return float(int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]])


def fail(message: str, code: int) -> NoReturn:
    """End the command."""
    print(f"mediasrv: {message}", file=sys.stderr)
    raise typer.Exit(code)
