"""The encodings of a camera, and switching between them at a receiver."""

from __future__ import annotations

import pytest
from person import Person, Stats
from real_server import Enter
from waiting import until

pytestmark = pytest.mark.browser

WIDTHS = {"q": 320, "h": 640, "f": 1280}


async def test_a_receiver_goes_down_and_up_without_a_freeze(enter: Enter) -> None:
    ada, grace = await enter("Ada"), await enter("Grace", devices=False)
    before = await grace.sees("Ada", width=1280)
    await all_encodings_are_sent(ada)

    for rid in ("q", "h", "f", "q", "f", "h"):
        await choose(grace, "Ada", rid)
        await grace.sees("Ada", width=WIDTHS[rid])
    await grace.request("choose_encoding", {"mid": await grace.slot_of("Ada", "camera"), "rid": None})
    after = await grace.sees("Ada", width=1280)

    assert after["keyFramesDecoded"] >= before["keyFramesDecoded"] + 7
    assert after["freezeCount"] == before["freezeCount"]
    assert after["packetsLost"] == 0
    # A decoder that stumbles asks for a keyframe.
    assert after["pliCount"] == before["pliCount"]
    assert after["framesDropped"] == before["framesDropped"]


async def test_each_receiver_gets_what_its_tile_needs(enter: Enter) -> None:
    await enter("Ada")
    grace = await enter("Grace", devices=False, viewport={"width": 480, "height": 360})
    mary = await enter("Mary", devices=False, viewport={"width": 1600, "height": 1200})
    await grace.sees("Ada", width=320)
    await mary.sees("Ada", width=1280)
    await grace.page.set_viewport_size({"width": 1600, "height": 1200})
    await mary.page.set_viewport_size({"width": 480, "height": 360})
    await grace.sees("Ada", width=1280)
    await mary.sees("Ada", width=320)


async def choose(person: Person, other: str, rid: str) -> None:
    await person.request("choose_encoding", {"mid": await person.slot_of(other, "camera"), "rid": rid})


async def all_encodings_are_sent(person: Person) -> None:
    def all_flow(entries: list[Stats]) -> bool:
        frames = {entry["rid"]: entry["framesSent"] for entry in entries if entry["active"]}
        return frames.keys() == WIDTHS.keys() and min(frames.values()) > 5

    entries = await until(lambda: person.sent("video"), all_flow)
    assert {entry["rid"]: entry["frameWidth"] for entry in entries} == WIDTHS
