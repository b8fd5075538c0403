"""What the answer to each recorded offer says, and what the worker is told."""

from __future__ import annotations

import re

import pytest
from peers import CERTIFICATE, OFFER_NAMES, Peer, media_of, offer

from mediasrv.rtc import capabilities
from mediasrv.rtc.sdp import Direction, SessionDescription

MIRRORED = {
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.SENDRECV: Direction.SENDRECV,
}
SENDERS_EXTENSIONS = {capabilities.RID, capabilities.REPAIRED_RID, capabilities.TRANSPORT_CC}


@pytest.mark.parametrize("name", OFFER_NAMES)
def test_what_every_answer_has(name: str) -> None:
    text = offer(name)
    offered = SessionDescription.parse(text)
    sdp = Peer().connection.answer(text).sdp
    answer = SessionDescription.parse(sdp)
    assert str(answer) == sdp
    assert answer.ice_lite
    assert [(media.kind, media.mid) for media in answer.media] == [(media.kind, media.mid) for media in offered.media]
    accepted = [(theirs, ours) for theirs, ours in zip(offered.media, answer.media, strict=True) if ours.port]
    assert [theirs.kind for theirs in offered.media] == [ours.kind for _, ours in accepted]
    assert answer.bundle == tuple(ours.mid for _, ours in accepted)
    for theirs, ours in accepted:
        if theirs.kind == "application":  # see test_data_channels
            continue
        assert ours.direction is MIRRORED[theirs.direction]
        assert set(ours.formats) <= set(theirs.formats)
        assert ours.formats == tuple(format_ for format_ in theirs.formats if format_ in ours.formats)
        assert set(ours.formats) == {str(payload_type) for payload_type in ours.rtpmaps}
        assert ours.has("rtcp-mux")
        assert ours.has("rtcp-rsize") == theirs.has("rtcp-rsize")
        assert ours.extmap_allow_mixed == theirs.extmap_allow_mixed
        assert ours.fingerprints == [CERTIFICATE.fingerprint]
        assert ours.setup == ("active" if theirs.setup == "passive" else "passive")
        assert re.fullmatch(r"[A-Za-z0-9+/]{8}", ours.ice_ufrag or "")
        assert re.fullmatch(r"[A-Za-z0-9+/]{24}", ours.ice_pwd or "")
        assert {extmap.uri for extmap in ours.extmaps} <= {extmap.uri for extmap in theirs.extmaps}
        assert (ours.port, ours.lines[1].value) == (7882, "IN IP4 192.0.2.1")
    tagged = accepted[0][1]
    assert [(each.address, each.port) for each in tagged.candidates] == [("192.0.2.1", 7882), ("2001:db8::1", 7882)]
    assert tagged.has("end-of-candidates")
    assert not any(ours.candidates for _, ours in accepted[1:])


def test_chromium_publishes_simulcast() -> None:
    peer = Peer()
    answer = peer.connection.answer(offer("chromium-send-simulcast"))
    media = media_of(answer.sdp)
    assert [(producer.mid, producer.kind, producer.rids) for producer in answer.added] == [
        ("0", "audio", []),
        ("1", "video", ["q", "h", "f"]),
        ("2", "video", []),
    ]
    assert answer.added[1].codec_names == ["VP8", "H264", "AV1", "VP9"]
    assert media["1"].value("simulcast") == "recv q;h;f"
    assert [(rid.id, rid.direction) for rid in media["1"].rids.values()] == [
        ("q", "recv"),
        ("h", "recv"),
        ("f", "recv"),
    ]
    assert media["2"].simulcast is None
    assert media["1"].feedback["96"] == {"nack", "nack pli", "ccm fir", "transport-cc"}
    assert media["0"].feedback == {"111": {"transport-cc"}}
    assert not media["1"].ssrcs
    assert answer.refused == {}
    assert media["3"].port == 7882

    [transport] = peer.worker.named("create_transport")
    extensions = transport.keywords["extensions"]
    assert extensions[capabilities.RID] == 10
    assert extensions[capabilities.DEPENDENCY_DESCRIPTOR] == 12
    assert extensions.keys() <= capabilities.PUBLISHER_EXTENSIONS
    assert transport.keywords["dtls_role"] == "server"
    assert transport.keywords["ice_ufrag"].decode() == media["0"].ice_ufrag
    assert transport.keywords["ice_pwd"].decode() == media["0"].ice_pwd
    audio, simulcast, camera = peer.worker.named("create_producer")
    assert audio.keywords["codecs"] == [(111, "opus", 48000, 0), (63, "red", 48000, 0)]
    assert media["0"].format_parameters["63"] == {"111/111": ""}
    assert audio.keywords["encodings"] == [("", 2927748513, 0)]
    assert simulcast.keywords["encodings"] == [("q", 0, 0), ("h", 0, 0), ("f", 0, 0)]
    assert simulcast.keywords["codecs"][0] == (96, "VP8", 90000, 97)
    assert camera.keywords["encodings"] == [("", 3975561486, 1902963244)]
    assert all(camera.keywords[name] for name in ("nack", "pli", "fir", "transport_cc"))
    assert (audio.keywords["nack"], audio.keywords["pli"], audio.keywords["transport_cc"]) == (False, False, True)


