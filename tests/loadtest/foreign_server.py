"""A WHIP and WHEP server that is not ours: full ICE and DTLS of aiortc, and answers without SSRCs.

It is as plain as such servers are: one publisher for each room, every packet goes to every player as it came.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aioice.ice
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters

from mediasrv.rtc.sdp import SessionDescription

TOKEN = "a stream key"


class Peer(RTCDtlsTransport):
    """One connection; what it receives goes to `players`."""

    def __init__(self) -> None:
        self.gatherer = RTCIceGatherer(iceServers=[])
        ice = RTCIceTransport(self.gatherer)
        ice._connection.ice_controlling = False
        super().__init__(ice, [RTCCertificate.generateCertificate()])
        self._set_role("server")
        self.players: list[Peer] = []
        self.forwarded = 0

    async def connect(self, offer: SessionDescription) -> None:
        first = offer.media[0]
        await self.transport.start(RTCIceParameters(first.ice_ufrag, first.ice_pwd))
        announced = [RTCDtlsFingerprint(each.algorithm, each.digest.hex(":")) for each in first.fingerprints]
        await self.start(RTCDtlsParameters(announced))

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        for player in self.players:
            if player.state == "connected":
                self.forwarded += 1
                await player._send_rtp(data)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        pass

    async def end(self) -> None:
        await self.stop()
        await self.transport.stop()


class ForeignServer:
    """`deleted`: sessions that were ended as WHIP says."""

    def __init__(self) -> None:
        self.players: dict[str, list[Peer]] = defaultdict(list)
        self.peers: list[Peer] = []
        self.deleted = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/streams/{room}/{protocol}", self._post)
        app.router.add_delete("/sessions/{number}", self._delete)
        return app

    async def _post(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401, text="who are you?")
        offer = SessionDescription.parse(await request.text())
        players = self.players[request.match_info["room"]]
        peer = Peer()
        self.peers.append(peer)
        await peer.gatherer.gather()
        if request.match_info["protocol"] == "whip":
            peer.players = players
        else:
            players.append(peer)
        task = asyncio.create_task(peer.connect(offer))
        self._tasks.add(task)
        headers = {"Location": f"/sessions/{len(self.peers) - 1}", "Content-Type": "application/sdp"}
        sends = request.match_info["protocol"] == "whep"
        return web.Response(
            status=201, text=self._answer(peer, offer, "sendonly" if sends else "recvonly"), headers=headers
        )

    def _answer(self, peer: Peer, offer: SessionDescription, direction: str) -> str:
        parameters = peer.gatherer.getLocalParameters()
        (fingerprint, *_) = (each for each in peer.getLocalParameters().fingerprints if each.algorithm == "sha-256")
        answer = SessionDescription()
        for kind, value in (("v", "0"), ("o", "- 1 1 IN IP4 0.0.0.0"), ("s", "-"), ("t", "0 0")):
            answer.add(kind, value)
        for offered in offer.media:
            payload_type = offered.formats[0]
            media = answer.begin_media(offered.kind, 9, offered.protocol, [payload_type])
            for attribute in (
                f"mid:{offered.mid}",
                direction,
                f"ice-ufrag:{parameters.usernameFragment}",
                f"ice-pwd:{parameters.password}",
                f"fingerprint:sha-256 {fingerprint.value}",
                "setup:passive",
                "rtcp-mux",
                f"rtpmap:{payload_type} {'opus/48000/2' if offered.kind == 'audio' else 'VP8/90000'}",
                *(f"extmap:{each.id} {each.uri}" for each in offered.extmaps),
            ):
                media.add("a", attribute)
            for each in peer.gatherer.getLocalCandidates():
                media.add("a", f"candidate:1 1 udp {each.priority} {each.ip} {each.port} typ host")
        return str(answer)

    async def _delete(self, request: web.Request) -> web.Response:
        self.deleted += 1
        return web.Response()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for peer in self.peers:
            with contextlib.suppress(ConnectionError):
                await peer.end()


@asynccontextmanager
async def foreign_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, ForeignServer]]:
    """Its URL. It is at 127.0.0.1, which aioice leaves out by itself."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    server = ForeignServer()
    http = TestServer(server.application(), host="127.0.0.1")
    await http.start_server()
    try:
        yield str(http.make_url("")).rstrip("/"), server
    finally:
        await server.close()
        await http.close()
