"""Connectivity checks as a lite agent answers them, and the silence that everyone else gets."""

from __future__ import annotations

import contextlib
import ipaddress
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aioice import stun as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from mediaplane.status import MediaPlaneError
from mediaplane.testing import stun

UFRAG = b"uFrag+/8"
PWD = b"passwordPASSWORD12345678"
TRANSACTION_ID = bytes(range(100, 112))
SOURCE = ipaddress.ip_address("203.0.113.5").packed, 40000


def request(
    username: bytes = UFRAG + b":peer",
    key: bytes = PWD,
    controlling: bool = True,
    nominate: bool = False,
) -> bytes:
    return stun.write_request(TRANSACTION_ID, username, 0x6E7F1EFF, controlling, 12345, nominate, key)


def answer(data: bytes, capacity: int = 256) -> tuple[str, bytes]:
    return stun.ice_answer(data, UFRAG, PWD, *SOURCE, capacity)


def with_attributes(attributes: dict[str, Any], kind: reference.Class = reference.Class.REQUEST) -> bytes:
    written = reference.Message(reference.Method.BINDING, kind, TRANSACTION_ID, attributes)
    written.add_message_integrity(PWD)
    return bytes(written)


@pytest.mark.parametrize(("nominate", "outcome"), [(False, "valid"), (True, "nominated")])
def test_a_check_gets_the_address_that_it_came_from(nominate: bool, outcome: str) -> None:
    got, reply = answer(request(nominate=nominate))
    assert got == outcome
    read = reference.parse_message(reply)
    assert read.message_class == reference.Class.RESPONSE
    assert read.transaction_id == TRANSACTION_ID
    assert read.check_message_integrity(PWD)
    assert read.attributes["XOR-MAPPED-ADDRESS"] == ("203.0.113.5", 40000)


def test_a_check_over_ipv6() -> None:
    address = ipaddress.ip_address("2001:db8::7")
    outcome, reply = stun.ice_answer(request(), UFRAG, PWD, address.packed, 1)
    assert outcome == "valid"
    assert reference.parse_message(reply).attributes["XOR-MAPPED-ADDRESS"] == ("2001:db8::7", 1)


def test_a_check_of_aioice_is_answered() -> None:
    data = with_attributes({"USERNAME": "uFrag+/8:x", "PRIORITY": 1, "ICE-CONTROLLING": 7, "USE-CANDIDATE": None})
    assert answer(data)[0] == "nominated"


def test_a_controlled_peer_is_told_of_the_conflict() -> None:
    outcome, reply = answer(request(controlling=False, nominate=True))
    assert outcome == "refused"
    read = reference.parse_message(reply)
    assert read.attributes["ERROR-CODE"] == (487, "Role Conflict")
    assert read.check_message_integrity(PWD)


def test_an_unknown_required_attribute_is_refused_by_name() -> None:
    data = with_attributes({"USERNAME": "uFrag+/8:x", "ICE-CONTROLLED": 7, "CHANGE-REQUEST": 0})
    outcome, reply = answer(data)
    assert outcome == "refused"
    read = reference.parse_message(reply)
    assert read.error_code == 420  # before the roles are looked at
    assert read.check_message_integrity(PWD)
    assert bytes.fromhex("000a00020003") in reply


@pytest.mark.parametrize(
    "username",
    [b"", b"uFrag+/8", b"uFrag+/9:peer", b"ufrag+/8:peer", b"uFrag+/:peer", b"uFrag+/8x:peer", b"x" * 300,
     UFRAG + b":" + b"p" * 257],
)  # fmt: skip
def test_another_username_gets_silence(username: bytes) -> None:
    assert answer(request(username=username)) == ("ignored", b"")


def test_usernames_of_every_allowed_length() -> None:
    for size in (0, 4, 256):
        assert answer(request(username=UFRAG + b":" + b"p" * size))[0] == "valid"


