"""Orders that make no sense are refused where they are given, in a sentence; nothing of them reaches the plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mediaplane.testing.plane import VirtualPlane
from scenarios.identity import SERVER

TRANSPORT: dict[str, Any] = {
    "ice_ufrag": b"abcd1234",
    "ice_pwd": b"p" * 24,
    "dtls_role": "server",
    "fingerprints": [("sha-256", bytes(32))],
    "extensions": {},
}
PRODUCER: dict[str, Any] = {
    "kind": "video",
    "mid": "0",
    "codecs": [(96, "VP8", 90_000, 97)],
    "encodings": [("", 1, 2)],
    "nack": True,
    "pli": True,
    "fir": True,
    "transport_cc": True,
}
PIPED: dict[str, Any] = {
    "source_id": 7,
    "from_worker": 1,
    "kind": "video",
    "codecs": [(96, "VP8", 90_000, 97)],
    "encodings": 3,
}
CONSUMER: dict[str, Any] = {
    "kind": "audio",
    "mid": "0",
    "ssrc": 1,
    "rtx_ssrc": 0,
    "cname": "c",
    "extensions": {},
    "two_byte": False,
}
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"


@pytest.fixture
def plane() -> VirtualPlane:
    return VirtualPlane(certificate=SERVER.certificate, private_key=SERVER.private_key)


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (lambda p: p.create_transport(0, **TRANSPORT), "id must not be 0"),
        (lambda p: p.create_transport(1, **TRANSPORT | {"ice_ufrag": b"short"}), "ice_ufrag has 5 bytes, not 8"),
        (lambda p: p.create_transport(1, **TRANSPORT | {"ice_pwd": b""}), "ice_pwd has 0 bytes, not 24"),
        (lambda p: p.create_transport(1, **TRANSPORT | {"ice_ufrag": bytes(8)}), "letters, digits"),
        (lambda p: p.restart_ice(1, ice_ufrag=bytes(8), ice_pwd=b"p" * 24), "letters, digits"),
        (lambda p: p.create_transport(1, **TRANSPORT | {"dtls_role": "auto"}), "no DTLS role 'auto': choose one of"),
        (lambda p: p.create_transport(1, **TRANSPORT | {"fingerprints": []}), "needs a fingerprint"),
        (lambda p: p.create_transport(1, **TRANSPORT | {"fingerprints": [("md5", b"")]}), "hash 'md5'"),
        (lambda p: p.create_transport(1, **TRANSPORT | {"fingerprints": [("sha-256", b"x")]}), "1 bytes, not 32"),
        (lambda p: p.create_transport(1, **TRANSPORT | {"extensions": {MID_URI: 256}}), "256 is not between 1 and 255"),
        (lambda p: p.create_piped_producer(0, **PIPED), "id must not be 0"),
        (lambda p: p.create_piped_producer(1, **PIPED | {"source_id": 0}), "stands for must not be 0"),
        (lambda p: p.create_piped_producer(1, **PIPED | {"encodings": 17}), "1 to 16 encodings, not 17"),
        (lambda p: p.create_piped_producer(1, **PIPED | {"codecs": []}), "needs a codec"),
        (lambda p: p.create_piped_producer(1, **PIPED | {"kind": "text"}), "no kind 'text'"),
        (lambda p: p.send_dtls(1, b""), "1 to 1400 bytes, not 0"),
        (lambda p: p.send_dtls(1, bytes(1401)), "1 to 1400 bytes, not 1401"),
        (lambda p: p.create_producer(1, 0, **PRODUCER), "id must not be 0"),
        (lambda p: p.create_producer(1, 2, **PRODUCER | {"kind": "smell"}), "no kind 'smell': choose one of audio"),
        (lambda p: p.create_producer(1, 2, **PRODUCER | {"mid": "m" * 33}), "mid has 33 bytes, at most 32"),
        (lambda p: p.create_producer(1, 2, **PRODUCER | {"codecs": []}), "needs a codec"),
        (lambda p: p.create_producer(1, 2, **PRODUCER | {"codecs": [(128, "VP8", 1, 0)]}), "not between 0 and 127"),
        (lambda p: p.create_producer(1, 2, **PRODUCER | {"encodings": []}), "1 to 4 encodings, not 0"),
        (lambda p: p.create_producer(1, 2, **PRODUCER | {"encodings": [("", 1, 2)] * 5}), "1 to 4 encodings, not 5"),
        (lambda p: p.create_producer(1, 2, **PRODUCER | {"encodings": [("r" * 17, 1, 2)]}), "rid has 17 bytes"),
        (lambda p: p.create_consumer(1, 2, **CONSUMER | {"ssrc": 0}), "must not be 0"),
        (lambda p: p.create_consumer(1, 2, **CONSUMER | {"kind": ""}), "no kind ''"),
        (lambda p: p.create_consumer(1, 2, **CONSUMER | {"cname": "c" * 65}), "cname has 65 bytes, at most 64"),
        (lambda p: p.create_consumer(1, 2, **CONSUMER | {"extensions": {MID_URI: 0}}), "0 is not between 1 and 255"),
        (lambda p: p.connect_consumer(1, 2, [(0, 0, 128)]), "not between 0 and 127"),
        (lambda p: p.select_encoding(1, 4), "4 is not between -1 and 3"),
    ],
)
def test_an_order_that_makes_no_sense(
    plane: VirtualPlane, order: Callable[[VirtualPlane], None], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        order(plane)
    plane.timeout(1)
    assert plane.counters()["commands"] == 0


def test_header_extensions_nobody_knows_are_skipped(plane: VirtualPlane) -> None:
    plane.create_transport(1, **TRANSPORT | {"extensions": {"urn:example:unknown": 3, MID_URI: 4}})
    plane.timeout(1)
    assert plane.counters()["commands_refused"] == 0


def test_a_message_before_there_is_an_association_is_refused_and_counted(plane: VirtualPlane) -> None:
    plane.create_transport(1, **TRANSPORT)
    plane.send_dtls(1, b"early")
    plane.timeout(1)
    assert plane.counters()["commands_refused"] == 1
