"""A participant that is no browser: the control protocol as MessagePack over a WebSocket, media by aiortc."""

from __future__ import annotations

import asyncio
import itertools
from fractions import Fraction
from typing import Any

import aiohttp
import av
import msgpack
import numpy
from aiortc import MediaStreamTrack, RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

REQUEST, RESPONSE, NOTIFICATION = range(3)
WIDTH, HEIGHT, FPS = 320, 240, 10
SAMPLE_RATE, SAMPLES, TONE_HZ = 48_000, 960, 440


class Pattern(MediaStreamTrack):
    """Moving stripes."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count()
        self._started: float | None = None

    async def recv(self) -> av.VideoFrame:
        number = next(self._numbers)
        await self._until(number / FPS)
        stripes = (numpy.arange(WIDTH)[None, :] + numpy.arange(HEIGHT)[:, None] + 4 * number) % 256
        frame = av.VideoFrame.from_ndarray(stripes.astype(numpy.uint8), format="gray8").reformat(format="yuv420p")
        frame.pts, frame.time_base = number * 90_000 // FPS, Fraction(1, 90_000)
        return frame

    async def _until(self, due_s: float) -> None:
        now = asyncio.get_running_loop().time()
        if self._started is None:
            self._started = now
        await asyncio.sleep(max(0.0, self._started + due_s - now))


class Tone(Pattern):
    """A sine."""

    kind = "audio"

    async def recv(self) -> av.AudioFrame:
        number = next(self._numbers)
        await self._until(number * SAMPLES / SAMPLE_RATE)
        phase = (numpy.arange(SAMPLES) + number * SAMPLES) * (2 * numpy.pi * TONE_HZ / SAMPLE_RATE)
        wave = (numpy.sin(phase) * 8_000).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(wave[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, number * SAMPLES, Fraction(1, SAMPLE_RATE)
        return frame


class AiortcPeer:
    """Publishes a pattern and a tone, and receives one audio and one video. `frames` counts what was decoded, by kind;
    `sizes` has the sizes of decoded pictures, `loudness` the highest sample that was heard."""

    def __init__(self) -> None:
        self.frames = {"audio": 0, "video": 0}
        self.sizes: set[tuple[int, int]] = set()
        self.loudness = 0
        # With the other policies it looks for the candidates in the last m-line; they are in the first (RFC 9143 §7.3).
        self._peer = RTCPeerConnection(RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_COMPAT))
        self._ids = itertools.count()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, server_url: str, token: str) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(f"{server_url}rpc")
        self._tasks.append(asyncio.create_task(self._read()))
        await self.request("join", {"token": token})
        for track in (Tone(), Pattern()):
            self._peer.addTransceiver(track, direction="sendonly")
        for kind in ("audio", "video"):
            self._peer.addTransceiver(kind, direction="recvonly")
        self._peer.on("track", lambda track: self._tasks.append(asyncio.create_task(self._decode(track))))
        await self._peer.setLocalDescription(await self._peer.createOffer())
        answer = await self.request("offer", {"sdp": self._peer.localDescription.sdp})
        assert answer["refused"] == {}
        await self._peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        id_ = next(self._ids)
        self._answers[id_] = asyncio.get_running_loop().create_future()
        await self._socket.send_bytes(msgpack.packb([REQUEST, id_, method, params]))
        return await self._answers[id_]

    async def leave(self) -> None:
        await self.request("leave", {})
        await self._peer.close()
        await self._socket.close()
        await self._session.close()
        for task in self._tasks:
            task.cancel()

    async def _read(self) -> None:
        async for message in self._socket:
            assert message.type is aiohttp.WSMsgType.BINARY  # the server speaks as we did
            frame = msgpack.unpackb(message.data)
            if frame[0] != RESPONSE:
                continue
            _, id_, error, result = frame
            if error:
                self._answers[id_].set_exception(AssertionError(error))
            else:
                self._answers[id_].set_result(result)

    async def _decode(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            self.frames[track.kind] += 1
            if isinstance(frame, av.VideoFrame):
                self.sizes.add((frame.width, frame.height))
            else:
                self.loudness = max(self.loudness, int(abs(frame.to_ndarray()).max()))
