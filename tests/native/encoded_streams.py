"""Real video: frames encoded by the libraries in PyAV and packetised by FFmpeg's RTP muxer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np
import pytest
from mediaplane.testing import wire

FRAME_COUNT = 9
KEYFRAME_INTERVAL = 4
PACKET_SIZE = 600  # small, so that every frame is several packets
WIDTH, HEIGHT = 160, 96

ENCODER_OPTIONS = {
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "b": "600k"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "b": "600k"},
    "libx264": {"tune": "zerolatency", "preset": "ultrafast", "b": "600k"},
    "libsvtav1": {"preset": "11", "crf": "40", "svtav1-params": "pred-struct=1"},
}

os.environ.setdefault("SVT_LOG", "1")  # libsvtav1 is talkative otherwise


@dataclass(frozen=True)
class EncodedFrame:
    keyframe: bool
    payloads: tuple[bytes, ...]  # of its RTP packets, in order
    data: bytes = b""  # as the encoder gave it


def noise(count: int) -> list[av.VideoFrame]:
    """Frames that compress badly: their packets are many."""
    random = np.random.default_rng(1)
    frames = []
    for index in range(count):
        pixels = random.integers(0, 256, (HEIGHT * 3 // 2, WIDTH), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
        frame.pts = index
        frame.time_base = Fraction(1, 30)
        frames.append(frame)
    return frames


class PacketSink:
    """A file to which the RTP muxer writes one packet at a time."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def write(self, packet: bytes) -> int:
        self.packets.append(bytes(packet))
        return len(packet)

    def take_payloads(self) -> tuple[bytes, ...]:
        """The payloads of the RTP packets since the last call; the muxer also writes sender reports."""
        packets, self.packets = self.packets, []
        return tuple(wire.rtp_payload(packet) for packet in packets if wire.classify_datagram(packet) == "rtp")


@contextmanager
def scheduling_kept() -> Iterator[None]:
    """Where it may, libsvtav1 gives who calls it, and thereby whatever that starts later, a real-time priority."""
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


@cache
def encode(encoder: str, **more_options: str) -> tuple[EncodedFrame, ...]:
    """FRAME_COUNT frames with a keyframe every KEYFRAME_INTERVAL. Skips the test where PyAV lacks the encoder."""
    if encoder not in av.codecs_available:
        pytest.skip(f"PyAV {av.__version__} was built without {encoder}")
    sink = PacketSink()
    encoded = []
    container = av.open(sink, "w", format="rtp", options={"packetsize": str(PACKET_SIZE), "strict": "experimental"})
    with scheduling_kept(), container:
        stream = container.add_stream(encoder, rate=30, options=ENCODER_OPTIONS[encoder] | more_options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.gop_size = KEYFRAME_INTERVAL
        for frame in [*noise(FRAME_COUNT), None]:
            for packet in stream.encode(frame):
                keyframe, data = packet.is_keyframe, bytes(packet)
                container.mux(packet)
                encoded.append(EncodedFrame(keyframe, sink.take_payloads(), data))
    assert [frame.keyframe for frame in encoded] == [index % KEYFRAME_INTERVAL == 0 for index in range(FRAME_COUNT)]
    assert all(len(frame.payloads) > 1 for frame in encoded)
    return tuple(encoded)
