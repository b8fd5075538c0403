"""What the lines of a description mean."""

from __future__ import annotations

import pytest
from peers import media_of, offer

from mediasrv.rtc.errors import SdpError
from mediasrv.rtc.sdp import MAX_MEDIA, Direction, MediaDescription, SessionDescription
from mediasrv.rtc.sdp_attributes import Candidate, ExtMap, Msid, SimulcastRid, SsrcGroup

SESSION = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"


def media(*attributes: str, session: str = "") -> MediaDescription:
    text = SESSION + session + "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n" + "".join(f"a={a}\r\n" for a in attributes)
    return SessionDescription.parse(text).media[0]


def test_session_lines_are_inherited() -> None:
    section = media_of(offer("firefox"))["1"]
    assert section.fingerprints[0].digest.hex().startswith("4283e0ca")
    assert section.ice_options == ("trickle",)
    assert section.setup == "actpass"
    assert section.direction is Direction.SENDONLY
    other = media(session="a=recvonly\r\na=setup:passive\r\na=extmap-allow-mixed\r\na=extmap:3 urn:x\r\n")
    assert (other.direction, other.setup, other.extmap_allow_mixed) == (Direction.RECVONLY, "passive", True)
    assert other.extmaps == [ExtMap(3, "urn:x")]


def test_own_lines_win_over_the_session() -> None:
    section = media(
        "inactive", "setup:active", "ice-ufrag:mine", session="a=sendonly\r\na=setup:passive\r\na=ice-ufrag:x\r\n"
    )
    assert (section.direction, section.setup, section.ice_ufrag) == (Direction.INACTIVE, "active", "mine")


def test_without_a_direction_it_is_sendrecv() -> None:
    assert media().direction is Direction.SENDRECV


def test_simulcast_with_alternatives_and_paused_streams() -> None:
    simulcast = media("simulcast:send 1,~4;~2;3 recv 5").simulcast
    assert simulcast is not None
    assert simulcast.send == (
        (SimulcastRid("1"), SimulcastRid("4", paused=True)),
        (SimulcastRid("2", paused=True),),
        (SimulcastRid("3"),),
    )
    assert simulcast.recv == ((SimulcastRid("5"),),)


def test_rids_with_restrictions() -> None:
    rids = media("rid:f send pt=96,97;max-width=1280", "rid:q recv").rids
    assert rids["f"].payload_types == (96, 97)
    assert rids["f"].restrictions == "pt=96,97;max-width=1280"
    assert (rids["q"].direction, rids["q"].payload_types) == ("recv", ())


def test_codec_lines() -> None:
    section = media("rtpmap:96 VP8/90000", "rtpmap:111 OPUS/48000/2", "fmtp:96 Max-FR=30; x ;apt=95", "fmtp:101 0-15")
    assert (section.rtpmaps[96].channels, section.rtpmaps[111].channels) == (1, 2)
    assert section.rtpmaps[111].encoding == "OPUS"
    assert section.format_parameters == {"96": {"max-fr": "30", "x": "", "apt": "95"}, "101": {"0-15": ""}}


def test_feedback_for_one_and_for_all_formats() -> None:
    assert media("rtcp-fb:96 nack", "rtcp-fb:96 nack  pli", "rtcp-fb:* ccm fir").feedback == {
        "96": {"nack", "nack pli"},
        "*": {"ccm fir"},
    }


def test_extmaps_with_direction_and_attributes() -> None:
    section = media("extmap:2/recvonly urn:a", "extmap:4097 urn:b long form", "extmap:1 urn:c")
    assert section.extmaps == [
        ExtMap(2, "urn:a", "recvonly"),
        ExtMap(4097, "urn:b", attributes="long form"),
        ExtMap(1, "urn:c"),
    ]


def test_ssrcs_and_their_groups() -> None:
    section = media("ssrc-group:FID 1 4294967295", "ssrc:1 cname:a:b", "ssrc:1 msid:s t", "ssrc:4294967295 cname:c")
    assert section.ssrcs == {1: {"cname": "a:b", "msid": "s t"}, 4294967295: {"cname": "c"}}
    assert section.ssrc_groups == [SsrcGroup("FID", (1, 4294967295))]
    assert section.msids == [Msid("s", "t")]  # GStreamer writes it only there


