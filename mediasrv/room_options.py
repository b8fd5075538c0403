"""The options of `mediasrv serve` for what rooms are like, one for each such setting."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, get_args, get_origin

import typer

from mediasrv.room_defaults import PATHS
from mediasrv.settings import FIELDS, description

PANEL = "Rooms of which nobody says otherwise"
_METAVARS = {int: "N", float: "S", tuple: "NAME", bool: ""}  # the help shows a value to give, but for switches


def room_options() -> list[inspect.Parameter]:
    """As parameters of a command: None, or an empty list, for an option that was not given."""
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(name))
        for name in PATHS
    ]


def _annotation(name: str) -> Any:
    annotated = get_args(FIELDS[name].type)[0]
    kind = get_origin(annotated) or annotated
    option = "--" + name.replace("_", "-")
    spelled = f"{option}/--no-{option.removeprefix('--')}" if kind is bool else option
    text = f"{description(name)}{' Repeat it.' if kind is tuple else ''} Default: {_words(FIELDS[name].default)}."
    value = list[str] if kind is tuple else kind
    return Annotated[value | None, typer.Option(spelled, metavar=_METAVARS[kind], help=text, rich_help_panel=PANEL)]


def _words(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "none" if default == () else f"{default:g}" if isinstance(default, float) else str(default)
