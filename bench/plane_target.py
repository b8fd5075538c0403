"""The media plane alone as a target of load: the counterpart of `bench.plane_server`."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mediaplane.loadgen.media import Connection, Stream

from mediasrv.loadtest.answer import Negotiated, SentLine
from mediasrv.loadtest.errors import ScenarioError
from mediasrv.loadtest.offer import EXTENSIONS, PAYLOAD_TYPES, Sending
from mediasrv.loadtest.scenario import Kind, Profile
from mediasrv.loadtest.server_process import python_process, read_line
from mediasrv.loadtest.target import Target
from mediasrv.rtc.capabilities import MID
from mediasrv.rtc.certificate import Certificate
from mediasrv.rtc.ice import IceCredentials


class PlaneSignaling:
    """Knows one room, in which publishers and subscribers are different peers."""

    own_tracks_return = False

    def __init__(self, process: Process, certificate: Certificate, profile: Profile | None) -> None:
        self._process = process
        self._certificate = certificate
        self._profile = profile
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        async with self._one_at_a_time:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            await self._process.stdin.drain()
            answer: dict[str, Any] = json.loads(await read_line(self._process))
        return answer

    async def counters(self) -> dict[str, int]:
        return await self.ask({"op": "counters"})

    async def publish(self, room: str, identity: str, sends: Sequence[Sending]) -> Negotiated:
        if any(each.is_simulcast for each in sends):
            raise ScenarioError("the media plane alone is not told of simulcast")
        ssrcs = [each.encodings[0][1] for each in sends]
        connection, _ = await self._negotiate("publish", [each.kind for each in sends], ssrcs)
        lines = [SentLine(str(mid), each, EXTENSIONS[each.kind]) for mid, each in enumerate(sends)]
        return Negotiated(connection, lines)

    async def subscribe(self, room: str, identity: str, kinds: Sequence[Kind]) -> Negotiated:
        connection, ssrcs = await self._negotiate("subscribe", kinds, [])
        streams = [
            Stream(kind, ssrc, PAYLOAD_TYPES[kind], str(mid), EXTENSIONS[kind][MID])
            for mid, (kind, ssrc) in enumerate(zip(kinds, ssrcs, strict=True))
        ]
        return Negotiated(connection, streams=streams)

    async def join(
        self, room: str, identity: str, sends: Sequence[Sending], kinds: Sequence[Kind]
    ) -> Sequence[Negotiated]:
        raise ScenarioError("on the media plane alone, publishers and subscribers are different peers")

    async def close(self) -> None:
        pass

    async def _negotiate(
        self, operation: str, kinds: Sequence[Kind], ssrcs: Sequence[int]
    ) -> tuple[Connection, list[int]]:
        """The way there, and the SSRCs by m-line."""
        credentials = IceCredentials.generate()
        digest = self._certificate.fingerprint.digest.hex()
        answer = await self.ask({"op": operation, "kinds": kinds, "ssrcs": ssrcs, "fingerprint": digest})
        connection = Connection(
            address="127.0.0.1",
            port=answer["port"],
            local_ufrag=credentials.ufrag,
            local_pwd=credentials.pwd,
            remote_ufrag=answer["ufrag"],
            remote_pwd=answer["pwd"],
            fingerprints=[("sha-256", bytes.fromhex(answer["fingerprint"]))],
            srtp_profile=self._profile,
        )
        return connection, answer["ssrcs"]


@asynccontextmanager
async def plane_target(
    cpus: Collection[int] | None,
    srtp_backend: str,
    max_linger_us: int,
    certificate: Certificate,
    profile: Profile | None,
) -> AsyncIterator[Target]:
    """A worker without HTTP and rooms."""
    command = ["-m", "bench.plane_server", srtp_backend, str(max_linger_us)]
    async with python_process(command, cpus, talks=True) as process:
        ready = json.loads(await read_line(process))
        signaling = PlaneSignaling(process, certificate, profile)
        name = f"media plane alone, srtp: {ready['ready']}, linger up to {max_linger_us} us"
        yield Target(name, signaling, process.pid, signaling.counters)
