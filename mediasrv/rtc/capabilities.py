"""What the server forwards: codecs and their formats, feedback, header extensions (the capabilities of ORTC).

The server neither encodes nor decodes. A codec is shared if it is offered and named here, with whatever profile was
offered; whether a subscriber can decode what a publisher sends is decided per pair, by `CodecFormat.decodes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mediasrv.rtc import h264
from mediasrv.rtc.sdp import MediaDescription
from mediasrv.rtc.sdp_attributes import RtpMap

CODEC_NAMES: Final = {"audio": ("opus",), "video": ("VP8", "VP9", "H264", "AV1")}
RED: Final = "red"
"""RFC 2198, of Opus alone: packets repeat what earlier ones carried."""
_CANONICAL: Final = {name.lower(): (kind, name) for kind, names in CODEC_NAMES.items() for name in names}

# RFC 5761 §4: with rtcp-mux these would be taken for RTCP.
_RTCP_PAYLOAD_TYPES: Final = range(64, 96)

AUDIO_FEEDBACK: Final = frozenset({"nack", "transport-cc"})
VIDEO_FEEDBACK: Final = frozenset({"nack", "nack pli", "ccm fir", "transport-cc"})

# fmtp parameters of an offer that the answer repeats: those that name the format.
_FORMAT_PARAMETERS: Final = {
    "VP8": (),
    "VP9": ("profile-id",),
    "H264": ("level-asymmetry-allowed", "packetization-mode", "profile-level-id"),
    "AV1": ("profile", "level-idx", "tier"),
}

MID: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID: Final = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID: Final = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
TRANSPORT_CC: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
VIDEO_ORIENTATION: Final = "urn:3gpp:video-orientation"
PLAYOUT_DELAY: Final = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
VIDEO_CONTENT_TYPE: Final = "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type"
COLOR_SPACE: Final = "http://www.webrtc.org/experiments/rtp-hdrext/color-space"
DEPENDENCY_DESCRIPTOR: Final = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
ABS_CAPTURE_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"

# What is passed on from publisher to subscriber; MID is written anew.
_FORWARDED: Final = frozenset(
    {
        MID,
        AUDIO_LEVEL,
        VIDEO_ORIENTATION,
        PLAYOUT_DELAY,
        VIDEO_CONTENT_TYPE,
        COLOR_SPACE,
        DEPENDENCY_DESCRIPTOR,
        ABS_CAPTURE_TIME,
    }
)
SUBSCRIBER_EXTENSIONS: Final = _FORWARDED
PUBLISHER_EXTENSIONS: Final = _FORWARDED | {RID, REPAIRED_RID, TRANSPORT_CC}


@dataclass(frozen=True, slots=True)
class CodecFormat:
    """What a stream is, whatever its payload type: two formats that are equal are interchangeable."""

    name: str
    clock_rate: int
    channels: int = 1
    profile: str = ""
    """VP9 `profile-id`, AV1 `profile`, the name of the H.264 profile, the payload type of the blocks of RED."""
    packetization_mode: int = 0
    """RFC 6184 §6.2: 0 or 1."""

    def decodes(self, stream: CodecFormat) -> bool:
        """Whether a receiver of this format can take a stream of another one."""
        if self.name != "H264" or stream.name != "H264":
            return self == stream
        # Packets of mode 0 are a subset of those of mode 1.
        return h264.decodes(self.profile, stream.profile) and self.packetization_mode >= stream.packetization_mode


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec of an m-line that both sides share, with the payload types of the offer."""

    rtpmap: RtpMap
    format: CodecFormat
    parameters: tuple[tuple[str, str], ...]
    """fmtp of the answer: names with their values, or names alone."""
    feedback: frozenset[str]
    """rtcp-fb kinds that both sides know."""
    rtx_payload_type: int = 0
    """0: no retransmissions (RFC 4588) for it."""

    @property
    def payload_type(self) -> int:
        return self.rtpmap.payload_type

    @property
    def meaning(self) -> tuple[int, CodecFormat, int]:
        """What its payload types stand for in packets; preference, feedback and fmtp details aside."""
        return self.payload_type, self.format, self.rtx_payload_type


def shared_codecs(media: MediaDescription) -> list[Codec]:
    """The codecs of an m-line that the server forwards, in the offer's order of preference."""
    rtpmaps, parameters, feedback = media.rtpmaps, media.format_parameters, media.feedback
    supported_feedback = AUDIO_FEEDBACK if media.kind == "audio" else VIDEO_FEEDBACK
    rtx = _rtx_payload_types(media, rtpmaps, parameters)
    codecs = []
    for rtpmap in _offered(media, rtpmaps):
        fmtp = parameters.get(str(rtpmap.payload_type), {})
        format_ = _format(media.kind, rtpmap, fmtp)
        if format_ is None:
            continue
        kinds = feedback.get(str(rtpmap.payload_type), set()) | feedback.get("*", set())
        codecs.append(
            Codec(
                rtpmap=rtpmap,
                format=format_,
                parameters=_answer_parameters(format_, fmtp),
                feedback=supported_feedback & kinds,
                rtx_payload_type=rtx.get((str(rtpmap.payload_type), rtpmap.clock_rate), 0),
            )
        )
    return _without_strange_red(codecs)