def test_chromium_receives() -> None:
    peer = Peer()
    answer = peer.connection.answer(offer("chromium-recvonly"))
    media = media_of(answer.sdp)
    assert [(slot.mid, slot.kind) for slot in answer.added_slots] == [("0", "audio"), ("1", "video")]
    audio, video = peer.worker.named("create_consumer")
    for section, consumer in ((media["0"], audio), (media["1"], video)):
        ssrc, rtx_ssrc = consumer.keywords["ssrc"], consumer.keywords["rtx_ssrc"]
        assert section.ssrcs.keys() == {ssrc, rtx_ssrc} - {0}
        assert all(values["cname"] == consumer.keywords["cname"] for values in section.ssrcs.values())
        assert {values["msid"] for values in section.ssrcs.values()} == {str(section.msids[0])}
        assert consumer.keywords["extensions"][capabilities.MID] == 4
        answered = {extmap.uri: extmap.id for extmap in section.extmaps}
        assert consumer.keywords["extensions"].items() <= answered.items()
        # Agreed for the sake of m-lines that send, later; nothing that is sent here carries them.
        assert answered.keys() - consumer.keywords["extensions"].keys() <= SENDERS_EXTENSIONS
        assert consumer.keywords["two_byte"] is True
    assert {extmap.uri for extmap in media["1"].extmaps} >= SENDERS_EXTENSIONS
    assert audio.keywords["rtx_ssrc"] == 0
    assert [group.ssrcs for group in media["1"].ssrc_groups] == [(video.keywords["ssrc"], video.keywords["rtx_ssrc"])]
    # Bandwidth towards subscribers is not estimated yet, so no feedback for it is asked for.
    assert media["1"].feedback["96"] == {"nack", "nack pli", "ccm fir"}
    # A player of one source expects one MediaStream.
    assert media["0"].msids[0].stream == media["1"].msids[0].stream


def test_firefox_turns_its_extension_directions_around() -> None:
    answer = Peer().connection.answer(offer("firefox"))
    media = media_of(answer.sdp)
    directions = {extmap.uri: extmap.direction for extmap in media["1"].extmaps}
    assert directions[capabilities.DEPENDENCY_DESCRIPTOR] == "recvonly"
    assert directions[capabilities.RID] == "recvonly"
    assert directions[capabilities.MID] == ""
    assert capabilities.PLAYOUT_DELAY not in directions  # it only wants to receive that one
    assert answer.added[1].rids == ["q", "h", "f"]
    assert answer.added[1].codec_names == ["VP8", "VP9", "AV1"]
    # Of a stream with a rid the SSRC is learnt: SDP does not say which is which.
    assert all(encoding.ssrc == 0 for encoding in answer.added[1].parameters.encodings)