@pytest.mark.parametrize("key", [b"", PWD[:-1], PWD + b"x", PWD.lower(), b"\0" * 24])
def test_another_password_gets_silence(key: bytes) -> None:
    for controlling in (True, False):
        assert answer(request(key=key, controlling=controlling)) == ("ignored", b"")


def test_nothing_but_a_request_is_answered() -> None:
    attributes = {"USERNAME": "uFrag+/8:x", "PRIORITY": 1, "ICE-CONTROLLING": 7}
    for kind in (reference.Class.INDICATION, reference.Class.RESPONSE, reference.Class.ERROR):
        assert answer(with_attributes(dict(attributes), kind)) == ("ignored", b"")


def test_without_fingerprint_or_integrity_there_is_silence() -> None:
    whole = request()
    bare = bytearray(whole[: stun.parse(whole)["fingerprint_offset"]])
    bare[2:4] = (len(bare) - 20).to_bytes(2, "big")
    assert stun.check_integrity(bytes(bare), PWD) is True
    assert answer(bytes(bare)) == ("ignored", b"")
    unsigned = reference.Message(reference.Method.BINDING, reference.Class.REQUEST, TRANSACTION_ID,
                                 {"USERNAME": "uFrag+/8:x", "ICE-CONTROLLING": 7})  # fmt: skip
    unsigned.add_fingerprint()
    assert stun.check_fingerprint(bytes(unsigned)) is True
    assert answer(bytes(unsigned)) == ("ignored", b"")


def test_a_repaired_fingerprint_does_not_help_a_changed_request() -> None:
    whole = request()
    changed = bytearray(whole[:-8])
    changed[44] ^= 1  # in PRIORITY's value
    forged = reference.set_body_length(bytes(changed), len(changed) - 20 + 8)
    forged += bytes.fromhex("80280004") + reference.message_fingerprint(bytes(changed)).to_bytes(4, "big")
    assert stun.check_fingerprint(forged) is True
    assert answer(forged) == ("ignored", b"")


@given(position=st.integers(0), bit=st.integers(0, 7), controlling=st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_changed_request_gets_silence(position: int, bit: int, controlling: bool) -> None:
    data = bytearray(request(controlling=controlling))
    data[position % len(data)] ^= 1 << bit
    with contextlib.suppress(MediaPlaneError):  # no STUN message any more: as good
        assert answer(bytes(data)) == ("ignored", b"")


@given(st.binary(max_size=150).map(lambda body: body[: len(body) // 4 * 4]))
@settings(max_examples=100, deadline=None)
def test_arbitrary_attributes_get_silence(body: bytes) -> None:
    with contextlib.suppress(MediaPlaneError):
        assert answer(b"\0\1" + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + TRANSACTION_ID + body)[1] == b""


def test_without_room_for_the_reply_there_is_none() -> None:
    assert answer(request(), capacity=60) == ("ignored", b"")
    assert answer(request(controlling=False), capacity=60) == ("ignored", b"")


def test_the_username_leads_to_the_key_of_the_ufrag() -> None:
    assert stun.ice_username_key(request()) == stun.ice_ufrag_key(UFRAG) != 0
    assert stun.ice_username_key(request(username=b"other+/8:peer")) == stun.ice_ufrag_key(b"other+/8")
    assert stun.ice_username_key(request(username=b"short:peer")) == 0
    assert stun.ice_username_key(request(username=UFRAG)) == 0
    assert stun.ice_username_key(with_attributes({"ICE-CONTROLLING": 1})) == 0


def test_threads_do_not_disturb_each_other() -> None:
    """Every thread has an HMAC context of its own; a shared one would mix the keys."""

    def check(thread: int) -> bool:
        key = bytes([thread]) * 24
        data = request(key=key)
        return all(
            stun.check_integrity(data, key) is True and stun.check_integrity(data, PWD) is False for _ in range(300)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(check, range(16)))
