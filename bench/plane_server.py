"""A media plane alone: one worker in a process of its own, told what to do by lines of JSON.

`python -m bench.plane_server SRTP_BACKEND MAX_LINGER_US`

Requests, one for each line, on standard input; answers likewise on standard output:
    {"op": "publish" | "subscribe", "kinds": [...], "ssrcs": [...], "fingerprint": "hex"} -> {"port", "ufrag", "pwd",
    "fingerprint", "ssrcs"}; a subscriber's m-lines get the sources of their kind, oldest first
    {"op": "counters"} -> {name: number}
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Mapping
from typing import Any

from mediaplane.worker import Worker

from mediasrv.loadtest.offer import AUDIO_PAYLOAD_TYPE, EXTENSIONS, RTX_PAYLOAD_TYPE, VIDEO_PAYLOAD_TYPE
from mediasrv.loadtest.scenario import Kind
from mediasrv.rtc.certificate import Certificate

ADDRESS = "127.0.0.1"


class PlaneServer:
    """Hands out ids, and keeps which producers there are."""

    def __init__(self, srtp_backend: str, max_linger_us: int) -> None:
        self._certificate = Certificate.generate()
        self.worker = Worker(
            0,
            [(ADDRESS, 0)],
            certificate=self._certificate.certificate,
            private_key=self._certificate.private_key,
            srtp_backend=srtp_backend,
            max_linger_us=max_linger_us,
        )
        self._last_id = 0
        self._producers: dict[str, list[int]] = {"audio": [], "video": []}

    def handle(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.worker.poll_events(4096)
        if request["op"] == "counters":
            return self.worker.counters()
        if request["op"] == "publish":
            return self._publish(request)
        return self._subscribe(request)

    def _id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _transport(self, request: Mapping[str, Any], extensions: Mapping[str, int]) -> tuple[int, dict[str, Any]]:
        transport, ufrag, pwd = self._id(), secrets.token_hex(4), secrets.token_hex(12)
        self.worker.create_transport(
            transport,
            ice_ufrag=ufrag.encode(),
            ice_pwd=pwd.encode(),
            dtls_role="server",
            fingerprints=[("sha-256", bytes.fromhex(request["fingerprint"]))],
            extensions=extensions,
        )
        digest = self._certificate.fingerprint.digest.hex()
        return transport, {"port": self.worker.port, "ufrag": ufrag, "pwd": pwd, "fingerprint": digest}

    def _publish(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        kinds: list[Kind] = request["kinds"]
        transport, answer = self._transport(request, {u: i for kind in kinds for u, i in EXTENSIONS[kind].items()})
        for mid, (kind, ssrc) in enumerate(zip(kinds, request["ssrcs"], strict=True)):
            producer = self._id()
            video = kind == "video"
            self.worker.create_producer(
                transport,
                producer,
                kind=kind,
                mid=str(mid),
                codecs=[(VIDEO_PAYLOAD_TYPE, "VP8", 90000, 0) if video else (AUDIO_PAYLOAD_TYPE, "opus", 48000, 0)],
                encodings=[("", ssrc, 0)],
                nack=video,
                pli=video,
                fir=False,
                transport_cc=True,
            )
            self._producers[kind].append(producer)
        return {**answer, "ssrcs": request["ssrcs"]}

    def _subscribe(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        transport, answer = self._transport(request, {})
        used = {"audio": 0, "video": 0}
        ssrcs = []
        for mid, kind in enumerate(request["kinds"]):
            consumer, ssrc = self._id(), secrets.randbits(31) | 1
            self.worker.create_consumer(
                transport,
                consumer,
                kind=kind,
                mid=str(mid),
                ssrc=ssrc,
                rtx_ssrc=secrets.randbits(31) | 1 if kind == "video" else 0,
                cname="plane",
                extensions=EXTENSIONS[kind],
                two_byte=False,
            )
            if used[kind] < len(self._producers[kind]):
                types = (
                    (VIDEO_PAYLOAD_TYPE, VIDEO_PAYLOAD_TYPE, RTX_PAYLOAD_TYPE)
                    if kind == "video"
                    else (AUDIO_PAYLOAD_TYPE, AUDIO_PAYLOAD_TYPE, 0)
                )
                self.worker.connect_consumer(consumer, self._producers[kind][used[kind]], [types])
                used[kind] += 1
            ssrcs.append(ssrc)
        return {**answer, "ssrcs": ssrcs}


def main() -> None:
    server = PlaneServer(sys.argv[1], int(sys.argv[2]))
    server.worker.start()
    print(json.dumps({"ready": server.worker.srtp_backend}), flush=True)
    for line in sys.stdin:
        print(json.dumps(server.handle(json.loads(line))), flush=True)
    server.worker.stop()


if __name__ == "__main__":
    main()