def test_firefox_in_a_call_sends_simulcast_and_has_bundle_only_slots() -> None:
    answer = Peer().connection.answer(offer("firefox-call"))
    media = media_of(answer.sdp)
    assert [(producer.mid, producer.rids) for producer in answer.added] == [("0", []), ("1", ["q", "h", "f"])]
    assert [slot.parameters.mid for slot in answer.added_slots] == ["2", "3"]
    assert answer.refused == {}  # m-lines with port 0 are bundle-only (RFC 9143 §6), not given up
    assert all(section.port for section in media.values())


@pytest.mark.parametrize("name", ["gstreamer-send", "gstreamer-recv"])
def test_gstreamers_port_zero_is_no_refusal(name: str) -> None:
    answer = Peer().connection.answer(offer(name))
    assert answer.refused == {}
    assert len(answer.added or answer.added_slots) == 2
    assert "OPUS/48000/2" in answer.sdp


def test_ffmpeg_wants_to_be_the_dtls_server() -> None:
    peer = Peer()
    answer = peer.connection.answer(offer("ffmpeg-whip"))
    [transport] = peer.worker.named("create_transport")
    assert transport.keywords["dtls_role"] == "client"
    assert transport.keywords["extensions"] == {}
    _, video = peer.worker.named("create_producer")
    assert video.keywords["codecs"] == [(106, "H264", 90000, 105)]
    [encoding] = video.keywords["encodings"]
    assert encoding[1] + 1 == encoding[2]  # its RTX SSRC stands in the FID group alone
    assert (video.keywords["nack"], video.keywords["pli"], video.keywords["transport_cc"]) == (True, False, False)
    assert media_of(answer.sdp)["1"].feedback == {"106": {"nack"}}


@pytest.mark.parametrize(
    ("publisher", "subscriber", "payload_types"),
    [
        ("ffmpeg-whip", "chromium-recvonly", [(106, 102, 103)]),
        ("ffmpeg-whip", "aiortc-recv", [(106, 99, 100)]),
        ("ffmpeg-whip-high", "chromium-recvonly", [(106, 41, 42)]),  # as High 4:4:4, which includes High
        ("ffmpeg-whip-high", "aiortc-recv", None),
        ("firefox", "gstreamer-recv", [(120, 96, 0)]),
        ("firefox", "werift-recv", [(120, 98, 0)]),
        ("gstreamer-send", "chromium-recvonly", [(96, 96, 97)]),
        ("ffmpeg-whip", "werift-recv", None),
    ],
)
def test_who_can_see_whom(publisher: str, subscriber: str, payload_types: list[tuple[int, int, int]] | None) -> None:
    sender = Peer()
    receiver = sender.neighbour()
    [producer] = [each for each in sender.connection.answer(offer(publisher)).added if each.kind == "video"]
    [slot] = [each for each in receiver.connection.answer(offer(subscriber)).added_slots if each.kind == "video"]
    assert slot.can_receive(producer) is (payload_types is not None)
    if payload_types is not None:
        sender.worker.take()
        slot.connect(producer)
        [connect] = sender.worker.take()
        assert connect.name == "connect_consumer"
        assert connect.arguments[1:] == (producer.id, payload_types)


def test_aiortc_sends_and_receives_on_one_m_line() -> None:
    answer = Peer().connection.answer(offer("aiortc-send"))
    media = media_of(answer.sdp)
    assert [producer.mid for producer in answer.added] == [slot.mid for slot in answer.added_slots] == ["0", "1"]
    assert {extmap.uri for extmap in media["0"].extmaps} == {capabilities.MID, capabilities.AUDIO_LEVEL}


def test_werifts_ids_that_differ_between_m_lines() -> None:
    """The same extension has another id in every m-line; the transport knows it by the first."""
    peer = Peer()
    media = media_of(peer.connection.answer(offer("werift-send")).sdp)
    [transport] = peer.worker.named("create_transport")
    assert transport.keywords["extensions"][capabilities.MID] == 1
    assert capabilities.MID in {extmap.uri for extmap in media["0"].extmaps}
    assert capabilities.MID not in {extmap.uri for extmap in media["1"].extmaps}
    receiver = Peer()
    receiver.connection.answer(offer("werift-recv"))
    ids = [consumer.keywords["extensions"][capabilities.MID] for consumer in receiver.worker.named("create_consumer")]
    assert ids == [1, 3]
