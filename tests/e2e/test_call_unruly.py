"""Media that somebody sends all the same, without the permission or while muted, reaches nobody."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import OpenPage
from page_script import over_rpc
from person import Person
from real_server import Enter
from server_process import ServerProcess

pytestmark = pytest.mark.browser

UNRULY = over_rpc("unruly_peer.js")
PACKETS = 40


async def test_video_without_the_permission_is_not_forwarded(
    enter: Enter, open_page: OpenPage, server: ServerProcess, room: str
) -> None:
    ada = await enter("Ada", devices=False)
    token = server.token("Mallory", room, "publish_audio")
    sending = await unruly(open_page, server, token=token, alter=True, mute=False)
    assert sending["sent"].keys() == {"audio", "video"}
    assert min(sending["sent"].values()) >= PACKETS
    await ada.hears("Mallory")
    assert [record["source"] for record in server.records(room, "track_published")] == ["microphone"]
    assert await video_packets(ada) == 0


async def test_a_camera_called_a_microphone_is_refused(
    enter: Enter, open_page: OpenPage, server: ServerProcess, room: str
) -> None:
    ada = await enter("Ada", devices=False)
    token = server.token("Mallory", room, "publish_audio")
    sources = {"audio": "microphone", "video": "microphone"}
    sending = await unruly(open_page, server, token=token, alter=True, mute=False, sources=sources)
    assert list(sending["refused"].values()) == ["the m-line is video, but a microphone is not"]
    await ada.hears("Mallory")
    assert await video_packets(ada) == 0


async def test_what_is_sent_while_muted_is_not_forwarded(
    enter: Enter, open_page: OpenPage, server: ServerProcess, room: str
) -> None:
    ada = await enter("Ada", devices=False)
    token = server.token("Mallory", room)
    await unruly(open_page, server, token=token, alter=False, mute=True)
    assert len(server.records(room, "feature_toggled", enabled=False)) == 2
    for source in ("microphone", "camera"):
        # Only what was on its way before the server was told to mute.
        assert (await ada.received("Mallory", source)).get("packetsReceived", 0) < PACKETS // 2
        await ada.stops_receiving("Mallory", source)


async def unruly(
    open_page: OpenPage, server: ServerProcess, *, sources: dict[str, str] | None = None, **how: object
) -> dict[str, Any]:
    page = await open_page(f"{server.url}readyz")  # any page of the server: one without scripts
    sources = sources or {"audio": "microphone", "video": "camera"}
    return await page.evaluate(UNRULY, {"packets": PACKETS, "sources": sources, **how})  # type: ignore[no-any-return]


async def video_packets(person: Person) -> int:
    entries = await person.page.evaluate("mediasrv.getStats()")
    return sum(e["packetsReceived"] for e in entries if e["type"] == "inbound-rtp" and e["kind"] == "video")
