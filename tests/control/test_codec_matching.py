"""Which codecs of an m-line are shared, and how a publisher's payload types become a subscriber's."""

from __future__ import annotations

import pytest

from mediasrv.rtc.capabilities import names, shared_codecs
from mediasrv.rtc.codec_set import CodecSet, map_payload_types
from mediasrv.rtc.policy import ANYTHING
from mediasrv.rtc.sdp import SessionDescription


def codecs(*lines: str, kind: str = "video", formats: str = "") -> CodecSet:
    """The shared codecs of an m-line; `96 VP8/90000 param=1` stands for an rtpmap and its fmtp."""
    text = "v=0\r\no=x\r\n"
    attributes, offered = "", []
    for line in lines:
        number, rtpmap, *fmtp = line.split(" ", 2)
        offered.append(number)
        attributes += f"a=rtpmap:{number} {rtpmap}\r\n" + "".join(f"a=fmtp:{number} {each}\r\n" for each in fmtp)
    text += f"m={kind} 9 UDP/TLS/RTP/SAVPF {formats or ' '.join(offered)}\r\n{attributes}"
    return CodecSet(shared_codecs(SessionDescription.parse(text).media[0]))


def h264(number: int, profile_level_id: str, mode: int = 1, rtx: bool = True) -> list[str]:
    lines = [f"{number} H264/90000 packetization-mode={mode};profile-level-id={profile_level_id}"]
    return [*lines, f"{number + 1} rtx/90000 apt={number}"] if rtx else lines


@pytest.mark.parametrize(
    ("fmtp", "taken"), [("111/111", True), ("111", True), ("111/112", False), ("112/112", False), ("", False)]
)
def test_red_is_shared_around_one_payload_type_of_opus(fmtp: str, taken: bool) -> None:
    shared = codecs("111 opus/48000/2", f"63 red/48000/2 {fmtp}".rstrip(), kind="audio")
    assert [codec.payload_type for codec in shared] == [111, 63][: 1 + taken]
    assert names(shared) == ["opus"], "a track's codec is Opus either way"
    assert ANYTHING.allowed("audio", shared.codecs) == list(shared)


def test_red_is_passed_on_only_where_its_blocks_mean_the_same() -> None:
    sent = codecs("111 opus/48000/2", "63 red/48000/2 111/111", kind="audio")
    same = codecs("111 opus/48000/2", "60 red/48000/2 111/111", kind="audio")
    other = codecs("109 opus/48000/2", "63 red/48000/2 109/109", kind="audio")
    assert map_payload_types(sent, same) == [(111, 111, 0), (63, 60, 0)]
    assert map_payload_types(sent, other) == [(111, 109, 0)]


def test_names_are_compared_without_case() -> None:
    assert names(codecs("96 vp8/90000", "98 Av1/90000")) == ["VP8", "AV1"]
    assert names(codecs("111 OPUS/48000/2", kind="audio")) == ["opus"]


@pytest.mark.parametrize(
    "line",
    [
        "0 PCMU/8000",
        "96 opus/48000",  # RFC 7587 §7: always two channels
        "96 opus/16000/2",
        "63 red/48000/2 111/111",  # around what is not there
        "96 VP8/90000",  # of the other kind
        "72 opus/48000/2",  # taken for RTCP
    ],
)
def test_what_is_not_shared_as_audio(line: str) -> None:
    assert not codecs(line, kind="audio")


@pytest.mark.parametrize(
    "line",
    [
        "96 VP8/48000",
        "96 H264/90000 packetization-mode=2;profile-level-id=42e01f",
        "96 H264/90000 profile-level-id=nonsense",
        "96 VP9/90000 profile-id=x",
        "96 AV1/90000 profile=9",
        "96 ulpfec/90000",
        "96 H265/90000",
        "80 VP8/90000",
    ],
)
def test_what_is_not_shared_as_video(line: str) -> None:
    assert not codecs(line)


def test_the_order_is_the_m_lines_order() -> None:
    assert [codec.payload_type for codec in codecs("96 VP8/90000", "98 VP9/90000", formats="98 96 98 97")] == [98, 96]


def test_each_codec_has_its_rtx() -> None:
    shared = codecs(
        "96 VP8/90000", "97 rtx/90000 apt=96", "98 VP9/90000", "99 rtx/90000 apt=xyz", "100 rtx/90000 apt=98"
    )
    assert [(codec.payload_type, codec.rtx_payload_type) for codec in shared] == [(96, 97), (98, 100)]


def test_formats_without_parameters_have_their_defaults() -> None:
    assert map_payload_types(codecs("96 VP9/90000"), codecs("98 VP9/90000 profile-id=0")) == [(96, 98, 0)]
    assert map_payload_types(codecs("96 AV1/90000"), codecs("98 AV1/90000 profile=0;level-idx=5;tier=1")) == [
        (96, 98, 0)
    ]
    # RFC 6184 §8.1: Baseline, packetization mode 0.
    assert (
        codecs("96 H264/90000")[0].format
        == codecs("97 H264/90000 profile-level-id=42000a;packetization-mode=0")[0].format
    )


def test_profiles_of_vp9_and_av1_are_kept_apart() -> None:
    sent = codecs("98 VP9/90000 profile-id=0", "100 VP9/90000 profile-id=2", "45 AV1/90000 profile=1")
    received = codecs("35 VP9/90000 profile-id=2", "36 rtx/90000 apt=35", "40 AV1/90000 profile=0")
    assert map_payload_types(sent, received) == [(100, 35, 36)]


def test_all_shared_codecs_are_mapped() -> None:
    sent = codecs("96 VP8/90000", "97 rtx/90000 apt=96", *h264(102, "42e01f"), "98 VP9/90000")
    received = codecs(*h264(40, "42e034"), "120 VP8/90000")
    assert map_payload_types(sent, received) == [(96, 120, 0), (102, 40, 41)]


def test_h264_prefers_the_same_profile_and_takes_a_wider_one() -> None:
    sent = codecs(*h264(102, "42e01f", rtx=False))
    assert map_payload_types(sent, codecs(*h264(35, "64001f"), *h264(37, "42e01f"))) == [(102, 37, 38)]
    assert map_payload_types(sent, codecs(*h264(35, "64001f"))) == [(102, 35, 36)]
    assert map_payload_types(codecs(*h264(102, "64001f")), codecs(*h264(35, "42e01f"))) == []


def test_h264_packets_of_mode_0_fit_a_receiver_of_mode_1_and_not_the_other_way() -> None:
    mode0, mode1 = codecs(*h264(102, "42e01f", 0)), codecs(*h264(104, "42e01f", 1))
    assert map_payload_types(mode0, mode1) == [(102, 104, 105)]
    assert map_payload_types(mode1, mode0) == []


def test_feedback_is_what_both_know() -> None:
    text = (
        "v=0\r\no=x\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 98\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:98 VP9/90000\r\n"
        "a=rtcp-fb:* nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:98 ccm fir\r\n"
    )
    vp8, vp9 = shared_codecs(SessionDescription.parse(text).media[0])
    assert (vp8.feedback, vp9.feedback) == ({"nack", "nack pli"}, {"nack", "ccm fir"})
