"""`whip_publisher.py FILE URL` publishes a file over WHIP in real time, over and over, until its standard input ends.
The environment variable WHIP_TOKEN has the token.

A program of its own, as an encoder is: FFmpeg's muxer waits for the HTTP answers without letting Python's threads run.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from fractions import Fraction

import av

WIDTH, HEIGHT, FPS = 640, 360, 15
SAMPLE_RATE, SAMPLES = 48_000, 960
SECONDS = 4
PACKET_S = Fraction(SAMPLES, SAMPLE_RATE)


def make_file(path: str) -> None:
    """A test pattern and a tone, as H264 (constrained baseline, a keyframe every second) and Opus."""
    with av.open(path, "w", format="matroska") as container:
        video = container.add_stream(
            "libx264", rate=FPS,
            options={"profile": "baseline", "preset": "ultrafast", "tune": "zerolatency", "g": str(FPS), "bf": "0"},
        )  # fmt: skip
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("libopus", rate=SAMPLE_RATE, layout="stereo")
        pattern = av.filter.Graph()
        source = pattern.add("testsrc", f"size={WIDTH}x{HEIGHT}:rate={FPS}:duration={SECONDS}")
        pixels, sink = pattern.add("format", "yuv420p"), pattern.add("buffersink")
        source.link_to(pixels)
        pixels.link_to(sink)
        pattern.configure()
        for index in range(FPS * SECONDS):
            frame = pattern.pull()
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(frame))
        tone = av.filter.Graph()
        source = tone.add("sine", f"frequency=440:sample_rate={SAMPLE_RATE}:samples_per_frame={SAMPLES}")
        shape, sink = tone.add("aformat", "sample_fmts=s16:channel_layouts=stereo"), tone.add("abuffersink")
        source.link_to(shape)
        shape.link_to(sink)
        tone.configure()
        for index in range(SAMPLE_RATE * SECONDS // SAMPLES):
            sound = tone.pull()
            sound.pts, sound.time_base = index * SAMPLES, Fraction(1, SAMPLE_RATE)
            container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def publish(path: str, url: str, token: str, ended: threading.Event) -> None:
    with av.open(url, "w", format="whip", options={"authorization": token}) as output:
        start = time.monotonic()
        round_ = 0
        streams: dict[int, av.stream.Stream] = {}
        while not ended.is_set():
            with av.open(path) as source:
                for stream in source.streams:
                    if round_ == 0:
                        streams[stream.index] = output.add_stream_from_template(stream)
                for packet in source.demux():
                    # What the encoder's delay puts behind the end would not come before the next round's first.
                    if packet.dts is None or packet.dts * packet.time_base > SECONDS - PACKET_S:
                        continue
                    shift = int(round_ * SECONDS / packet.time_base)
                    packet.pts += shift
                    packet.dts += shift
                    due = start + float(packet.dts * packet.time_base)
                    if ended.wait(max(0.0, due - time.monotonic())):
                        break
                    packet.stream = streams[packet.stream.index]
                    output.mux(packet)
            round_ += 1


def main() -> None:
    path, url = sys.argv[1:]
    ended = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    publish(path, url, os.environ["WHIP_TOKEN"], ended)


if __name__ == "__main__":
    main()