def test_candidates_and_those_that_are_none_of_ours() -> None:
    section = media(
        "candidate:1 1 UDP 2015364095 127.0.0.1 51625 typ host",
        "candidate:2 1 tcp 1015022591 ::1 9 typ host tcptype active generation 0",
        "candidate:3 1 dccp 1 host.local 9 typ host",
    )
    udp, tcp = section.candidates
    assert (udp.protocol, udp.address, udp.port, udp.priority) == ("udp", "127.0.0.1", 51625, 2015364095)
    assert (tcp.address, tcp.extensions) == ("::1", "tcptype active generation 0")
    assert str(tcp) == "2 1 tcp 1015022591 ::1 9 typ host tcptype active generation 0"
    assert str(Candidate.host("192.0.2.1", 7882, 1)) == "2 1 udp 2130706175 192.0.2.1 7882 typ host"


def test_fingerprints_of_unknown_hashes_are_left_out() -> None:
    section = media("fingerprint:md5 00:11", "fingerprint:SHA-1 " + ":".join(["aB"] * 20))
    assert [(item.algorithm, item.digest) for item in section.fingerprints] == [("sha-1", b"\xab" * 20)]


def test_bandwidth_and_sctp_port() -> None:
    text = (
        SESSION + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nb=AS:30\r\nb=TIAS:30000\r\na=sctp-port:5000\r\n"
    )
    section = SessionDescription.parse(text).media[0]
    assert (section.bandwidths, section.sctp_port) == ({"AS": 30, "TIAS": 30000}, 5000)


def test_the_first_bundle_group_counts() -> None:
    text = SESSION.replace("t=0 0\r\n", "t=0 0\r\na=group:LS 1 2\r\na=group:BUNDLE a b\r\na=group:BUNDLE c\r\n")
    assert SessionDescription.parse(text).bundle == ("a", "b")
    assert SessionDescription.parse(SESSION).bundle is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "empty"),
        ("hello", 1, "'hello' is not of the form"),
        ("o=- 1 1 IN IP4 0.0.0.0\r\n", 1, "begins with 'v=0'"),
        ("v=1\r\n", 1, "begins with 'v=0'"),
        ("v=0\r\ns=-\r\n", 0, "no 'o=' line"),
        (SESSION + "\r\na=x\r\n", 5, "empty line"),
        (SESSION + "m=audio\r\n", 5, "is not 'm=MEDIA"),
        (SESSION + "m=audio 65536 UDP 1\r\n", 5, "above 65535"),
        (SESSION + "a=x\ry\r\n", 5, "carriage return"),
        (SESSION + "a=\0\r\n", 5, "zero byte"),
        (SESSION + "a=" + "x" * 9000, 5, "longer than"),
        (SESSION + "a=x\r\n" * 40000, 0, "lines"),
        ("v" * (1 << 21), 0, "characters"),
        (SESSION + "m=audio 9 X 1\r\n" * (MAX_MEDIA + 1), MAX_MEDIA + 5, "m-lines"),
    ],
)
def test_text_that_is_no_description(text: str, line: int, words: str) -> None:
    with pytest.raises(SdpError, match=words) as caught:
        SessionDescription.parse(text)
    assert caught.value.line == line
    assert caught.value.code == "bad_sdp"


@pytest.mark.parametrize(
    ("attribute", "accessor"),
    [
        ("mid:a b", "mid"),
        ("mid:", "mid"),
        ("setup:later", "setup"),
        ("fingerprint:sha-256 00:11", "fingerprints"),
        ("rtpmap:128 VP8/90000", "rtpmaps"),
        ("rtpmap:96", "rtpmaps"),
        ("rtcp-fb:96", "feedback"),
        ("extmap:urn:x", "extmaps"),
        ("extmap:1/up urn:x", "extmaps"),
        ("rid:a both", "rids"),
        ("rid:a send pt=x", "rids"),
        ("simulcast:send", "simulcast"),
        ("simulcast:send a;;b", "simulcast"),
        ("simulcast:send a send b", "simulcast"),
        ("ssrc:4294967296 cname:x", "ssrcs"),
        ("ssrc-group:FID x", "ssrc_groups"),
        ("ssrc-group:", "ssrc_groups"),
        ("msid:a b c", "msids"),
        ("candidate:1 1 udp", "candidates"),
        ("sctp-port:65536", "sctp_port"),
        ("fmtp:", "format_parameters"),
    ],
)
def test_lines_that_cannot_be_read_name_themselves(attribute: str, accessor: str) -> None:
    with pytest.raises(SdpError, match="SDP line 6: ") as caught:
        getattr(media(attribute), accessor)
    assert caught.value.line == 6
