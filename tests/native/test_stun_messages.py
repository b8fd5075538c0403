"""STUN against aioice, which reads and writes the same messages, and against bytes from anyone."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from aioice import stun as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError
from mediaplane.testing import stun

TRANSACTION_ID = bytes(range(12))
KEY = b"password-of-24-characters"[:24]

KEYS = st.binary(max_size=100)
TRANSACTION_IDS = st.binary(min_size=12, max_size=12)
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
USERNAMES = st.text(st.sampled_from("abz019+/:é漢\0"), max_size=160)


def attribute(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)


def message(*attributes: bytes, kind: int = 0x0001, transaction_id: bytes = TRANSACTION_ID) -> bytes:
    body = b"".join(attributes)
    return kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + transaction_id + body


def status_of(data: bytes) -> str:
    with pytest.raises(MediaPlaneError) as caught:
        stun.parse(data)
    return str(caught.value.status.name)


@given(
    TRANSACTION_IDS, USERNAMES, st.integers(0, 2**32 - 1), st.booleans(), st.integers(0, 2**64 - 1), st.booleans(), KEYS
)
@settings(max_examples=50, deadline=None)
def test_a_request_of_ours_is_read_by_aioice(
    transaction_id: bytes, username: str, priority: int, controlling: bool, tie_breaker: int, nominate: bool, key: bytes
) -> None:
    data = stun.write_request(transaction_id, username.encode(), priority, controlling, tie_breaker, nominate, key)
    read = reference.parse_message(data)
    assert (read.message_class, read.message_method) == (reference.Class.REQUEST, reference.Method.BINDING)
    assert read.transaction_id == transaction_id
    assert read.check_message_integrity(key)
    assert read.attributes["USERNAME"] == username
    assert read.attributes["PRIORITY"] == priority
    assert read.attributes["ICE-CONTROLLING" if controlling else "ICE-CONTROLLED"] == tie_breaker
    assert ("USE-CANDIDATE" in read.attributes) == nominate


@given(
    st.dictionaries(
        st.sampled_from(["USERNAME", "SOFTWARE", "PRIORITY", "USE-CANDIDATE", "ICE-CONTROLLING", "REALM", "NONCE"]),
        st.integers(0, 2**32 - 1),
    ),
    KEYS,
)
@settings(max_examples=50, deadline=None)
def test_a_request_of_aioice_is_read_by_us(numbers: dict[str, int], key: bytes) -> None:
    attributes: dict[str, Any] = {
        name: None if name == "USE-CANDIDATE" else number if name in ("PRIORITY", "ICE-CONTROLLING") else str(number)
        for name, number in numbers.items()
    }
    if "NONCE" in attributes:
        attributes["NONCE"] = attributes["NONCE"].encode()
    written = reference.Message(reference.Method.BINDING, reference.Class.REQUEST, TRANSACTION_ID, dict(attributes))
    written.add_message_integrity(key)
    data = bytes(written)
    read = stun.parse(data)
    assert read["transaction_id"] == TRANSACTION_ID
    assert read["username"] == (attributes["USERNAME"].encode() if "USERNAME" in attributes else None)
    assert read["priority"] == attributes.get("PRIORITY")
    assert read["ice_controlling"] == attributes.get("ICE-CONTROLLING")
    assert read["use_candidate"] == ("USE-CANDIDATE" in attributes)
    assert read["unknown_required"] == 0
    assert stun.check_integrity(data, key) is True
    assert stun.check_integrity(data, key + b"!") is False
    assert stun.check_fingerprint(data) is True


@given(TRANSACTION_IDS, ADDRESSES, st.integers(0, 65535), KEYS)
@settings(max_examples=50, deadline=None)
def test_a_success_response_tells_the_address(
    transaction_id: bytes, address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, key: bytes
) -> None:
    data = stun.write_success(transaction_id, address.packed, port, key)
    read = reference.parse_message(data)
    assert read.message_class == reference.Class.RESPONSE
    assert read.check_message_integrity(key)
    host, read_port = read.attributes["XOR-MAPPED-ADDRESS"]
    assert (ipaddress.ip_address(host), read_port) == (address, port)


@pytest.mark.parametrize("reason", [b"", b"x", b"Role Conflict", b"r" * 127])
@pytest.mark.parametrize("code", [300, 400, 487, 500, 699])
def test_an_error_response_tells_code_and_reason(code: int, reason: bytes) -> None:
    data = stun.write_error(TRANSACTION_ID, code, reason, 0, KEY)
    read = reference.parse_message(data)
    assert read.message_class == reference.Class.ERROR
    assert read.attributes["ERROR-CODE"] == (code, reason.decode())
    assert read.check_message_integrity(KEY)
    assert stun.parse(data)["error_code"] == code


def test_an_unknown_attribute_is_named() -> None:
    data = stun.write_error(TRANSACTION_ID, 420, b"Unknown Attribute", 0x7ABC, KEY)
    assert attribute(0x000A, b"\x7a\xbc") in data
    assert stun.check_fingerprint(data) is True


def test_writers_never_write_behind_the_buffer() -> None:
    writers = [
        lambda capacity: stun.write_success(TRANSACTION_ID, bytes(4), 1, KEY, capacity),
        lambda capacity: stun.write_success(TRANSACTION_ID, bytes(16), 1, KEY, capacity),
        lambda capacity: stun.write_error(TRANSACTION_ID, 420, b"abcde", 1, KEY, capacity),
        lambda capacity: stun.write_error(TRANSACTION_ID, 487, b"", 1, KEY, capacity),
        lambda capacity: stun.write_request(TRANSACTION_ID, b"abc:d", 1, True, 2, True, KEY, capacity),
        lambda capacity: stun.write_request(TRANSACTION_ID, b"", 1, True, 2, False, KEY, capacity),
    ]
    for write in writers:
        needed = len(write(1000))
        assert len(write(needed)) == needed
        for capacity in range(needed):
            with pytest.raises(MediaPlaneError, match="full"):
                write(capacity)


def test_what_stands_behind_the_integrity_is_ignored() -> None:
    signed = message(attribute(0x0006, b"someone"), attribute(0x0008, bytes(20)))
    for late in (attribute(0x0025, b""), attribute(0x0024, bytes(4)), attribute(0x7FFF, b"?"), attribute(0x0024, b"")):
        read = stun.parse(message(signed[20:], late))
        assert read["use_candidate"] is False
        assert read["priority"] is None
        assert read["unknown_required"] == 0


def test_integrity_of_sha256_ends_the_protected_part_but_is_none_of_ours() -> None:
    sha256 = attribute(0x001C, bytes(32))
    sha1 = attribute(0x0008, bytes(20))
    assert stun.parse(message(sha1, sha256))["integrity_offset"] == 20
    assert stun.parse(message(sha256, sha1, attribute(0x0025, b"")))["integrity_offset"] == 0
    assert stun.check_integrity(message(sha256), KEY) is None


def test_of_a_repeated_attribute_the_first_counts() -> None:
    names = attribute(0x0006, b"first"), attribute(0x0006, b"second")
    priorities = attribute(0x0024, b"\0\0\0\1"), attribute(0x0024, b"\0\0\0\2")
    read = stun.parse(message(*names, *priorities, attribute(0x7001, b""), attribute(0x7002, b"")))
    assert (read["username"], read["priority"], read["unknown_required"]) == (b"first", 1, 0x7001)


def test_optional_attributes_need_not_be_known() -> None:
    assert stun.parse(message(attribute(0xC057, b"\0\0\0\1"), attribute(0x8022, b"x")))["unknown_required"] == 0


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", "TRUNCATED"),
        (message()[:19], "TRUNCATED"),
        (message(attribute(0x8022, b"abcd"))[:-4], "TRUNCATED"),
        (message() + bytes(4), "MALFORMED"),
        (b"\x40" + message()[1:], "MALFORMED"),
        (message()[:4] + b"\x21\x12\xa4\x43" + TRANSACTION_ID, "MALFORMED"),
        (b"\0\1\0\3" + message()[4:] + b"abc", "MALFORMED"),
        (message(b"\x80\x22\0\5abcd"), "TRUNCATED"),
        (message(b"\x80\x22\xff\xffabcd"), "TRUNCATED"),
        (message(attribute(0x0008, bytes(16))), "MALFORMED"),
        (message(attribute(0x8028, bytes(8))), "MALFORMED"),
        (message(attribute(0x0024, bytes(2))), "MALFORMED"),
        (message(attribute(0x0025, bytes(4))), "MALFORMED"),
        (message(attribute(0x802A, bytes(4))), "MALFORMED"),
        (message(attribute(0x0006, bytes(514))), "MALFORMED"),
        (message(attribute(0x0009, bytes(3)), kind=0x0111), "MALFORMED"),
        (message(attribute(0x0009, b"\0\0\2\0"), kind=0x0111), "MALFORMED"),
        (message(attribute(0x0009, b"\0\0\4\x64"), kind=0x0111), "MALFORMED"),
        (message(attribute(0x8028, bytes(4)), attribute(0x8022, b"late")), "MALFORMED"),
        (message(attribute(0x8022, bytes(65512))), "MALFORMED"),
    ],
)
def test_broken_messages_are_refused(data: bytes, status: str) -> None:
    assert status_of(data) == status


def test_the_largest_message_is_read() -> None:
    data = message(attribute(0x8022, bytes(65484)), attribute(0x0008, bytes(20)))
    assert len(data) == 65532
    assert stun.parse(data)["integrity_offset"] == 65508
    assert stun.check_integrity(data, KEY) is False


SHAPED = st.builds(
    lambda kinds, values, cut: message(*map(attribute, kinds, values))[: -cut or None],
    st.lists(st.sampled_from([0x0006, 0x0008, 0x0009, 0x0020, 0x0024, 0x0025, 0x001C, 0x8028, 0x802A, 0x7777])),
    st.lists(st.one_of(st.binary(max_size=40), st.just(bytes(4)), st.just(bytes(20)))),
    st.integers(0, 6),
)


@given(st.one_of(st.binary(max_size=200), SHAPED, st.binary(max_size=60).map(lambda body: message(body))))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read = stun.parse(data)
    except MediaPlaneError:
        return
    assert read["transaction_id"] == data[8:20]
    if read["integrity_offset"]:
        assert data[read["integrity_offset"] :][:4] == b"\0\x08\0\x14"
    stun.check_integrity(data, KEY)
    stun.check_fingerprint(data)
