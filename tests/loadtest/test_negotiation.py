"""The offers of synthetic peers, and what they make of the answers of servers of any kind."""

from __future__ import annotations

import pytest
from mediaplane.loadgen.media import VideoSource

from mediasrv.loadtest.answer import read_answer
from mediasrv.loadtest.errors import RefusedError
from mediasrv.loadtest.offer import Receiving, sendings, write_offer
from mediasrv.loadtest.scenario import Scenario
from mediasrv.rtc.capabilities import MID, RID
from mediasrv.rtc.certificate import Certificate
from mediasrv.rtc.ice import IceCredentials
from mediasrv.rtc.sdp import SessionDescription

CERTIFICATE = Certificate.generate()
CREDENTIALS = IceCredentials.generate()
SIMULCAST = Scenario(simulcast=True)
HOST = "candidate:1 1 udp 2130706431 192.0.2.7 7882 typ host"


def answer(*media: tuple[str, ...], transport: tuple[str, ...] = (HOST,)) -> str:
    """Of a server: an m-line each of `media`, a kind and the attributes; `rejected` is one of them, too."""
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite"]
    for mid, (kind, *attributes) in enumerate(media):
        port = 0 if "rejected" in attributes else 9
        payload_type = 111 if kind == "audio" else 96
        lines += [f"m={kind} {port} UDP/TLS/RTP/SAVPF {payload_type}", f"a=mid:{mid}", "a=ice-ufrag:theirs"]
        lines += ["a=ice-pwd:" + "p" * 24, f"a=fingerprint:{CERTIFICATE.fingerprint}", "a=setup:passive"]
        lines += [f"a={each}" for each in (*transport, *attributes) if each != "rejected"]
    return "\r\n".join(lines) + "\r\n"


def read(text, lines, host=""):
    return read_answer(text, lines, CREDENTIALS, None, host)


def test_a_publishers_offer_announces_its_ssrcs_or_its_rids():
    plain = SessionDescription.parse(write_offer(sendings(Scenario()), CREDENTIALS, CERTIFICATE))
    assert [media.kind for media in plain.media] == ["audio", "video"]
    assert all(len(media.ssrcs) == 1 and not media.rids for media in plain.media)
    simulcast = SessionDescription.parse(write_offer(sendings(SIMULCAST), CREDENTIALS, CERTIFICATE))
    video = simulcast.media[1]
    assert list(video.rids) == ["q", "h", "f"]
    assert [alternatives[0].id for alternatives in video.simulcast.send] == ["q", "h", "f"]
    assert video.ssrcs == {}
    assert RID in {extension.uri for extension in video.extmaps}


def test_encodings_that_the_server_takes_become_sources_with_their_rids():
    lines = sendings(SIMULCAST)
    attributes = ("recvonly", f"extmap:1 {MID}", f"extmap:4 {RID}", "rid:q recv", "rid:f recv", "simulcast:recv q;f")
    negotiated = read(answer(("audio", "recvonly"), ("video", *attributes)), lines)
    video = [source for source in negotiated.sources(SIMULCAST) if isinstance(source, VideoSource)]
    assert [(source.rid, source.bitrate_bps) for source in video] == [("q", 150_000), ("f", 1_500_000)]
    assert {source.mid for source in video} == {"1"}
    assert len({source.ssrc for source in video}) == 2


def test_a_server_without_simulcast_gets_the_highest_encoding():
    negotiated = read(answer(("audio", "recvonly"), ("video", "recvonly")), sendings(SIMULCAST))
    (_, video) = negotiated.sources(SIMULCAST)
    assert (video.rid, video.bitrate_bps) == ("", 1_500_000)


def test_streams_have_the_announced_ssrc_and_not_that_of_their_repair():
    media = ("video", "sendonly", "ssrc-group:FID 77 78", "ssrc:78 cname:c", "ssrc:77 cname:c", f"extmap:3 {MID}")
    (stream,) = read(answer(media), [Receiving("video")]).streams
    assert (stream.ssrc, stream.mid, stream.mid_id, stream.payload_type) == (77, "0", 3, 96)


def test_without_an_announced_ssrc_it_is_to_be_learned():
    (stream,) = read(answer(("audio", "sendonly")), [Receiving("audio")]).streams
    assert (stream.ssrc, stream.mid_id) == (0, 0)


def test_of_several_candidates_the_one_at_the_host_of_signaling_is_taken():
    other = "candidate:2 1 udp 2130706430 198.51.100.9 7000 typ host"
    tcp = "candidate:3 1 tcp 2130706439 192.0.2.7 9 typ host tcptype passive"
    local = "candidate:4 1 udp 2130706439 4711.local 7000 typ host"
    text = answer(("audio", "sendonly"), transport=(tcp, local, HOST, other))
    lines = [Receiving("audio")]
    assert read(text, lines).connection.address == "192.0.2.7"
    assert read(text, lines, "198.51.100.9").connection.port == 7000


def test_the_dtls_role_is_what_the_server_leaves():
    text = answer(("audio", "sendonly"))
    assert read(text, [Receiving("audio")]).connection.dtls_role == "client"
    assert read(text.replace("passive", "active"), [Receiving("audio")]).connection.dtls_role == "server"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<html>not found</html>", "cannot be read"),
        (answer(("audio", "sendonly"), ("audio", "sendonly")), "1 m-lines and the server's answer 2"),
        (answer(("audio", "rejected")), "rejects every m-line"),
        (answer(("audio", "sendonly"), transport=()), "no ICE candidate"),
        (answer(("audio", "sendonly"), transport=("candidate:1 1 udp 1 x.local 9 typ host",)), "no UDP candidate"),
        (answer(("audio", "sendonly")).replace("a=ice-pwd", "a=x"), "lacks ICE credentials"),
    ],
)
def test_an_answer_that_is_no_use_is_explained(text, problem):
    with pytest.raises(RefusedError, match=problem):
        read(text, [Receiving("audio")])


def test_a_publisher_that_is_not_taken_whole_is_refused():
    with pytest.raises(RefusedError, match="does not take the publisher's video"):
        read(answer(("audio", "recvonly"), ("video", "rejected")), sendings(Scenario()))
