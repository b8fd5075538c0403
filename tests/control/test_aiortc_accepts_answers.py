"""aiortc takes the answers to its own offers, first and later ones."""

from __future__ import annotations

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from peers import NOBODY, Peer


async def negotiate(client: RTCPeerConnection, peer: Peer) -> None:
    await client.setLocalDescription(await client.createOffer())
    answer = peer.connection.answer(client.localDescription.sdp)
    # Without connecting: there is nobody at our candidates.
    await client.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
    assert client.signalingState == "stable"


@pytest.mark.parametrize("direction", ["sendonly", "recvonly", "sendrecv"])
async def test_each_direction_and_one_more_track(direction: str) -> None:
    peer = Peer(candidates=NOBODY)
    client = RTCPeerConnection()
    try:
        client.addTransceiver(AudioStreamTrack(), direction=direction)
        await negotiate(client, peer)
        client.addTransceiver(VideoStreamTrack(), direction=direction)
        await negotiate(client, peer)
        mirrored = {"sendonly": (2, 0), "recvonly": (0, 2), "sendrecv": (2, 2)}[direction]
        assert (len(peer.connection.producers), len(peer.connection.slots)) == mirrored
        assert [each.currentDirection for each in client.getTransceivers()] == [direction, direction]
    finally:
        await client.close()