def names(codecs: Iterable[Codec]) -> list[str]:
    """The different codec names, in order. RED is none: it is a way to send Opus."""
    return list(dict.fromkeys(codec.format.name for codec in codecs if codec.format.name != RED))


def _offered(media: MediaDescription, rtpmaps: Mapping[int, RtpMap]) -> Iterable[RtpMap]:
    """Rtpmaps of the m-line's payload types, each once, in order; static types without one are not of interest."""
    by_text = {str(payload_type): rtpmap for payload_type, rtpmap in rtpmaps.items()}
    for format_ in dict.fromkeys(media.formats):
        rtpmap = by_text.get(format_)
        if rtpmap is not None and rtpmap.payload_type not in _RTCP_PAYLOAD_TYPES:
            yield rtpmap


def _rtx_payload_types(
    media: MediaDescription, rtpmaps: Mapping[int, RtpMap], parameters: Mapping[str, Mapping[str, str]]
) -> dict[tuple[str, int], int]:
    """RTX payload type by (the payload type it repairs, clock rate): RFC 4588 §8.1."""
    found: dict[tuple[str, int], int] = {}
    for rtpmap in _offered(media, rtpmaps):
        if rtpmap.encoding.lower() == "rtx":
            repaired = parameters.get(str(rtpmap.payload_type), {}).get("apt", "")
            found.setdefault((repaired, rtpmap.clock_rate), rtpmap.payload_type)
    return found


def _format(kind: str, rtpmap: RtpMap, fmtp: Mapping[str, str]) -> CodecFormat | None:
    """None: not forwarded. Names of codecs are compared without case: GStreamer writes OPUS."""
    if rtpmap.encoding.lower() == RED:
        return _red(kind, rtpmap, fmtp)
    codec_kind, name = _CANONICAL.get(rtpmap.encoding.lower(), ("", ""))
    if codec_kind != kind:
        return None
    if name == "opus":
        # RFC 7587 §7: always this clock and two channels, even for mono.
        return CodecFormat(name, 48000, 2) if (rtpmap.clock_rate, rtpmap.channels) == (48000, 2) else None
    if rtpmap.clock_rate != 90000:
        return None
    if name == "H264":
        profile = h264.profile(fmtp.get("profile-level-id", h264.DEFAULT_PROFILE_LEVEL_ID))
        mode = fmtp.get("packetization-mode", "0")
        return CodecFormat(name, 90000, 1, profile, int(mode)) if profile and mode in ("0", "1") else None
    if name in ("VP9", "AV1"):
        # RFC 9628 §6, AV1 RTP §7.2.1: profile 0 where the offer says nothing.
        profile = fmtp.get("profile-id" if name == "VP9" else "profile", "0")
        return CodecFormat(name, 90000, 1, profile) if profile in ("0", "1", "2", "3") else None
    return CodecFormat(name, 90000)


def _red(kind: str, rtpmap: RtpMap, fmtp: Mapping[str, str]) -> CodecFormat | None:
    """RFC 2198 §5: the fmtp is one payload type for each block, which here are all the same."""
    blocks = next(iter(fmtp), "").split("/")
    if kind != "audio" or (rtpmap.clock_rate, rtpmap.channels) != (48000, 2) or len(set(blocks)) != 1:
        return None
    return CodecFormat(RED, 48000, 2, blocks[0]) if blocks[0].isdecimal() and blocks[0].isascii() else None


def _without_strange_red(codecs: Sequence[Codec]) -> list[Codec]:
    """RED is taken around a payload type of Opus that is taken itself."""
    opus = {str(codec.payload_type) for codec in codecs if codec.format.name == "opus"}
    return [codec for codec in codecs if codec.format.name != RED or codec.format.profile in opus]


def _answer_parameters(format_: CodecFormat, fmtp: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    if format_.name == RED:
        return ((f"{format_.profile}/{format_.profile}", ""),)
    if format_.name != "opus":
        return _repeated(_FORMAT_PARAMETERS[format_.name], fmtp)
    # RFC 7587 §6.1: what we would like to receive, where the peer has it.
    parameters = _repeated(("minptime", "useinbandfec", "usedtx"), fmtp)
    stereo = "1" in (fmtp.get("stereo"), fmtp.get("sprop-stereo"))
    return (*parameters, ("stereo", "1")) if stereo else parameters


def _repeated(names: Iterable[str], fmtp: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, fmtp[name]) for name in names if fmtp.get(name, "").isalnum() and fmtp[name].isascii())
