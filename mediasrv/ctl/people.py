"""The commands of `mediasrv ctl` about people: who is in a room, who waits, and what they may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from mediasrv.client import Client
from mediasrv.ctl import tables
from mediasrv.ctl.asking import EXIT_FAILED, AsJson, For, RoomName, Who, fail, find, present, run, seconds, show
from mediasrv.rooms.events import Source
from mediasrv.signaling.methods.moderation import PermissionsResult
from mediasrv.signaling.schema import Guest

Flags = Annotated[list[str], typer.Argument(metavar="FLAG…")]
WhatTheySend = Annotated[Source, typer.Argument(metavar="[microphone|camera|screen]")]
Waiting = Annotated[str, typer.Argument(metavar="WHO", help="An identity, or the id of a guest.")]


def participants(context: typer.Context, room: RoomName, as_json: AsJson = False) -> None:
    """List who is in a room, and what they publish."""
    show(run(context, lambda client: client.get_room(room)).participants, as_json, tables.participants)


def guests(context: typer.Context, room: RoomName, as_json: AsJson = False) -> None:
    """List who waits to be let into a room."""
    show(run(context, lambda client: client.list_guests(room=room)).guests, as_json, tables.guests)


def admit(context: typer.Context, room: RoomName, who: Waiting) -> None:
    """Let in somebody who waits."""

    async def ask(client: Client) -> None:
        found = await _waiting(client, room, who)
        now = await client.admit(found.id, room=room)
        print(f"{found.identity} is in {room} now: {now.participant_id}")

    run(context, ask)


def refuse(context: typer.Context, room: RoomName, who: Waiting) -> None:
    """Send away somebody who waits. They may come back and wait again: see ban."""

    async def ask(client: Client) -> None:
        found = await _waiting(client, room, who)
        await client.refuse(found.id, room=room)
        print(f"{found.identity} was not let into {room}")

    run(context, ask)


def kick(context: typer.Context, room: RoomName, who: Who) -> None:
    """Remove somebody from a room. Their token lets them in again: see ban."""

    async def ask(client: Client) -> None:
        found = await find(client, room, who)
        await client.remove_participant(found.id, room=room)
        print(f"{found.identity} was removed from {room}")

    run(context, ask)


def ban(
    context: typer.Context,
    room: RoomName,
    who: Who,
    for_: For = "1h",
    by_address: Annotated[
        bool, typer.Option("--by-address", metavar="", help="Ban the address they come from, not the identity.")
    ] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="For other moderators.")] = "",
) -> None:
    """Keep somebody out of a room for a time; an identity need not be there, and the room need not be open."""
    for_s = seconds(for_) or 3600.0

    async def ask(client: Client) -> None:
        found = next((each for each in await present(client, room) if who in (each.id, each.identity)), None)
        if found is not None:
            made = await client.ban(
                room=room, participant_id=found.id, by_address=by_address, for_s=for_s, reason=reason
            )
        elif by_address:
            fail(f"{who} is not in {room}, so the address is not known", EXIT_FAILED)
        else:
            made = await client.ban(room=room, identity=who, for_s=for_s, reason=reason)
        print(f"{who} is banned from {room}: {made.ban_id}")
        if not made.kept:
            print("but the server's database fails: if the server stops now, the ban is forgotten")

    run(context, ask)


def unban(
    context: typer.Context,
    room: RoomName,
    who: Annotated[str, typer.Argument(metavar="WHO", help="An identity, an address, or the id of a ban.")],
) -> None:
    """Lift the bans of somebody; the room need not be open."""

    async def ask(client: Client) -> None:
        bans = (await client.list_bans(room=room)).bans
        meant = [each for each in bans if who in (each.id, each.identity, each.address)]
        if not meant:
            fail(f"{who} is not banned from {room}", EXIT_FAILED)
        for each in meant:
            await client.unban(each.id, room=room)
        print(f"{who} may come into {room} again")

    run(context, ask)


def bans(context: typer.Context, room: RoomName, as_json: AsJson = False) -> None:
    """List who is banned from a room; it need not be open."""
    show(run(context, lambda client: client.list_bans(room=room)).bans, as_json, tables.bans)


def mute(
    context: typer.Context,
    room: RoomName,
    who: Who,
    source: WhatTheySend = "microphone",
) -> None:
    """Mute what somebody sends. They may unmute it again; who must not, loses the permission: see revoke."""

    async def ask(client: Client) -> None:
        found = await find(client, room, who)
        meant = [track for track in found.tracks if track.source == source]
        if not meant:
            fail(f"{found.identity} publishes no {source}", EXIT_FAILED)
        for track in meant:
            await client.mute_track(found.id, track.id, room=room)
        print(f"the {source} of {found.identity} is muted")

    run(context, ask)


def ask_to_unmute(context: typer.Context, room: RoomName, who: Who, source: WhatTheySend = "microphone") -> None:
    """Ask somebody to turn on what they may send. They do as they like."""

    async def ask(client: Client) -> None:
        found = await find(client, room, who)
        await client.ask_to_unmute(found.id, source=source, room=room)
        print(f"{found.identity} was asked to turn the {source} on")

    run(context, ask)


def grant(context: typer.Context, room: RoomName, who: Who, flags: Flags, for_: For = None) -> None:
    """Grant somebody permissions."""
    _permit(context, Client.grant, room, who, flags, for_)


def revoke(context: typer.Context, room: RoomName, who: Who, flags: Flags, for_: For = None) -> None:
    """Take permissions from somebody; without join they leave."""
    _permit(context, Client.revoke, room, who, flags, for_)


Change = Callable[..., Awaitable[PermissionsResult]]


def _permit(context: typer.Context, change: Change, room: str, who: str, flags: list[str], for_: str | None) -> None:
    for_s = seconds(for_)

    async def ask(client: Client) -> None:
        found = await find(client, room, who)
        now = await change(client, found.id, flags, for_s=for_s, room=room)
        print(f"{found.identity} may now: {', '.join(now.permissions) or 'nothing'}")

    run(context, ask)


async def _waiting(client: Client, room: str, who: str) -> Guest:
    """A guest of the room, by id or identity."""
    waiting = (await client.list_guests(room=room)).guests
    for found in waiting:
        if who in (found.id, found.identity):
            return found
    names = ", ".join(each.identity for each in waiting) or "nobody"
    fail(f"{who} does not wait to be let into {room}; there waits {names}", EXIT_FAILED)
