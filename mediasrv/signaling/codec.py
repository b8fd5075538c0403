"""Frames of the control protocol: MessagePack-RPC in binary, the same arrays as JSON in text. No input or output here.

[0, id, method, params]     request, from the client
[1, id, error, result]      response, from the server
[2, method, params]         notification, from the server
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]
import msgspec

from mediasrv.signaling import frame_scanner
from mediasrv.signaling.errors import RpcError
from mediasrv.signaling.frame_scanner import FramingError

Frame = bytes | str

REQUEST, RESPONSE, NOTIFICATION = 0, 1, 2
MAX_FRAME_BYTES = 1 << 20
MAX_DEPTH = 16
MAX_REQUEST_ID = 2**53 - 1  # what a JSON number holds exactly everywhere
_SHAPE = "a request is [0, id, method, params]"


class CodecError(Exception):
    """A frame that is no request. `request_id` is its id, if it got so far: then it can be answered."""

    def __init__(self, message: str, request_id: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `params` holds nothing but maps with string keys, lists, strings, bytes, numbers, booleans, None."""

    id: int
    method: str
    params: dict[str, Any]


def decode(frame: Frame, limit: int = MAX_FRAME_BYTES) -> Request:
    """The request in `frame`, of at most `limit` bytes. Raises `CodecError` and nothing else."""
    message = _parse(frame, limit)
    if not isinstance(message, list):
        raise CodecError(f"{_SHAPE}; this frame is no array")
    request_id = message[1] if len(message) > 1 and _is_id(message[1]) else None
    if not message or type(message[0]) is not int or message[0] != REQUEST or request_id is None:
        raise CodecError(f"{_SHAPE} with an integer id from 0 to 2^53 - 1; this frame begins otherwise")
    if len(message) != 4:
        raise CodecError(f"{_SHAPE}; this one has {len(message)} elements", request_id)
    method, params = message[2:]
    if not isinstance(method, str):
        raise CodecError("the method of a request is a string", request_id)
    if not isinstance(params, dict):
        raise CodecError("the params of a request are a map", request_id)
    problem = _what_is_odd(params)
    if problem is not None:
        raise CodecError(problem, request_id)
    return Request(request_id, method, params)


def encode_result(request_id: int, result: msgspec.Struct, *, text: bool) -> Frame:
    return _encode((RESPONSE, request_id, None, result), text)


def encode_error(request_id: int, error: RpcError, *, text: bool) -> Frame:
    body = {"code": error.code, "message": error.message, "details": error.details}
    return _encode((RESPONSE, request_id, body, None), text)


def encode_notification(method: str, params: msgspec.Struct, *, text: bool) -> Frame:
    return _encode((NOTIFICATION, method, params), text)


def _encode(message: tuple[object, ...], text: bool) -> Frame:
    # msgspec writes both, structs included; it reads MessagePack with fewer bounds than msgpack does.
    return msgspec.json.encode(message).decode() if text else msgspec.msgpack.encode(message)


def _parse(frame: Frame, limit: int) -> object:
    kind = "JSON" if isinstance(frame, str) else "MessagePack"
    try:
        data = frame.encode() if isinstance(frame, str) else frame
        if len(data) > limit:
            raise CodecError(f"the frame has {len(data)} bytes; at most {limit} are read")
        if isinstance(frame, str):
            return msgspec.json.decode(data)
        frame_scanner.check(data)
        return msgpack.unpackb(data, raw=False, strict_map_key=True, max_ext_len=0)
    except (ValueError, RecursionError, FramingError) as error:
        raise CodecError(f"the frame is not {kind}: {error or type(error).__name__}") from None


def _is_id(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_REQUEST_ID


def _what_is_odd(params: dict[str, Any]) -> str | None:
    """What `params` must not have in them, level by level: never recursive, whatever a client nests."""
    level: list[object] = [params]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                if not all(isinstance(key, str) for key in value):
                    return "the keys of a map are strings"
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif not isinstance(value, str | bytes | int | float | bool | None):
                return "extension types are not part of the protocol"
        if not below:
            return None
        level = below
    return f"the params are nested deeper than {MAX_DEPTH} levels"
