"""Writes `docs/control-protocol.md` from the schema: `python -m mediasrv.signaling.protocol_docs`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from mediasrv.rooms.events import LeaveReason
from mediasrv.rooms.permissions import FLAG_OF_NAME
from mediasrv.rooms.room import RoomLimits
from mediasrv.signaling import codec
from mediasrv.signaling.carriers import FRAME_TIMEOUT_S, IDLE_S
from mediasrv.signaling.errors import MEANINGS
from mediasrv.signaling.event_log import KEPT_EVENTS
from mediasrv.signaling.event_shapes import HISTORY, LIVE, JournalRecord, Kind
from mediasrv.signaling.event_subscription import UNREAD_EVENTS
from mediasrv.signaling.method import ERRORS_OF_EVERY_METHOD, ERRORS_OF_SCOPE, Method, Scope
from mediasrv.signaling.method_table import METHODS
from mediasrv.signaling.notifications import CLOSING_REASONS, NOTIFICATIONS
from mediasrv.signaling.schema import (
    Ban,
    Guest,
    KeptMessage,
    Mix,
    MixChange,
    OfferedTrack,
    Participant,
    Room,
    Shape,
    SlotSource,
    Track,
)
from mediasrv.signaling.session import SessionLimits
from mediasrv.signaling.statistics_shapes import (
    EncodingStatistics,
    HearingStatistics,
    ParticipantStatistics,
    ServerStatistics,
    SlotStatistics,
    TrackStatistics,
    WorkerStatistics,
)

PATH = Path("docs") / "control-protocol.md"

_SHARED: tuple[type[Shape], ...] = (
    Room,
    Participant,
    Guest,
    Track,
    SlotSource,
    Mix,
    MixChange,
    OfferedTrack,
    KeptMessage,
    Ban,
    JournalRecord,
    ServerStatistics,
    WorkerStatistics,
    ParticipantStatistics,
    TrackStatistics,
    EncodingStatistics,
    HearingStatistics,
    SlotStatistics,
)
_TYPE_NAMES: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    NoneType: "null",
    Any: "anything",
}


def render() -> str:
    """The whole page, in Markdown."""
    parts = (
        _introduction(),
        _carriers(),
        _limits(),
        _scopes(),
        _errors(),
        _methods(),
        _notifications(),
        _events(),
        _shapes(),
        _reasons(),
    )
    return "\n".join(line for part in parts for line in part)


def _introduction() -> Iterator[str]:
    limits = SessionLimits()
    yield f"""# The control protocol

<!-- Written by `python -m mediasrv.signaling.protocol_docs` from mediasrv/signaling; edit that. -->

