"""Who sends what on an m-line: its direction, and what was authorised."""

from __future__ import annotations

import pytest
from offer_builder import Line, description
from peers import Peer, media_of

from mediasrv.rtc import capabilities
from mediasrv.rtc.negotiation import OfferedTrack

TRANSPORT_CC = f"extmap:3 {capabilities.TRANSPORT_CC}"
MID = f"extmap:1 {capabilities.MID}"


@pytest.mark.parametrize(
    ("offered", "authorised", "answered"),
    [
        ("sendonly", True, "recvonly"),
        ("sendonly", False, "inactive"),
        ("recvonly", True, "sendonly"),
        ("recvonly", False, "sendonly"),
        ("sendrecv", True, "sendrecv"),
        ("sendrecv", False, "sendonly"),
        ("inactive", True, "inactive"),
    ],
)
def test_the_answers_direction(offered: str, authorised: bool, answered: str) -> None:
    answer = Peer().connection.answer(
        description(Line(direction=offered)), authorise=lambda _: None if authorised else "not today"
    )
    [media] = media_of(answer.sdp).values()
    assert media.has(answered)
    assert media.port != 0
    assert bool(answer.added) == (answered in ("recvonly", "sendrecv"))
    assert bool(answer.added_slots) == (answered in ("sendonly", "sendrecv"))
    assert answer.refused == ({"0": "not today"} if not authorised and "send" in offered else {})
    assert media.has("msid") == bool(answer.added_slots)


def test_who_is_asked_for() -> None:
    asked: list[OfferedTrack] = []
    Peer().connection.answer(
        description(
            Line("audio", attributes=["msid:stream track"]),
            Line("video", "sendrecv", attributes=["rid:l send", "rid:h send", "simulcast:send l;h"]),
            Line("video", "recvonly"),
            Line("video", "inactive"),
            Line("application"),
        ),
        authorise=asked.append,
    )
    assert asked == [OfferedTrack("0", "audio", "stream track", ()), OfferedTrack("1", "video", "", ("l", "h"))]


def test_an_extension_that_goes_one_way_on_a_two_way_m_line_says_so() -> None:
    answer = Peer().connection.answer(description(Line(direction="sendrecv", attributes=[MID, TRANSPORT_CC])))
    [media] = media_of(answer.sdp).values()
    assert {extmap.id: extmap.direction for extmap in media.extmaps} == {1: "", 3: "recvonly"}


@pytest.mark.parametrize(
    ("attributes", "two_byte"),
    [
        ([MID], False),
        ([MID, "extmap-allow-mixed"], True),
        ([f"extmap:16 {capabilities.MID}"], True),  # an id that only the two-byte form has
    ],
)
def test_two_byte_extensions(attributes: list[str], two_byte: bool) -> None:
    peer = Peer()
    peer.connection.answer(description(Line(direction="recvonly", attributes=attributes)))
    [consumer] = peer.worker.named("create_consumer")
    assert consumer.keywords["two_byte"] is two_byte


@pytest.mark.parametrize("id_", [0, 15, 256, 4096])
def test_ids_that_are_none(id_: int) -> None:
    answer = Peer().connection.answer(description(Line(attributes=[f"extmap:{id_} {capabilities.MID}"])))
    assert "extmap" not in answer.sdp


@pytest.mark.parametrize(
    ("attributes", "encodings", "answered"),
    [
        (["rid:a send", "rid:b send", "simulcast:send a;~b"], [("a", 0, 0), ("b", 0, 0)], "recv a;b"),
        (["rid:a send", "rid:b send", "rid:c send", "simulcast:send x,b;a"], [("b", 0, 0), ("a", 0, 0)], "recv b;a"),
        (["rid:a send pt=98", "rid:b send pt=100", "simulcast:send a;b"], [("a", 0, 0)], "recv a"),
        (["rid:a recv", "simulcast:send a"], [("", 0, 0)], None),
        (
            [*(f"rid:{rid} send" for rid in "abcde"), "simulcast:send a;b;c;d;e"],
            [(rid, 0, 0) for rid in "abcd"],
            "recv a;b;c;d",
        ),
        (["ssrc:5 cname:x", "ssrc:6 cname:x", "ssrc-group:FID 6 5"], [("", 6, 5)], None),
        (
            ["ssrc-group:SIM 1 2 3", "ssrc-group:FID 1 11", "ssrc-group:FID 3 33"],
            [("0", 1, 11), ("1", 2, 0), ("2", 3, 33)],
            None,
        ),
        ([], [("", 0, 0)], None),
    ],
)
def test_encodings(attributes: list[str], encodings: list[tuple[str, int, int]], answered: str | None) -> None:
    peer = Peer()
    rid = f"extmap:2 {capabilities.RID}"
    answer = peer.connection.answer(description(Line(attributes=[rid, *attributes])))
    [producer] = peer.worker.named("create_producer")
    assert producer.keywords["encodings"] == encodings
    assert media_of(answer.sdp)["0"].value("simulcast") == answered


def test_simulcast_without_the_rid_extension_is_one_encoding() -> None:
    attributes = ["rid:a send", "rid:b send", "simulcast:send a;b"]
    answer = Peer().connection.answer(description(Line(attributes=attributes)))
    assert "simulcast" not in answer.sdp
    assert answer.added[0].rids == []


def test_restrictions_of_a_rid_are_repeated() -> None:
    rid = f"extmap:2 {capabilities.RID}"
    attributes = [rid, "rid:a send pt=96,100;max-width=640", "simulcast:send a"]
    answer = Peer().connection.answer(description(Line(attributes=attributes)))
    assert "a=rid:a recv pt=96;max-width=640\r\n" in answer.sdp


def test_slots_of_a_call_are_streams_of_their_own() -> None:
    answer = Peer().connection.answer(description(*(Line(direction="recvonly") for _ in range(3))))
    streams = [media.msids[0].stream for media in media_of(answer.sdp).values()]
    assert len(set(streams)) == 3
