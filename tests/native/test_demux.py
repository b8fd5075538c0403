"""Which protocol a datagram is, by its first bytes (RFC 7983 section 7, RFC 5761 section 4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mediaplane.testing import wire


def by_first_byte(first: int) -> str:
    """The table of RFC 7983; ZRTP (16-19) and TURN channels (64-79) are not served here."""
    if first <= 3:
        return "stun"
    if 20 <= first <= 63:
        return "dtls"
    if 128 <= first <= 191:
        return "rtp"
    return "unknown"


def test_every_pair_of_first_bytes() -> None:
    for first in range(256):
        for second in range(256):
            kind = by_first_byte(first)
            if kind == "rtp" and 192 <= second <= 223:
                kind = "rtcp"
            assert wire.classify_datagram(bytes([first, second])) == kind, f"{first} {second}"


@pytest.mark.parametrize("packet_type", range(200, 208))
def test_every_rtcp_type_in_use(packet_type: int) -> None:
    assert wire.classify_datagram(bytes([0x81, packet_type]) + bytes(30)) == "rtcp"


@pytest.mark.parametrize("payload_type", [0, 8, 35, 63, 96, 111, 127])
@pytest.mark.parametrize("marker", [0x00, 0x80])
def test_payload_types_in_use_are_rtp(payload_type: int, marker: int) -> None:
    """Those of RTCP's range are 64 to 95 with the marker bit, which RFC 5761 keeps out of use."""
    assert wire.classify_datagram(bytes([0x90, marker | payload_type]) + bytes(30)) == "rtp"


@given(st.binary(max_size=1))
def test_too_short_for_anything(data: bytes) -> None:
    assert wire.classify_datagram(data) == "unknown"