A client speaks it over a WebSocket, TCP or a Unix socket: [MessagePack-RPC]\
(https://github.com/msgpack-rpc/msgpack-rpc/blob/master/spec.md), arrays of these three forms:

| message | sent by | array |
|---|---|---|
| request | client | `[0, id, method, params]` |
| response | server | `[1, id, error, result]`: one of the last two is null |
| notification | server | `[2, method, params]` |

`id` is an integer from 0 to 2^53 - 1 that the client chooses. A client need not wait for a response before its next
request; responses come in the order of the requests, but for those that take the server a while. Params and results are
maps. Fields that aren't named here are ignored: newer servers and clients may send more of them.

A connection begins with `join`, `resume_session` or `authenticate`, within {limits.join_timeout_s:g} seconds. After
`join` it is one participant until it ends. No notification comes before the result of `join`, and those that a request
causes come after its response. When the connection is lost, the participant stays in the room for a while, so that
`resume_session` on another connection goes on with it, and then for as long as its media flows; joining again with the
same identity takes its place. After `authenticate` it is a control session, which is in no room.
"""


def _carriers() -> Iterator[str]:
    yield f"""## Carriers

| carrier | where | messages |
|---|---|---|
| WebSocket | `/rpc` of the HTTP address | one in each frame: MessagePack in a binary frame, the same as JSON in a \
text frame. The server speaks as the client's last frame did |
| TCP | `tcp:HOST:PORT` of the setting `control`, with TLS where the server has a certificate for it | MessagePack, \
one behind the other, with nothing between them and no lengths before them |
| Unix socket | `unix:PATH` of the setting `control` | as with TCP |

A reader of a stream hands what it gets to a streaming MessagePack decoder, and takes a message each time the decoder
has a whole value. Over a Unix socket the user that the server runs as, and root, have a control session from the
beginning, without `authenticate`.

The server pings WebSockets, and closes those that don't answer. It closes a TCP connection with the reason `idle` after
{IDLE_S:g} seconds in which nothing came: who only listens sends a `ping` now and then. Over a stream a message must be
there {FRAME_TIMEOUT_S:g} seconds after it began.
"""


def _limits() -> Iterator[str]:
    limits, rooms = SessionLimits(), RoomLimits()
    yield f"""## Limits

| limit | |
|---|---|
| bytes in a message to the server | {limits.frame_bytes:,}; {limits.frame_bytes_before_join:,} before `join` or \
`authenticate` |
| levels of nesting in params | {codec.MAX_DEPTH} |
| requests | {limits.request_rate:g} a second, {limits.request_burst} at once |
| requests of a control session | {limits.control_request_rate:,.0f} a second, {limits.control_request_burst:,} at \
once |
| requests that take the server a while | {limits.open_requests} at a time |
| messages | {rooms.message_rate:g} a second, {rooms.message_burst} at once |
| events that wait for a control session that does not read | {UNREAD_EVENTS}, then as long as they are among the last \
{KEPT_EVENTS:,} of the server |

Something that is no request and has no id to answer closes the connection with the reason `bad_frame`, and so does
reading so slowly that too much waits, with the reason `too_slow`. Others are not affected.
"""


def _scopes() -> Iterator[str]:
    every = ", ".join(f"`{code}`" for code in ERRORS_OF_EVERY_METHOD)
    errors = {scope: ", ".join(f"`{code}`" for code in codes) for scope, codes in ERRORS_OF_SCOPE.items()}
    yield f"""## Permissions and scopes

The permission flags are {", ".join(f"`{name}`" for name in FLAG_OF_NAME)}. They are independent of each other. A flag
holds where it is *granted*, by a moderator's last word, else by the token, else by the room, and *consented* to.

Each method has a scope, which says who may call it. Any may fail with {every}; further errors are those of its scope
and those listed with it.

| scope | who | errors |
|---|---|---|
| `connection` | whoever has a connection | |
| `participant` | a participant, after `join` | {errors[Scope.PARTICIPANT]} |
| `moderator` | a participant with the permission `moderate`, for its own room; a control session for any | \
{errors[Scope.MODERATOR]} |
| `admin` | a control session, after `authenticate` | {errors[Scope.ADMIN]} |
"""


def _errors() -> Iterator[str]:
    yield "## Errors\n\nAn error is a map: `code`, `message` (a sentence for people) and `details` (a map).\n"
    yield from _table(("code", "meaning"), ((f"`{code}`", meaning) for code, meaning in MEANINGS.items()))


def _methods() -> Iterator[str]:
    yield "## Methods\n"
    for method in METHODS.values():
        yield f"### {method.name}\n"
        yield _doc(method.params) + "\n"
        yield f"Scope: `{method.scope}`\n"
        yield "Params:" + _fields(method.params)
        yield "Result:" + _fields(method.result)
        if method.errors:
            yield f"Errors: {', '.join(f'`{code}`' for code in method.errors)}\n"
        yield _example(method)


def _notifications() -> Iterator[str]:
    yield "## Notifications\n"
    for name, example in NOTIFICATIONS.items():
        yield f"### {name}\n"
        yield _doc(type(example)) + "\n"
        yield "Params:" + _fields(type(example))
        yield _code(_json([codec.NOTIFICATION, name, example]))


def _events() -> Iterator[str]:
    yield """## Kinds of events

What the notification `event`, the records of `read_journal`, the webhooks and the lines of the log call `event`, and
the fields that come with it. A field that has nothing to say is left out. `by` is a participant's id, `server`, or
`admin:` and a name. These are history, which the journal keeps:
"""
    yield from _kinds(HISTORY)
    yield "These are told, and forgotten:\n"
    yield from _kinds(LIVE)


def _kinds(kinds: Mapping[str, Kind]) -> Iterator[str]:
    rows = ((f"`{name}`", kind.meaning, f"`{_json(kind.fields)}`") for name, kind in kinds.items())
    yield from _table(("event", "meaning", "fields, for example"), rows)


def _shapes() -> Iterator[str]:
    yield "## Shapes\n"
    for shape in _SHARED:
        yield f"### {shape.__name__}\n"
        yield _doc(shape) + _fields(shape)


def _reasons() -> Iterator[str]:
    yield "## Reasons of closing\n\nThose in the upper part are reasons of leaving as well.\n"
    leaving = [reason.value for reason in LeaveReason]
    ordered = leaving + [reason for reason in CLOSING_REASONS if reason not in leaving]
    yield from _table(("reason", "message"), ((f"`{reason}`", CLOSING_REASONS[reason]) for reason in ordered))


def _doc(shape: type[Shape]) -> str:
    return inspect.getdoc(shape) or ""


def _fields(shape: type[Shape]) -> str:
    """The fields of `shape` as a table."""
    fields = msgspec.structs.fields(shape)
    if not fields:
        return " an empty map.\n"
    hints = get_type_hints(shape, include_extras=True)
    rows = []
    for field in fields:
        hint = hints[field.name]
        default = "" if field.required else " (may be left out)"
        rows.append((f"`{field.encode_name}`", _type_name(hint) + default, _description(hint)))
    return "\n".join(["\n", *_table(("field", "type", "meaning"), rows)])


def _description(hint: Any) -> str:
    if get_origin(hint) in (Union, UnionType):
        return next(filter(None, map(_description, get_args(hint))), "")
    described = [meta.description for meta in get_args(hint)[1:] if isinstance(meta, Meta) and meta.description]
    return described[-1] if described else ""


def _type_name(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin in (Union, UnionType):
        arguments = tuple(argument for argument in arguments if argument is not msgspec.UnsetType)
        return " or ".join(_type_name(argument) for argument in arguments)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is list:
        return f"list of {_type_name(arguments[0])}"
    if origin is dict:
        return f"map of {_type_name(arguments[0])} to {_type_name(arguments[1])}"
    if hint in _SHARED:
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    return _TYPE_NAMES[hint]


def _example(method: Method) -> str:
    request = _json([codec.REQUEST, 7, method.name, method.example_params])
    return _code(f"{request}\n{_json([codec.RESPONSE, 7, None, method.example_result])}")


def _json(message: object) -> str:
    """One line, with the spaces that people put in."""
    return msgspec.json.format(msgspec.json.encode(message), indent=0).decode()


def _code(text: str) -> str:
    return f"```json\n{text}\n```\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
