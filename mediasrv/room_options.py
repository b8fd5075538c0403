"""Options for what rooms are like, one for each such setting: of the server, and of one room."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_args, get_origin

import typer

from mediasrv.room_defaults import PATHS
from mediasrv.settings import FIELDS, description

Command = TypeVar("Command", bound=Callable[..., None])

_METAVARS = {int: "N", float: "S", tuple: "NAME", bool: ""}  # the help shows a value to give, but for switches


def with_room_options(
    prefix: str = "--room-", *, with_defaults: bool = True, panel: str | None = None
) -> Callable[[Command], Command]:
    """Gives a command an option for each setting, in place of its `**` parameter: of those that were not given it gets
    None, or an empty list. `panel` is what the help calls them."""
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in ((name, _annotation(name, prefix, with_defaults, panel)) for name in PATHS)
    ]

    def give(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        command.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
        return command

    return give


def _annotation(name: str, prefix: str, with_defaults: bool, panel: str | None) -> Any:
    annotated = get_args(FIELDS[name].type)[0]
    kind = get_origin(annotated) or annotated
    option = prefix + name.removeprefix("room_").replace("_", "-")
    spelled = f"{option}/--no-{option.removeprefix('--')}" if kind is bool else option
    text = description(name) + (" Repeat it." if kind is tuple else "")
    if with_defaults:
        text += f" Default: {_words(FIELDS[name].default)}."
    value = list[str] if kind is tuple else kind
    return Annotated[value | None, typer.Option(spelled, metavar=_METAVARS[kind], help=text, rich_help_panel=panel)]


def _words(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "none" if default == () else f"{default:g}" if isinstance(default, float) else str(default)
