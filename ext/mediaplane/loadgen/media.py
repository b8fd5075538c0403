"""What a synthetic peer sends and receives, as negotiated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class AudioSource:
    """Opus-like packets at a fixed pace. `extensions`: URI -> id of the header extensions that were negotiated."""

    ssrc: int
    payload_type: int
    mid: str
    extensions: Mapping[str, int] = field(default_factory=dict)
    packet_bytes: int = 80
    interval_ms: float = 20.0


@dataclass(frozen=True, slots=True)
class VideoSource:
    """VP8-like frames whose sizes vary by a quarter around the mean, keyframes on request.

    `pacing`: "burst" sends a frame's packets at once, "spread" over the frame's interval. `packets`: "equal" cuts a
    frame into packets of about one size as libwebrtc does (the last ones may be a byte longer), "full" into full ones
    and a rest. `rid` (RFC 8852) goes into every packet if its extension was negotiated: a simulcast encoding is a
    source of its own, with the `mid` of the others.
    """

    ssrc: int
    payload_type: int
    mid: str
    bitrate_bps: int
    extensions: Mapping[str, int] = field(default_factory=dict)
    fps: float = 30.0
    packet_bytes: int = 1100
    pacing: Literal["burst", "spread"] = "burst"
    packets: Literal["equal", "full"] = "equal"
    rid: str = ""


@dataclass(frozen=True, slots=True)
class RecordedSource:
    """Opus packets of 20 ms, over and over from the first: (packet, level in -dBov) each."""

    ssrc: int
    payload_type: int
    mid: str
    packets: Sequence[tuple[bytes, int]]
    extensions: Mapping[str, int] = field(default_factory=dict)


Source = AudioSource | VideoSource | RecordedSource


@dataclass(frozen=True, slots=True)
class Stream:
    """An RTP stream that the server will send.

    `ssrc` 0: the answer did not name it. Then it is that of the first packet with `mid` under the header extension
    `mid_id`, or of the first with the payload type if packets carry no MID. `mixed`: it carries a mix, which is opened
    and counted, but not compared with what a source sent.
    """

    kind: Literal["audio", "video"]
    ssrc: int
    payload_type: int
    mid: str = ""
    mid_id: int = 0
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """Both ends of a transport: addresses and secrets of signaling. `dtls_role` is the synthetic peer's own.

    `srtp_profile`: "gcm-128", "gcm-256" or "cm-sha1" offers that one alone; None: all.
    """

    address: str
    port: int
    local_ufrag: str
    local_pwd: str
    remote_ufrag: str
    remote_pwd: str
    fingerprints: Sequence[tuple[str, bytes]]
    dtls_role: Literal["client", "server"] = "client"
    srtp_profile: Literal["gcm-128", "gcm-256", "cm-sha1"] | None = None
