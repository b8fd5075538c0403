"""Python views on the wire formats, for tests. A negative native status is raised as `MediaPlaneError`."""

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from mediaplane.wire.codecs import Codec
from mediaplane.wire.rtp_extensions import ExtensionKind

class RtpHeader(TypedDict):
    ssrc: int
    timestamp: int
    seq16: int
    header_size: int
    extension_offset: int
    extension_size: int
    extension_profile: int
    payload_type: int
    marker: int
    csrc_count: int
    padded: int

class SenderInfo(TypedDict):
    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int

class ReportBlock(TypedDict):
    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_seq: int
    jitter: int
    last_sr: int
    delay_since_last_sr: int

class Vp8Descriptor(TypedDict):
    size: int
    start_of_partition: int
    partition: int
    has_picture_id: int
    wide_picture_id: int
    picture_id_offset: int
    picture_id: int
    has_tl0picidx: int
    tl0picidx_offset: int
    tl0picidx: int
    has_temporal_layer: int
    temporal_layer: int
    layer_sync: int
    keyframe: int

class Vp9Descriptor(TypedDict):
    size: int
    has_picture_id: int
    wide_picture_id: int
    picture_id_offset: int
    inter_picture: int
    picture_id: int
    has_layers: int
    temporal_layer: int
    switching_up: int
    spatial_layer: int
    inter_layer: int
    flexible: int
    has_tl0picidx: int
    tl0picidx_offset: int
    tl0picidx: int
    start_of_frame: int
    end_of_frame: int
    has_structure: int
    spatial_layers: int
    not_reference: int
    keyframe: int

class Av1AggregationHeader(TypedDict):
    continues: int
    to_be_continued: int
    element_count: int
    starts_sequence: int

class RtcpPacket(TypedDict):
    packet_type: int
    count: int
    size: int
    sender_info: NotRequired[SenderInfo]  # SR
    report_blocks: NotRequired[list[ReportBlock]]  # SR, RR
    sources: NotRequired[list[int]]  # BYE
    sender_ssrc: NotRequired[int]  # RTPFB, PSFB
    media_ssrc: NotRequired[int]
    lost: NotRequired[list[int]]  # generic NACK
    fir: NotRequired[list[tuple[int, int]]]  # FIR: SSRC and command sequence number
    error: NotRequired[int]  # the body of this packet is broken: a Status

def classify_datagram(data: bytes) -> Literal["unknown", "stun", "dtls", "rtp", "rtcp"]: ...
def seq16_difference(a: int, b: int) -> int: ...
def timestamp32_difference(a: int, b: int) -> int: ...
def unwrap16(reference: int, seq16: int) -> int: ...
def unwrap32(reference: int, value: int) -> int: ...
def rtp_parse_header(data: bytes) -> RtpHeader: ...
def rtp_payload(data: bytes) -> bytes:
    """The payload of a whole packet, without padding."""

def rtp_write_fixed_header(
    *,
    payload_type: int,
    marker: bool,
    seq16: int,
    timestamp: int,
    ssrc: int,
    csrc_count: int = 0,
    has_extension: bool = False,
) -> bytes: ...
def extensions_parse(packet: bytes, kinds: Mapping[int, ExtensionKind]) -> list[tuple[ExtensionKind, bytes]]:
    """The elements of a whole packet whose id is in `kinds`, in the order of the wire."""

def extensions_write(
    elements: Sequence[tuple[int, bytes]], *, two_byte: bool, capacity: int = 1024
) -> tuple[bytes, list[int]]:
    """The block of (id, data) elements, and the status of each."""

def extension_fits_one_byte(id: int, size: int) -> bool: ...
def rtcp_parse(data: bytes) -> list[RtcpPacket]:
    """Every packet of a compound. One with a broken body has `error`; a broken compound raises."""

def rtcp_parse_as_every_type(data: bytes) -> list[dict[str, int]]:
    """The status of each parser on each packet of a compound, up to where the compound breaks."""

def rtcp_parse_nack(data: bytes, capacity: int) -> list[int]: ...
def rtcp_write_sr(info: SenderInfo, blocks: Sequence[ReportBlock] = (), capacity: int = 2048) -> bytes: ...
def rtcp_write_rr(sender_ssrc: int, blocks: Sequence[ReportBlock] = (), capacity: int = 2048) -> bytes: ...
def rtcp_write_sdes_cname(ssrc: int, cname: bytes, capacity: int = 2048) -> bytes: ...
def rtcp_write_bye(ssrc: int, capacity: int = 2048) -> bytes: ...
def rtcp_write_pli(sender_ssrc: int, media_ssrc: int, capacity: int = 2048) -> bytes: ...
def rtcp_write_fir(sender_ssrc: int, media_ssrc: int, command: int, capacity: int = 2048) -> bytes: ...
def rtcp_write_nack(sender_ssrc: int, media_ssrc: int, seqs: Sequence[int], capacity: int = 2048) -> bytes: ...
def payload_starts_keyframe(codec: Codec, payload: bytes) -> bool: ...
def vp8_parse(payload: bytes) -> Vp8Descriptor: ...
def vp8_rewrite(payload: bytes, picture_id: int, tl0picidx: int) -> bytes:
    """The payload with its picture id and TL0PICIDX replaced."""

def vp9_parse(payload: bytes) -> Vp9Descriptor: ...
def h264_starts_keyframe(payload: bytes) -> bool: ...
def av1_parse(payload: bytes) -> Av1AggregationHeader: ...
