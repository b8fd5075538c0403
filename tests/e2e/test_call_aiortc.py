"""A call between a browser and another implementation of WebRTC, over the binary form of the control protocol."""

from __future__ import annotations

import pytest
from aiortc_peer import HEIGHT, WIDTH, AiortcPeer
from real_server import Enter
from server_process import ServerProcess
from waiting import until

pytestmark = pytest.mark.browser


async def test_aiortc_and_a_browser_see_and_hear_each_other(
    enter: Enter, server: ServerProcess, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It leaves loopback addresses out, and the server has no others here.
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    ada = await enter("Ada")
    peer = AiortcPeer()
    await peer.join(server.url, server.token("Aiortc", room))
    seen = await ada.sees("Aiortc", width=WIDTH)
    assert seen["frameHeight"] == HEIGHT
    await ada.hears("Aiortc")

    async def decoded() -> tuple[dict[str, int], set[tuple[int, int]], int]:
        return dict(peer.frames), set(peer.sizes), peer.loudness

    await until(decoded, lambda it: min(it[0].values()) > 10 and it[1] <= {(1280, 720), (640, 360), (320, 180)})
    await until(decoded, lambda it: it[2] > 100)  # the fake microphone beeps once a second
    await peer.leave()
    left = await server.recorded(room, "participant_left", identity="aiortc")
    assert left["reason"] == "left"
    assert {record["codec"] for record in server.records(room, "track_published")} == {"opus", "VP8"}
