"""Frames: what is a request, what is answered, and that nothing else gets out of the codec."""

import contextlib
import json
from typing import Any

import msgpack  # type: ignore[import-untyped]
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.signaling import codec
from mediasrv.signaling.codec import CodecError, Request, decode
from mediasrv.signaling.errors import ErrorCode, RpcError
from mediasrv.signaling.methods.media import MuteParams

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=8
)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_codec_error(frame: bytes) -> None:
    survives(frame)


@given(st.text(alphabet=st.characters(codec=None), max_size=100))
def test_any_text_is_a_request_or_a_codec_error(frame: str) -> None:
    survives(frame)


@given(values | st.lists(values, max_size=5), st.binary(max_size=3), st.integers(0, 60))
def test_damaged_messages_are_a_request_or_a_codec_error(message: Any, damage: bytes, at: int) -> None:
    packed = msgpack.packb(message)
    survives(packed)
    survives(packed[:at] + damage + packed[at + len(damage) :])
    survives(json.dumps(message))
    survives(json.dumps(message)[:at])


def survives(frame: bytes | str) -> None:
    with contextlib.suppress(CodecError):
        request = decode(frame)
        assert type(request.id) is int
        # What was read can be said again, in both formats.
        msgspec.json.encode(request.params)
        msgspec.msgpack.encode(request.params)


@given(st.integers(0, codec.MAX_REQUEST_ID), st.text(), st.dictionaries(st.text(), values, max_size=4))
def test_requests_are_read_in_both_formats(request_id: int, method: str, params: dict[str, Any]) -> None:
    message = [0, request_id, method, params]
    expected = Request(request_id, method, params)
    assert decode(msgpack.packb(message)) == expected
    assert decode(json.dumps(message)) == expected


ID = 5
PACKED = {
    "not an array": (msgpack.packb({"a": 1}), None),
    "empty": (b"", None),
    "empty array": (b"\x90", None),
    "reserved byte": (b"\xc1", None),
    "two messages": (msgpack.packb([0, ID, "mute", {}]) * 2, None),
    "notification": (msgpack.packb([2, "mute", {}]), None),
    "response": (msgpack.packb([1, ID, None, {}]), None),
    "a type that is true": (msgpack.packb([False, ID, "mute", {}]), None),
    "an id that is true": (msgpack.packb([0, True, "mute", {}]), None),
    "negative id": (msgpack.packb([0, -1, "mute", {}]), None),
    "id too large": (msgpack.packb([0, 2**53, "mute", {}]), None),
    "no params": (msgpack.packb([0, ID, "mute"]), ID),
    "too many elements": (msgpack.packb([0, ID, "mute", {}, 1]), ID),
    "method no string": (msgpack.packb([0, ID, 7, {}]), ID),
    "params no map": (msgpack.packb([0, ID, "mute", []]), ID),
    "key of bytes": (msgpack.packb([0, ID, "mute", {b"a": 1}]), ID),
    "timestamp": (msgpack.packb([0, ID, "mute", {"a": msgpack.Timestamp(1)}]), None),
    "extension type": (msgpack.packb([0, ID, "mute", {"a": msgpack.ExtType(5, b"x")}]), None),
    "integer key": (msgpack.packb([0, ID, "mute", {1: 1}]), None),
    "claims four billion elements": (b"\xdd\xff\xff\xff\xff", None),
    "claims four billion bytes": (b"\xc6\xff\xff\xff\xff", None),
    "bad UTF-8": (b"\x94\x00\x05\xa1\xff\x80", None),
    "nested a hundred thousand deep": (b"\x91" * 100_000, None),
}


@pytest.mark.parametrize(("frame", "request_id"), PACKED.values(), ids=PACKED)
def test_what_is_no_request_in_messagepack(frame: bytes, request_id: int | None) -> None:
    with pytest.raises(CodecError) as refused:
        decode(frame)
    assert refused.value.request_id == request_id


@pytest.mark.parametrize(
    "frame",
    ["", "{", "null", "[0, 5, 'mute', {}]", "[0, NaN, 1, 2]", "[" * 100_000, '["\\ud800x"]', "[0, 1e999]", "\ud800"],
)
def test_what_is_no_request_in_json(frame: str) -> None:
    with pytest.raises(CodecError) as refused:
        decode(frame)
    assert refused.value.request_id is None


def test_nesting_is_bounded() -> None:
    def nested(levels: int) -> list[Any]:
        params: Any = {}
        for _ in range(levels - 1):
            params = {"a": params}
        return [0, ID, "mute", params]

    decode(json.dumps(nested(codec.MAX_DEPTH)))
    for frame in (json.dumps(nested(codec.MAX_DEPTH + 1)), msgpack.packb(nested(900))):
        with pytest.raises(CodecError, match="deeper than 16") as refused:
            decode(frame)
        assert refused.value.request_id == ID


def test_frames_are_bounded() -> None:
    frame = json.dumps([0, ID, "mute", {"a": "x" * 100}])
    decode(frame, limit=len(frame))
    with pytest.raises(CodecError, match=f"at most {len(frame) - 1} are read"):
        decode(frame, limit=len(frame) - 1)
    with pytest.raises(CodecError):
        decode(b"\xc4" * (codec.MAX_FRAME_BYTES + 1))


def test_what_the_server_says_reads_the_same_in_both_formats() -> None:
    error = RpcError(ErrorCode.NOT_FOUND, "there is no track", {"track_id": "t_1"})
    frames = [
        (codec.encode_result, (ID, MuteParams(track_id="t_1")), [1, ID, None, {"track_id": "t_1"}]),
        (
            codec.encode_error,
            (ID, error),
            [1, ID, {"code": "not_found", "message": "there is no track", "details": {"track_id": "t_1"}}, None],
        ),
        (codec.encode_notification, ("muted", MuteParams(track_id="é")), [2, "muted", {"track_id": "é"}]),
    ]
    encode: Any
    for encode, arguments, expected in frames:
        text = encode(*arguments, text=True)
        assert isinstance(text, str)
        assert json.loads(text) == expected
        assert msgpack.unpackb(encode(*arguments, text=False)) == expected
