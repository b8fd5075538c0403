"""Somebody in a call: the call page in a browser context of its own, and what its WebRTC statistics say."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page
from waiting import TIMEOUT_S, settled, until

Stats = dict[str, Any]

LOOK = "async () => ({ call: window.mediasrv.call, stats: await window.mediasrv.getStats() })"
# Where the machine is busy, Chromium's first probes of the bandwidth come to nothing; its estimate then grows by 8 % a
# second from 300 kbit/s until the largest encoding has room.
ALL_ENCODINGS_TIMEOUT_S = 75
PREVIEW_READY = "document.querySelector('#preview-video').readyState >= 2"


class Person:
    """`others` are called by their names; sources are `microphone`, `camera` and `screen`."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.name = name

    async def join(self) -> None:
        """From the filled form into the room."""
        await self.page.get_by_role("button", name="Join", exact=True).click()
        await self.in_room()

    async def join_with_devices(self) -> None:
        """`join`, once the camera's picture is there."""
        await until(lambda: self.page.evaluate(PREVIEW_READY), bool)
        await self.join()

    async def in_room(self) -> None:
        await until(self._state, lambda state: state == "joined")

    def button(self, name: str) -> Any:
        """A button of the call's bar."""
        return self.page.get_by_role("button", name=name, exact=True)

    def tile(self, name: str) -> Any:
        """Somebody's camera, or initials, with what is said of their microphone and camera."""
        return self.page.get_by_role("group", name=f"{name}: ")

    # --- what the page knows -----------------------------------------------------------------------------------

    async def call(self) -> dict[str, Any]:
        """`window.mediasrv.call`."""
        return await self.page.evaluate("window.mediasrv.call")  # type: ignore[no-any-return]

    async def _state(self) -> str | None:
        return (await self.call() or {}).get("state")

    async def participant_id(self, name: str | None = None) -> str:
        """One's own id, or that of another."""
        return str(_participant(await self.call(), name or self.name)["id"])

    async def slot_of(self, other: str, source: str) -> str | None:
        """The mid of the receive slot that shows it."""
        return _slot_of(await self.call(), other, source)

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        """Ask the server something that the page has no button for."""
        return await self.page.evaluate("([method, params]) => rpcTap.request(method, params)", [method, params])

    # --- what it receives and sends ----------------------------------------------------------------------------

    async def received(self, other: str, source: str) -> Stats:
        """The `inbound-rtp` statistics of what `other` sends; {} while there is nothing."""
        looked = await self.page.evaluate(LOOK)
        mid = _slot_of(looked["call"], other, source)
        entries = (entry for entry in looked["stats"] if entry["type"] == "inbound-rtp" and entry["mid"] == mid)
        return next(entries, {}) if mid else {}

    async def sent(self, kind: str) -> list[Stats]:
        """The `outbound-rtp` statistics: one for each simulcast encoding."""
        entries = await self.page.evaluate("window.mediasrv.getStats()")
        return [entry for entry in entries if entry["type"] == "outbound-rtp" and entry["kind"] == kind]

    async def sees(self, other: str, source: str = "camera", *, width: int | None = None, frames: int = 5) -> Stats:
        """Waits until `frames` more were decoded, of that width if it is given."""
        before = (await self.received(other, source)).get("framesDecoded", 0)
        return await until(
            lambda: self.received(other, source),
            lambda entry: entry.get("framesDecoded", 0) >= before + frames and width in (None, entry.get("frameWidth")),
            TIMEOUT_S if width is None else ALL_ENCODINGS_TIMEOUT_S,
        )

    async def hears(self, other: str) -> Stats:
        """Waits until more of `other`'s voice was played."""
        before = (await self.received(other, "microphone")).get("totalAudioEnergy", 0)
        return await until(
            lambda: self.received(other, "microphone"),
            lambda entry: entry.get("totalAudioEnergy", 0) > before + 1e-6,
        )

    async def stops_receiving(self, other: str, source: str) -> None:
        """Waits until no packets come any more."""

        async def packets() -> int:
            return int((await self.received(other, source)).get("packetsReceived", 0))

        await settled(packets)


def _participant(call: dict[str, Any], name: str) -> dict[str, Any]:
    return next((each for each in call["participants"] if each["name"] == name), {"id": None, "tracks": []})


def _slot_of(call: dict[str, Any], other: str, source: str) -> str | None:
    tracks = {track["id"] for track in _participant(call, other)["tracks"] if track["source"] == source}
    shown = (mid for mid, slot in call["slots"].items() if slot and slot["track_id"] in tracks)
    return next(shown, None)
