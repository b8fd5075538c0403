"""The messages of RFC 5769, and what is wrong with a message that was changed on its way."""

import contextlib
import hashlib
import ipaddress

import pytest
from mediaplane.status import MediaPlaneError
from mediaplane.testing import stun

PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION_ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")

REQUEST = bytes.fromhex(  # section 2.1
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)
RESPONSE_IPV4 = bytes.fromhex(  # section 2.2
    "0101003c2112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
RESPONSE_IPV6 = bytes.fromhex(  # section 2.3
    "010100482112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"
    "80280004c8fb0b4c"
)
LONG_TERM_REQUEST = bytes.fromhex(  # section 2.4
    "000100602112a44278ad3433c6ad72c029da412e"
    "00060012e3839ee38388e383aae38383e382afe382b90000"
    "0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700"
    "00080014f67024656dd64a3e02b8e0712e85c9a28ca89666"
)


def test_sample_request_is_read_and_authentic() -> None:
    message = stun.parse(REQUEST)
    assert message["type"] == 0x0001
    assert message["transaction_id"] == TRANSACTION_ID
    assert message["username"] == b"evtj:h6vY"
    assert message["priority"] == 0x6E0001FF
    assert message["ice_controlled"] == 0x932FF9B151263B36
    assert message["ice_controlling"] is None
    assert message["unknown_required"] == 0
    assert stun.check_integrity(REQUEST, PASSWORD) is True
    assert stun.check_fingerprint(REQUEST) is True


@pytest.mark.parametrize("response", [RESPONSE_IPV4, RESPONSE_IPV6], ids=["IPv4", "IPv6"])
def test_sample_responses_are_authentic(response: bytes) -> None:
    assert stun.parse(response)["type"] == 0x0101
    assert stun.check_integrity(response, PASSWORD) is True
    assert stun.check_fingerprint(response) is True


def test_long_term_request_is_authentic_and_has_no_fingerprint() -> None:
    key = hashlib.md5("マトリックス:example.org:TheMatrIX".encode(), usedforsecurity=False).digest()
    assert stun.parse(LONG_TERM_REQUEST)["username"] == "マトリックス".encode()
    assert stun.check_integrity(LONG_TERM_REQUEST, key) is True
    assert stun.check_fingerprint(LONG_TERM_REQUEST) is None


@pytest.mark.parametrize(
    ("address", "sample"), [("192.0.2.1", RESPONSE_IPV4), ("2001:db8:1234:5678:11:2233:4455:6677", RESPONSE_IPV6)]
)
def test_mapped_address_is_hidden_as_in_the_samples(address: str, sample: bytes) -> None:
    written = stun.write_success(TRANSACTION_ID, ipaddress.ip_address(address).packed, 32853, PASSWORD)
    attribute = sample[36 : sample.index(bytes.fromhex("00080014"))]  # behind SOFTWARE
    assert written[20 : 20 + len(attribute)] == attribute
    assert stun.check_integrity(written, PASSWORD) is True
    assert stun.check_fingerprint(written) is True


def test_any_changed_bit_in_front_of_the_integrity_is_found() -> None:
    for bit in range(8 * 20, 8 * stun.parse(REQUEST)["integrity_offset"]):
        changed = bytearray(REQUEST)
        changed[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(MediaPlaneError):  # no STUN message any more: as good
            assert stun.check_fingerprint(bytes(changed)) is not True
            assert stun.check_integrity(bytes(changed), PASSWORD) is not True


@pytest.mark.parametrize("key", [b"", b"\0", PASSWORD[:-1], PASSWORD + b"x", b"k" * 200])
def test_another_password_is_refused(key: bytes) -> None:
    assert stun.check_integrity(REQUEST, key) is False


def test_a_check_does_not_remember_the_key_of_the_last_one() -> None:
    assert stun.check_integrity(REQUEST, PASSWORD) is True
    assert stun.check_integrity(REQUEST, b"") is False
    assert stun.check_integrity(REQUEST, PASSWORD) is True
