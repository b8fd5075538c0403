"""What can't be served is refused in a sentence: the whole offer, or one m-line of it."""

from __future__ import annotations

import pytest
from offer_builder import Line, description
from peers import Peer, media_of

from mediasrv.rtc.errors import NegotiationError

AUDIO, VIDEO = Line("audio"), Line("video")


@pytest.mark.parametrize(
    ("offer", "code", "words"),
    [
        (description(AUDIO, VIDEO, bundle=False), "bundle_required", "2 m-lines and no 'a=group:BUNDLE'"),
        (description(Line(mux=False)), "rtcp_mux_required", "rtcp-mux"),
        (description(VIDEO, fingerprint=None), "fingerprint_required", "no 'a=fingerprint'"),
        (
            description(VIDEO, fingerprint="sha-1 " + ":".join(["00"] * 20)),
            "fingerprint_unsupported",
            "only there as sha-1",
        ),
        (description(VIDEO, setup="holdconn"), "setup_unsupported", "holdconn"),
        (description(VIDEO, ufrag=""), "ice_required", "ice-ufrag"),
        (description(VIDEO, ufrag="x" * 257), "bad_sdp", "longer than 256"),
        (description(Line(mid="a"), Line(mid="a")), "bad_sdp", "mid 'a' is used by m-lines 0 and 1"),
        (
            description(VIDEO, Line(attributes=["extmap:1 urn:other"])),
            "extension_conflict",
            "id 1 means both urn:ietf:params:rtp-hdrext:sdes:mid and urn:other",
        ),
        (
            description(Line(attributes=["ssrc:7 cname:a"]), Line(attributes=["ssrc:7 cname:b"])),
            "ssrc_conflict",
            "SSRC 7 is announced by mid '0' and by mid '1'",
        ),
    ],
)
def test_whole_offers(offer: str, code: str, words: str) -> None:
    peer = Peer()
    with pytest.raises(NegotiationError, match=words) as caught:
        peer.connection.answer(offer)
    assert caught.value.code == code
    assert peer.worker.commands == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (Line("audio", formats=["rtpmap:0 PCMU/8000"]), r"offered: PCMU; forwarded audio: opus"),
        (
            Line("video", formats=["rtpmap:96 H265/90000", "rtpmap:97 rtx/90000"]),
            "offered: H265, rtx; forwarded video: VP8",
        ),
        (Line("application", protocol="UDP/DTLS/SCTP"), "UDP/DTLS/SCTP 111 is not UDP/DTLS/SCTP webrtc-datachannel"),
        (Line("text"), "'text' is neither audio nor video"),
        (Line("video", protocol="RTP/AVP"), "RTP/AVP is not encrypted"),
        (Line("video", bundled=False), "not in the BUNDLE group"),
        (Line("video", mid="m" * 33), "longer than 32"),
    ],
)
def test_single_m_lines(line: Line, words: str) -> None:
    peer = Peer()
    answer = peer.connection.answer(description(AUDIO, line))
    [(mid, sentence)] = answer.refused.items()
    assert mid == (line.mid or "1")
    assert words in sentence
    refused = media_of(answer.sdp)[mid]
    assert refused.port == 0
    assert "a=group:BUNDLE 0\r\n" in answer.sdp
    assert [producer.mid for producer in answer.added] == ["0"]


def test_an_offer_of_which_nothing_is_forwarded_makes_no_transport() -> None:
    peer = Peer()
    answer = peer.connection.answer(description(Line("audio", formats=["rtpmap:0 PCMU/8000"])))
    assert peer.worker.commands == []
    assert media_of(answer.sdp)["0"].port == 0
    # A later one may have more.
    answer = peer.connection.answer(description(Line("audio", formats=["rtpmap:0 PCMU/8000"]), AUDIO))
    assert [producer.mid for producer in answer.added] == ["1"]
    assert len(peer.worker.named("create_transport")) == 1


def test_one_m_line_needs_no_bundle() -> None:
    answer = Peer().connection.answer(description(VIDEO, bundle=False))
    assert "BUNDLE" not in answer.sdp
    assert len(answer.added) == 1


def test_a_sha_1_fingerprint_beside_a_better_one_is_left_out() -> None:
    peer = Peer()
    better = "sha-384 " + ":".join(["0B"] * 48)
    line = Line(attributes=[f"fingerprint:{better}"])
    peer.connection.answer(description(line, fingerprint="sha-1 " + ":".join(["00"] * 20)))
    [transport] = peer.worker.named("create_transport")
    assert transport.keywords["fingerprints"] == [("sha-384", b"\x0b" * 48)]


@pytest.mark.parametrize(
    ("setup", "role", "answered"),
    [
        ("actpass", "server", "passive"),
        ("active", "server", "passive"),
        ("passive", "client", "active"),
        (None, "server", "passive"),
    ],
)
def test_dtls_roles(setup: str | None, role: str, answered: str) -> None:
    peer = Peer()
    answer = peer.connection.answer(description(VIDEO, setup=setup))
    assert peer.worker.named("create_transport")[0].keywords["dtls_role"] == role
    assert media_of(answer.sdp)["0"].setup == answered
